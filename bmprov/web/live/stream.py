"""One open page, as what is sent to it sees it."""

import queue
from collections.abc import Callable, Iterator
from typing import Protocol

from bmprov.web.live import message

BEAT_S = 15.0
"""How often a page hears that the server lives, so that it notices a dead connection that nobody has closed."""


class Stream(Protocol):
    """Takes messages from any thread and never waits for the page."""

    @property
    def open(self) -> bool:
        """Whether the page is still there, as far as is known."""

    def send(self, data: bytes) -> None:
        """Hand over a message; one to a stream that is not open is lost."""

    def end(self) -> None:
        """Close it, once the page has what was sent before."""


class GeneratedStream:
    """A stream that whoever serves the application reads itself: a test's client, or a server without `hand_over`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._messages: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.open = True

    def send(self, data: bytes) -> None:
        """Hand over a message."""
        self._messages.put(data)

    def end(self) -> None:
        """Let the reader come to an end."""
        self._messages.put(None)

    def __iter__(self) -> Iterator[bytes]:
        try:
            while (data := self._next()) is not None:
                yield data
        finally:
            self.open = False

    def _next(self) -> bytes | None:
        try:
            return self._messages.get(timeout=BEAT_S)
        except queue.Empty:
            return message.beat(self._clock())
