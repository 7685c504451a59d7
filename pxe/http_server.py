"""gunicorn for HTTP boot: processes with threads, and connections that may stall for so long and no longer.

A machine that is switched off in the middle of its image says no goodbye, and a hung one reads no more: without limits
each would hold a thread for a quarter of an hour, or for ever. gunicorn sets none on plain connections, so the kernel
does: options of the listening socket are those of what it accepts (Linux, socket(7) and tcp(7)).
"""

import socket
import struct
from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

STALLED_S = 60
_BACKLOG = 2048  # a hall that is switched on at once


def listen(address: str, port: int, stalled_s: int = STALLED_S) -> socket.socket:
    """A listening socket whose connections are given up when nothing moves for `stalled_s`.

    Raises:
        OSError: the port is taken, or the address is not this host's.
    """
    listener = socket.create_server((address, port), backlog=_BACKLOG)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, stalled_s * 1000)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", stalled_s, 0))
    return listener


def serve(listener: socket.socket, processes: int, threads: int, load: Callable[[], Flask]) -> None:
    """Serve what `load` builds, once in each process, until SIGTERM. Ends the process."""
    options = {
        "bind": f"fd://{listener.detach()}",
        "workers": processes,
        "threads": threads,
        "worker_class": "gthread",
        "worker_connections": 4096,
        "keepalive": 5,
        "graceful_timeout": 5,
        "forwarded_allow_ips": "",  # nobody's word is taken for where a request comes from
        "control_socket_disable": True,
        "loglevel": "warning",
    }
    _Gunicorn(options, load).run()


class _Gunicorn(BaseApplication):  # type: ignore[misc] # gunicorn ships no types
    """gunicorn without its command line, its settings files and its environment variables."""

    def __init__(self, options: dict[str, Any], load: Callable[[], Flask]) -> None:
        self._options = options
        self._load = load
        super().__init__()

    def load_config(self) -> None:
        """Take the options that were handed in."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Build the application; called in each process, after the fork."""
        return self._load()
