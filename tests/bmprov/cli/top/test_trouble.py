"""`bmprov top` when something is wrong: no service, a wrong token, texts that want to be more than text."""

import asyncio
import socket
from dataclasses import replace

from rich.cells import cell_len

from bmprov.cli.login import Login
from bmprov.cli.top.service import Service
from bmprov.lifecycle import Kind
from bmprov.power import PowerAction
from tests.bmprov.cli.top.conftest import watching
from tests.bmprov.cli.top.seeded import Seeded, begin, fill

HOSTILE = "[bold red]a[/] \x1b[2J\x1b]0;title\x07 \x9b31m \u202eback ウェブサーバー [/] [link=x]"
SHOWN = "[bold red]a[/] �[2J�]0;title� �31m �back ウェブサーバー [/] [link=x]"


def test_texts_of_others_are_texts(empty: Seeded) -> None:
    """Accounts, notes, zones and events with markup, escapes and wide characters are shown as they are."""
    fill(empty, 3)
    begin(empty, 2, Kind.POWER, 5, HOSTILE, action=PowerAction.ON)
    with empty.store.write() as transaction:
        found = transaction.machines.named("r01-u04")
        assert found is not None
        transaction.machines.set_maintenance(found, HOSTILE, HOSTILE)
        transaction.events.add(HOSTILE, actor=HOSTILE, machine="r01-u04", detail=HOSTILE)

    async def look() -> None:
        async with watching(empty.login, (300, 40)) as watcher:
            for keys, words in (
                ("1", f"asked for by {SHOWN}"),
                ("2", f"maintenance: {SHOWN}"),
                ("enter", f"{SHOWN} (set by {SHOWN})"),
                ("3", SHOWN),
            ):
                if keys == "2":
                    await watcher.press("2")
                    await watcher.until("rack r01")
                    await watcher.press("end", "left")
                else:
                    await watcher.press(keys)
                rows = await watcher.until(words)
                assert not [row for row in rows if any(not one.isprintable() for one in row)]
                assert {cell_len(row) for row in rows} == {300}

    asyncio.run(look())


def test_without_the_service_the_last_picture_stays(empty: Seeded) -> None:
    """With the time at which it was true and a sentence, until the service is back."""
    fill(empty, 3)
    begin(empty, 2, Kind.POWER, 5, action=PowerAction.ON)

    async def look() -> None:
        async with watching(empty.login) as watcher:
            await watcher.until("Under way (1)", "as of")
            await asyncio.to_thread(empty.server.stop)
            rows = await watcher.until("did not answer", "look whether `bmprov serve` runs", "Trying again.")
            assert "Under way (1)" in "\n".join(rows)
            assert "r01-u06" in "\n".join(rows)
            as_of = rows[0].rpartition("as of")[2]
            await asyncio.sleep(1.2)  # the clock goes on, the picture does not
            assert watcher.rows[0].rpartition("as of")[2] == as_of
            await watcher.press("2")
            await watcher.until("asking", "did not answer")
            begin(empty, 1, Kind.POWER, 5, action=PowerAction.ON)
            empty.server.start()
            await watcher.press("1")
            await watcher.until("Under way (2)", without="did not answer")

    asyncio.run(look())


def test_a_token_that_is_not_known_is_told(empty: Seeded) -> None:
    """The sentence is the API's, and it goes on asking."""

    async def look() -> None:
        async with watching(replace(empty.login, token="bmprov_wrong")) as watcher:
            await watcher.until("the token is not valid", "Trying again.")

    asyncio.run(look())


def test_a_service_that_never_answers_does_not_hold_up_the_keys() -> None:
    """Pages change, and `q` ends it at once."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        login = Login(f"http://127.0.0.1:{silent.getsockname()[1]}", "t")

        async def look() -> None:
            async with watching(login) as watcher:
                await watcher.until("asking")
                await watcher.press("2", "3", "question_mark")
                await watcher.until("arrows, PgUp PgDn")
                await watcher.press("q", "q")

        asyncio.run(asyncio.wait_for(look(), 10))


def test_what_has_not_changed_is_not_sent_again(empty: Seeded) -> None:
    """The second answer is a 304 and the same object; one machine changes, and one page of ten is sent."""
    fill(empty, 30)

    async def look() -> None:
        async with Service(empty.login) as service:
            first = await service.every("/machines", "machines", limit=3)
            again = await service.every("/machines", "machines", limit=3)
            assert [one["name"] for one in first] == [one["name"] for one in again]
            assert all(one is other for one, other in zip(first, again, strict=True))
            with empty.store.write() as transaction:
                transaction.machines.set_maintenance(empty.machine("r01-u08"), "a new fan", "maria")
            changed = await service.every("/machines", "machines", limit=3)
            assert sum(one is not other for one, other in zip(first, changed, strict=True)) == 3
            assert "a new fan" in [one["maintenance"] for one in changed]

    asyncio.run(look())
