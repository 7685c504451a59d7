"""Who hears a line, in a test."""

import asyncio
from collections.abc import Callable


async def comes(holds: Callable[[], object]) -> None:
    """Return once it holds."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - threads and other processes bring it about
            await asyncio.sleep(0.01)


class Ear:
    """Keeps what it hears. `why` is why the line was lost."""

    def __init__(self) -> None:
        self.said = b""
        self.notices: list[str] = []
        self.why = ""
        self._changed = asyncio.Event()

    def heard(self, characters: bytes) -> None:
        self.said += characters
        self._changed.set()

    def noticed(self, words: str) -> None:
        self.notices.append(words)
        self._changed.set()

    def lost(self, why: str) -> None:
        assert not self.why, "it is told once"
        self.why = why
        self._changed.set()

    async def hears(self, words: bytes) -> None:
        while words not in self.said:
            await self._next()

    async def loses(self) -> str:
        while not self.why:
            await self._next()
        return self.why

    async def _next(self) -> None:
        self._changed.clear()
        async with asyncio.timeout(40):
            await self._changed.wait()
