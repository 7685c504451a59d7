"""A turnstile before what costs a host much for each who signs in: so many go through at once, others wait a little."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from bmprov.errors import Retryable


class Turnstile:
    """Lets `at_once` threads through, and has others wait for `patience_s` seconds."""

    def __init__(self, at_once: int, patience_s: float) -> None:
        self._room = BoundedSemaphore(at_once)
        self._patience_s = patience_s

    @contextmanager
    def through(self) -> Iterator[None]:
        """Be one of those who are through, for as long as the block lasts.

        Raises:
            Retryable: there was no room.
        """
        if not self._room.acquire(timeout=self._patience_s):
            raise Retryable("many people are signing in at the moment", "try again in some seconds")
        try:
            yield
        finally:
            self._room.release()
