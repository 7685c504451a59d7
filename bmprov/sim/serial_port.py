"""The serial port of a simulated machine: what its system writes reaches who listens, what they type the system.

Like a BMC that keeps a log of the console it has the last of what was written ready for who comes later.
"""

from collections.abc import Callable

Listener = Callable[[bytes], None]
"""Hears what the machine writes."""

_KEPT_BYTES = 1000


class SerialPort:
    """The port. `system` gets what is typed, and None for a break; without one it is lost, as in firmware."""

    __slots__ = ("_listeners", "_recent", "system")

    def __init__(self) -> None:
        self.system: Callable[[bytes | None], None] | None = None
        self._listeners: tuple[Listener, ...] = ()
        self._recent = b""

    def write(self, text: str) -> None:
        """Write, as the machine; lines end as terminals want it."""
        characters = text.replace("\n", "\r\n").encode()
        self._recent = (self._recent + characters)[-_KEPT_BYTES:]
        for listener in self._listeners:
            listener(characters)

    def type(self, characters: bytes | None) -> None:
        """Type these at the machine; None is a break."""
        if self.system is not None:
            self.system(characters)

    def listen(self, listener: Listener) -> None:
        """Hear what the machine writes from now on, and first what it wrote last."""
        self._listeners = (*self._listeners, listener)
        if self._recent:
            listener(self._recent)

    def leave(self, listener: Listener) -> None:
        """Hear no more."""
        self._listeners = tuple(one for one in self._listeners if one != listener)
