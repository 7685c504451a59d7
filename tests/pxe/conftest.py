"""A site on a real SQLite file and a real Valkey."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pxe.provisioning import Site


@pytest.fixture
def site(tmp_path: Path, valkey: str) -> Iterator[Site]:
    built = Site(tmp_path, valkey)
    yield built
    built.store.close()
