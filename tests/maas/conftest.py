"""A region with four machines, and a client of its administrator's."""

from collections.abc import Iterator

import pytest

from tests.maas.client import Client
from tests.maas.running import RunningRegion, region


@pytest.fixture
def maas() -> Iterator[RunningRegion]:
    with region(machines=4) as running:
        yield running


@pytest.fixture
def client(maas: RunningRegion) -> Iterator[Client]:
    with Client(maas.url, maas.key) as made:
        yield made
