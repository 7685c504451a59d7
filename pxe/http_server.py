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
from gunicorn.workers.gthread import ThreadWorker

from bmprov.wsgi import Gunicorn

STALLED_S = 60
_LINGER_S = 0.02
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
        "worker_class": _BootWorker,
        "worker_connections": 4096,
        "keepalive": 5,
        "graceful_timeout": 5,
        "loglevel": "warning",
    }
    Gunicorn(options, load).run()


class _BootWorker(ThreadWorker):  # type: ignore[misc] # gunicorn ships no types
    """gunicorn's threads, without its patience at the end of a connection.

    It waits two seconds for the other side of a connection that it closes, in the loop that accepts the others: a
    machine that is still writing what it was sent would hold up a whole rack.
    """

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection from a listener."""
        super().accept(_Door(listener))


class _Door:
    """A listener whose connections end quickly."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection."""
        accepted, client = self._listener.accept()
        return _Connection(fileno=accepted.detach()), client

    def getsockname(self) -> Any:  # noqa: ANN401 - socket's own type
        """Where it listens."""
        return self._listener.getsockname()


class _Connection(socket.socket):
    """A connection that lingers for a moment only."""

    ending = False

    def shutdown(self, how: int) -> None:
        """The beginning of the end."""
        self.ending = True
        super().shutdown(how)

    def settimeout(self, value: float | None) -> None:
        """Wait no longer than the end may take."""
        super().settimeout(min(value, _LINGER_S) if self.ending and value is not None else value)
