"""What a console's line is, whatever carries it."""

from typing import Protocol


class Listener(Protocol):
    """Who hears the machine. Called in the event loop's thread."""

    def heard(self, characters: bytes) -> None:
        """The machine wrote this."""
        ...

    def noticed(self, words: str) -> None:
        """Something about the line itself that people should know."""
        ...

    def lost(self, why: str) -> None:
        """The line is gone, and not because `close` was called. Told once, as the last."""
        ...


class Line(Protocol):
    """An open line to a machine's serial port."""

    name: str
    """What carries it, in words."""

    def write(self, characters: bytes) -> None:
        """Type these."""
        ...

    def send_break(self) -> None:
        """Send a break: Linux' magic SysRq, and what wakes some firmware."""
        ...

    async def close(self) -> None:
        """Close it. Harmless when it is lost already."""
        ...
