"""The pages of `bmprov top`, on a real service, looked at on the screen."""

import asyncio
import re

import pytest

from bmprov.lifecycle import Kind
from bmprov.power import PowerAction
from tests.bmprov.cli.top.conftest import watching
from tests.bmprov.cli.top.seeded import GIB, Seeded, begin, machine


def place(rows: list[str], words: str) -> int:
    """The row that says so."""
    return next(number for number, row in enumerate(rows) if words in row)


def test_now_has_the_oldest_first_and_what_each_waits_for(seeded: Seeded) -> None:
    """Machine, what, step, who asked, how long; bytes, a wait with its end, a retry; and below what has ended."""

    async def look() -> None:
        async with watching(seeded.login) as watcher:
            rows = await watcher.until("Under way (4)", "Ended lately")
            names = [row.split()[0] for row in rows if re.match(r"r\d\d-u\d\d", row)]
            assert names == ["r01-u02", "r01-u08", "r01-u14", "r01-u22", "r01-u04", "r01-u38", "r01-u32"]
            first = rows[place(rows, "r01-u02")]
            assert re.search(r"deploy +wait for the image +anna@ROOT/web \(User\) +3 min \d+ s", first)
            assert "42 % of 4.0 GiB" in rows[place(rows, "r01-u02") + 1]
            assert re.search(r"waits for the ramdisk to call, until [\d:]{8}, 1[23] min \d+ s left", "\n".join(rows))
            assert "power cycle (attempt 3)" in rows[place(rows, "r01-u14")]
            assert "another try: BMC 10.1.0.7 did not answer for 5 s" in rows[place(rows, "r01-u14") + 1]
            assert "is in the queue" in rows[place(rows, "r01-u22") + 1]
            assert "the ramdisk did not call within 900 s: its console" in rows[place(rows, "r01-u32") + 1]

    asyncio.run(look())


def test_the_bar_moves_and_tells_how_long_it_will_take(seeded: Seeded) -> None:
    """The rate is what was seen of the bytes."""
    with seeded.store.read() as transaction:
        everything = transaction.operations.all(unfinished=True)
    writing = next(one.id for one in everything if one.step == "wait for the image")

    async def look() -> None:
        async with watching(seeded.login) as watcher:
            await watcher.until("42 % of 4.0 GiB")
            seeded.queue.set_progress(writing, int(2.21 * GIB), 4 * GIB)
            rows = await watcher.until("55 % of 4.0 GiB", "iB/s")
            assert re.search(r"55 % of 4.0 GiB, [\d.]+ [KMG]iB/s, (\d+ min )?\d+ s left", "\n".join(rows))

    asyncio.run(look())


def test_what_begins_and_ends_is_seen_without_a_key(seeded: Seeded) -> None:
    """Within a second or two, and the cursor stays on its operation."""

    async def look() -> None:
        async with watching(seeded.login) as watcher:
            await watcher.until("Under way (4)")
            await watcher.press("down", "down")
            await watcher.until("cycle of r01-u14  asked for by anna@ROOT/web (User) through cloud1")
            begin(seeded, 4, Kind.POWER, 3600, action=PowerAction.ON)
            rows = await watcher.until("Under way (5)", "cycle of r01-u14  asked for by")
            assert place(rows, "r01-u10") < place(rows, "r01-u02")

    asyncio.run(look())


def test_the_hall_by_zone_and_rack(seeded: Seeded) -> None:
    """From the top unit down, a light and a shape for each machine, and how many there are of each."""

    async def look() -> None:
        async with watching(seeded.login) as watcher:
            await watcher.press("2")
            rows = await watcher.until("zone fra1", "rack r01  20 machines, 2 in error", "rack r03")
            assert "✗ 2 error" in "".join(rows)
            assert "▶ 2 deploying" in "".join(rows)
            assert "● ✗   r01-u24" in "\n".join(rows)
            assert "○ ◆   r01-u22" in "\n".join(rows)
            assert "! r02-u04" in "\n".join(rows)
            assert rows[place(rows, "rack r01") + 1].split()[2] == "r01-u40"
            await watcher.press("right", "down")
            assert await watcher.until("r01-u26  active, power on, read")

    asyncio.run(look())


FOUND = {
    "r02-u0": 4,
    "52:54:00:00:01:00": 1,
    "error": 2,
    "GPU r03": 10,
    "maintenance": 1,
    "deploying anna": 1,
    "nothing of the kind": 0,
}


