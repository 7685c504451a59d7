"""Both databases say when something was committed, by whomever, and miss nothing."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import text

from bmprov.errors import Retryable
from bmprov.store import Store
from bmprov.store.pulse import Pulse

COMMITS = 2000
KNOWN_WITHIN_S = 20.0
ELSEWHERE = """
import sys
from bmprov.store import Store
with Store(sys.argv[1]).write() as transaction:
    transaction.events.add("something", actor="ann")
"""

CUT_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND datname = current_database()
"""


@pytest.fixture
def pulse(store: Store) -> Iterator[Pulse]:
    with closing(store.pulse()) as pulse:
        yield pulse


def commit(store: Store) -> None:
    with store.write() as transaction:
        transaction.events.add("something", actor="ann")


def test_it_moves_with_a_commit_and_rests_without(store: Store, pulse: Pulse) -> None:
    """The first time too, as nobody knows what was before. Reading moves nothing."""
    assert pulse.moved()
    for _ in range(3):
        commit(store)
        assert pulse.moved()
        with store.read() as transaction:
            transaction.events.newest()
        assert not pulse.moved()


def test_it_moves_with_a_commit_of_another_process(store: Store, pulse: Pulse) -> None:
    pulse.moved()
    url = store.engine.url.render_as_string(hide_password=False)
    subprocess.run([sys.executable, "-c", ELSEWHERE, url], check=True)
    assert pulse.moved()


def test_what_was_undone_and_what_is_not_committed_is_no_news(store: Store, pulse: Pulse) -> None:
    """It moves when a transaction's changes can be read, and not while it is under way."""
    pulse.moved()
    with store.write() as transaction:
        transaction.events.add("something", actor="ann")
        assert not pulse.moved()
    assert pulse.moved()


def test_nothing_is_missed(store: Store, pulse: Pulse) -> None:
    """Each commit becomes known to somebody who asks as fast as they can, in whatever moment of theirs it comes."""
    with store.write() as transaction:
        transaction.connection.execute(text("CREATE TABLE news (number INTEGER)"))
        transaction.connection.execute(text("INSERT INTO news VALUES (0)"))
    known, chance = 0, random.Random(1)
    go, written = threading.Semaphore(0), 0

    def write() -> None:
        nonlocal written
        for number in range(1, COMMITS + 1):
            go.acquire()
            for _ in range(chance.randrange(200)):  # a moment that is another one each time
                pass
            with store.engine.begin() as connection:
                connection.execute(text("UPDATE news SET number = :number"), {"number": number})
            written = number

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    go.release()
    last = time.monotonic()
    with store.engine.connect() as connection:
        while known < COMMITS:
            assert time.monotonic() - last < KNOWN_WITHIN_S, f"commit {written} was missed"
            if pulse.moved():
                found = connection.execute(text("SELECT number FROM news")).scalar_one()
                connection.rollback()
                if found != known:
                    known, last = found, time.monotonic()
                    go.release()
    writer.join()
    assert known == COMMITS


def test_a_database_that_does_not_answer_is_asked_anew(store: Store, pulse: Pulse) -> None:
    """It says so, and when it answers again it takes it that something was committed meanwhile."""
    if store.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no server that could go away")
    pulse.moved()
    with store.engine.connect() as connection:
        connection.execute(text(CUT_OTHERS))
    with pytest.raises(Retryable, match="the database did not answer"):
        pulse.moved()
    assert pulse.moved()
    assert not pulse.moved()
