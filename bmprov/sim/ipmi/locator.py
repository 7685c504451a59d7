"""The light that shows where a machine stands (IPMI 2.0, sections 28.2 and 28.5)."""

from collections.abc import Callable

_DEFAULT_S = 15
_SUPPORTED, _TEMPORARY, _INDEFINITE = 0x40, 0x10, 0x20
_FORCE = 0x01


class Locator:
    """The light. `wall` gives seconds since the epoch."""

    __slots__ = ("_lit_until", "_wall")

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._lit_until = 0.0

    @property
    def state(self) -> int:
        """Its bits in the chassis status."""
        if self._lit_until <= self._wall():
            return _SUPPORTED
        return _SUPPORTED | (_INDEFINITE if self._lit_until == float("inf") else _TEMPORARY)

    def identify(self, data: bytes) -> bytes:
        """Answer Chassis Identify: light it for so many seconds, 0 ends it."""
        seconds = data[0] if data else _DEFAULT_S
        forced = len(data) > 1 and data[1] & _FORCE
        self._lit_until = float("inf") if forced else self._wall() + seconds
        return b""
