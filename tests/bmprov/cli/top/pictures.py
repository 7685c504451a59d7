"""Pictures of `bmprov top` for the documentation: `python -m tests.bmprov.cli.top.pictures` writes docs/screenshots."""

import asyncio
import os
import tempfile
from pathlib import Path

from bmprov.cli.top.app import Top
from bmprov.heartbeat import Heart, note_sweep
from bmprov.signs import Doing, Part, Sweep
from tests.bmprov.cli.top.seeded import GIB, Seeded, days_work, fill, served
from tests.valkey import valkey_server

FOLDER = Path("docs/screenshots")
MACHINES, COLUMNS, LINES = 200, 120, 36


async def _take(seeded: Seeded) -> None:
    app = Top(seeded.login)
    async with app.run_test(size=(COLUMNS, LINES)) as pilot:
        with seeded.store.read() as transaction:
            writing = next(
                one for one in transaction.operations.all(unfinished=True) if one.step == "wait for the image"
            )
        for written in range(24):
            seeded.queue.set_progress(writing.id, int((1.7 + 0.01 * written) * GIB), 4 * GIB)
            await pilot.pause(0.1)
        app.save_screenshot("top-now.svg", path=str(FOLDER))
        await pilot.press("2", *["down"] * 4, "right")
        await pilot.pause(1)
        app.save_screenshot("top-hall.svg", path=str(FOLDER))


def _alive(redis: str, seeded: Seeded) -> None:
    """A service all of whose processes live, swept a moment ago."""
    for part in Part:
        for number in range(1, 4 if part is Part.WORKER else 2):
            heart = Heart(redis, part, "default", f"{part}-{number}")
            heart.doing = Doing("an operation" * (number == 1), seeded.clock())
            heart.beat()
    now = seeded.clock()
    note_sweep(seeded.queue.redis, Sweep("default", now - 11, now - 9, MACHINES, MACHINES - 2))


def main() -> None:
    """Take them."""
    os.environ.pop("NO_COLOR", None)
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, valkey_server() as redis, served(Path(folder), redis) as seeded:
        fill(seeded, MACHINES)
        days_work(seeded)
        _alive(redis, seeded)
        asyncio.run(_take(seeded))


if __name__ == "__main__":
    main()
