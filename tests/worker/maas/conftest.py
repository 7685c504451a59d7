from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.maas.running import RunningRegion, region
from tests.worker.maas.house import MaasHouse, house


@pytest.fixture
def maas() -> Iterator[RunningRegion]:
    with region(machines=3) as running:
        yield running


@pytest.fixture
def lab(tmp_path: Path, valkey: str, maas: RunningRegion) -> Iterator[MaasHouse]:
    with house(tmp_path, valkey, maas) as built:
        yield built
