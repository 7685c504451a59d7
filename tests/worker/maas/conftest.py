"""A region with machines, our client with its administrator's key, and bmprov at work on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bmprov.deadline import Deadline
from tests.maas.running import RunningRegion, region
from tests.worker.maas.house import MaasHouse, house
from worker.maas.calls import MaasRegion
from worker.maas.wire import RegionLogin, Wire


@pytest.fixture
def maas() -> Iterator[RunningRegion]:
    with region(machines=4) as running:
        yield running


@pytest.fixture
def wire(maas: RunningRegion) -> Iterator[Wire]:
    made = Wire(RegionLogin("lab", maas.url, maas.key))
    yield made
    made.close()


@pytest.fixture
def calls(wire: Wire) -> MaasRegion:
    return MaasRegion(wire)


@pytest.fixture
def by() -> Deadline:
    return Deadline.after(20)


@pytest.fixture
def lab(tmp_path: Path, valkey: str, maas: RunningRegion) -> Iterator[MaasHouse]:
    with house(tmp_path, valkey, maas) as built:
        yield built
