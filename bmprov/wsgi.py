"""gunicorn as a library: processes with threads that serve one application each, until SIGTERM."""

import gc
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from bmprov.parenthood import tie_to_me


class Gunicorn(BaseApplication):  # type: ignore[misc] # gunicorn ships no types
    """gunicorn without its command line, its settings files and its environment variables.

    `load` builds the application in each process after the fork: no connection to a database or to Redis survives one.
    """

    def __init__(self, options: Mapping[str, Any], load: Callable[[], Flask]) -> None:
        self._options = {**_COMMON, **options}
        self._load = load
        super().__init__()

    def load_config(self) -> None:
        """Take the options that were handed in."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Build the application; called in each process."""
        return self._load()

    def run(self) -> None:
        """Serve until SIGTERM. The processes die with this one, so that its successor finds the port free."""
        tie = tie_to_me()
        self.cfg.set("post_fork", lambda _arbiter, _worker: tie())
        super().run()


def _freeze(_arbiter: object, _worker: object) -> None:
    """Keep the collector off what was imported before the fork: marking it would copy its pages into each process."""
    gc.freeze()


_COMMON = {
    "pre_fork": _freeze,
    "forwarded_allow_ips": "",  # no proxy's word is taken for who calls
    "control_socket_disable": True,
}
