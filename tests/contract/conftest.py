"""Both databases, empty, with a clock that a test moves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bmprov.store import Store
from tests import databases


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Store]:
    sqlite = request.param == "sqlite"
    url = databases.sqlite(tmp_path / "bmprov.db") if sqlite else request.getfixturevalue("postgres_tables")()
    opened = Store(url, clock)
    yield opened
    opened.close()
