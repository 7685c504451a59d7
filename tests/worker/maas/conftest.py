"""A region with four machines, and our client with its administrator's key."""

from collections.abc import Iterator

import pytest

from bmprov.deadline import Deadline
from tests.maas.running import RunningRegion, region
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
def lab(wire: Wire) -> MaasRegion:
    return MaasRegion(wire)


@pytest.fixture
def by() -> Deadline:
    return Deadline.after(20)