def test_the_hall_is_filtered_as_somebody_types(seeded: Seeded) -> None:
    """By name, MAC, state, tag and place, person; Enter gives the cursor back to the arrows, Esc ends the filter."""

    async def look() -> None:
        async with watching(seeded.login) as watcher:
            await watcher.press("2")
            await watcher.until("r03-u40")
            for typed, found in FOUND.items():
                await watcher.press("slash")
                await watcher.type(typed)
                await watcher.until(f"{found} of 60:")
                await watcher.press("enter", "down", "escape")
                await watcher.until("r03-u40", without="of 60:")

    asyncio.run(look())


def test_from_the_hall_to_a_machine_to_its_operation_and_back(seeded: Seeded) -> None:
    """Power with when it was read, NICs, BMC; the timeline with the cause and what to check; Esc goes back."""

    async def look() -> None:
        async with watching(seeded.login) as watcher:
            await watcher.press("2", "slash")
            await watcher.type("r01-u32")
            await watcher.until("1 of 60:")
            await watcher.press("enter", "enter")
            rows = await watcher.until("power", "ipmi://10.1.0.16:623", "52:54:00:00:00:0f netboot", "Operations")
            assert re.search(r"power +off, read [\d.]+ (s|min).* ago", "\n".join(rows))
            assert "64 cpus, 262144 MiB, 1920 GiB disk" in "\n".join(rows)
            await watcher.press("enter")
            await watcher.until(
                "deploy of r01-u32  failed  after 9 min 50 s",
                "asked for by anna@ROOT/web (User) through cloud1",
                "error  the ramdisk did not call within 900 s",
                "check  its console",
            )
            await watcher.press("escape")
            await watcher.until("Operations", "ipmi://10.1.0.16:623")
            await watcher.press("escape")
            await watcher.until("1 of 60:")

    asyncio.run(look())


def test_power_that_nobody_ordered_stands_out(seeded: Seeded) -> None:
    """It has a mark of its own and is counted; Enter opens the machine."""

    async def look() -> None:
        async with watching(seeded.login) as watcher:
            await watcher.press("3")
            rows = await watcher.until("▲ out-of-band power off", "power that nobody ordered: 1")
            assert not rows[place(rows, "maintenance set")].count("▲")
            await watcher.press("slash")
            await watcher.type("12:08")
            await watcher.until("the newest 1 events")
            await watcher.press("enter", "enter")
            await watcher.until(machine(2).bmc.address)

    asyncio.run(look())


def test_an_empty_hall_says_what_to_do(empty: Seeded) -> None:
    """And that nothing is under way."""

    async def look() -> None:
        async with watching(empty.login) as watcher:
            await watcher.until("Nothing is being done to any machine.")
            await watcher.press("2")
            await watcher.until("No machine is enrolled: see `bmprov machine enroll --help`.")
            await watcher.press("3")
            await watcher.until("Nothing has happened yet.")
            await watcher.press("down", "up", "home", "end", "pagedown", "enter", "question_mark")
            await watcher.until("arrows, PgUp PgDn", "■ active")

    asyncio.run(look())


@pytest.mark.parametrize("size", [(80, 24), (200, 50), (30, 8), (5, 3)])
def test_every_line_is_as_wide_as_the_screen(seeded: Seeded, size: tuple[int, int]) -> None:
    """On any terminal, also when it changes: nothing runs over the edge and nothing falls over."""

    async def look() -> None:
        async with watching(seeded.login) as watcher:
            await watcher.until("Under way (4)")
            for page in ("1", "2", "enter", "3", "question_mark"):
                await watcher.press(page)
                await watcher.resize(*size)
                await watcher.resize(100, 30)

    asyncio.run(look())


def test_how_the_service_is_stands_on_every_page(seeded: Seeded) -> None:
    """Queue, workers, sweep, and the worst of what is wrong with what to check."""
    seeded.queue.nudge(begin(seeded, 4, Kind.POWER, 1, action=PowerAction.ON))

    async def look() -> None:
        async with watching(seeded.login, (160, 40)) as watcher:
            for page in "123":
                await watcher.press(page)
                rows = await watcher.until("queue 1", "no worker alive", "power swept")
                assert re.match(r"(error|warning): .+: .+", rows[2])

    asyncio.run(look())
