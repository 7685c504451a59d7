"""All that keeps the open pages of one process up to date: the follower's thread, the relay's, and who listens."""

import atexit
import contextlib
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import structlog

from bmprov.store import Store
from bmprov.web.live.follower import TICK_S, Follower, Listener
from bmprov.web.live.relay import Line, Relay
from bmprov.web.live.stream import Stream
from bmprov.web.live.topic import Topic, Topics

MOST_STREAMS = 1000
"""Streams that one process holds; whoever comes after that reloads the page from time to time instead."""

_PATIENCE_S = 5.0
_SLOW = "the database takes more than 5 s to answer: this page shows what was known before"
_FAULT = "this page is not kept up to date, reload it: what is wrong stands in the service's log"
_AFTER_FAULT_S = 1.0

_log = structlog.get_logger("bmprov.live")


class Hub:
    """Begins its threads with the first page, so that it may be made before a process knows that it will serve."""

    def __init__(
        self,
        store: Store,
        topics: Topics,
        frame: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext,
        most_streams: int = MOST_STREAMS,
    ) -> None:
        self.topics = topics
        self._store = store
        self._most = most_streams
        self._follower = Follower(store, frame)
        self._relay = Relay(store.clock, self._look_after)
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="bmprov-live-follower", daemon=True)

    @property
    def full(self) -> bool:
        """Whether it holds as many streams as it may."""
        return self._relay.count >= self._most

    def attach(self, line: Line, head: bytes) -> Stream:
        """A stream on a connection."""
        self._start()
        return self._relay.attach(line, head)

    def join(self, name: str, topic: Topic, listener: Listener) -> None:
        """Let a page follow a topic."""
        self._start()
        self._follower.join(name, topic, listener)
        self._wake.set()

    def close(self) -> None:
        """End all streams and both threads."""
        atexit.unregister(self.close)
        with self._lock:
            started = self._thread.ident is not None
            self._closed.set()
        self._wake.set()
        if started:
            self._thread.join(1.0)
            self._relay.close()

    def _start(self) -> None:
        with self._lock:
            if self._thread.ident is None and not self._closed.is_set():
                atexit.register(self.close)
                self._relay.start()
                self._thread.start()

    def _run(self) -> None:
        while not self._closed.is_set():
            self._wake.wait(TICK_S if self._follower.busy else None)
            self._wake.clear()
            self._tick()
        self._follower.close()

    def _tick(self) -> None:
        try:
            self._follower.tick()
        except Exception:  # noqa: BLE001 - the outermost loop: a fault is told, and it goes on
            _log.exception("open pages are not kept up to date")
            self._follower.tell(_FAULT)
            self._closed.wait(_AFTER_FAULT_S)

    def _look_after(self) -> None:
        """In the relay's thread, as the follower's own may hang in a database that says neither yes nor no."""
        if self._follower.behind_s() > _PATIENCE_S:
            self._follower.tell(_SLOW)
