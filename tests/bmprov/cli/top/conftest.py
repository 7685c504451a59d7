"""A seeded service, and `bmprov top` on it with somebody at the keys."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from bmprov.cli.login import Login
from bmprov.cli.top.app import Top
from bmprov.queue import JobQueue
from tests.bmprov.cli.top.seeded import Seeded, days_work, fill, served

SIZE = (100, 30)


@pytest.fixture
def empty(folder: Path, valkey: str) -> Iterator[Seeded]:
    JobQueue(valkey).redis.flushall()
    with served(folder, valkey) as seeded:
        yield seeded


@pytest.fixture
def seeded(empty: Seeded) -> Seeded:
    fill(empty, 60)
    days_work(empty)
    return empty


class Watcher:
    """Somebody at the keys."""

    def __init__(self, pilot: Pilot[None]) -> None:
        self._pilot = pilot

    @property
    def app(self) -> Top:
        assert isinstance(self._pilot.app, Top)
        return self._pilot.app

    @property
    def rows(self) -> list[str]:
        """The screen."""
        return [strip.text for strip in self.app.screen._compositor.render_strips()]

    async def press(self, *keys: str) -> None:
        await self._pilot.press(*keys)

    async def type(self, words: str) -> None:
        await self._pilot.press(*("space" if one == " " else one for one in words))

    async def resize(self, columns: int, lines: int) -> None:
        await self._pilot.resize_terminal(columns, lines)
        for _ in range(200):
            if [len(row) for row in self.rows] == [columns] * lines:
                return
            await self._pilot.pause(0.05)
        raise AssertionError(self.rows)

    async def until(self, *words: str, without: str = "", within_s: float = 30.0) -> list[str]:
        """Wait until the screen says so, with whatever blanks and breaks between its words."""
        for _ in range(int(within_s / 0.05)):
            rows = self.rows
            said = _plain(" ".join(rows))
            if all(_plain(word) in said for word in words) and not (without and without in said):
                return rows
            await self._pilot.pause(0.05)
        raise AssertionError("\n".join([f"{words} and not {without!r}", *map(str.rstrip, self.rows)]))


def _plain(words: str) -> str:
    return " ".join(words.split())


@asynccontextmanager
async def watching(login: Login, size: tuple[int, int] = SIZE) -> AsyncIterator[Watcher]:
    """`bmprov top`, until the end of the block."""
    async with Top(login).run_test(size=size) as pilot:
        yield Watcher(pilot)
