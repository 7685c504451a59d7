"""A running `serve` with a topic of the tests' own, and pages that listen to it over TLS."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from bmprov.store import Store
from tests.bmprov.test_serve import Server, serving, settings_in
from tests.bmprov.web.live.wire import PROGRAM
from tests.bmprov.web.signing_in import signed_in

Serve = Callable[..., Server]


@pytest.fixture
def serve(tmp_path: Path, valkey: str, request: pytest.FixtureRequest) -> Iterator[Serve]:
    """Starts a server, on SQLite or (`postgresql=True`) PostgreSQL."""
    with ExitStack() as ended:

        def started(*, processes: int = 1, postgresql: bool = False) -> Server:
            settings = settings_in(tmp_path, valkey)
            if postgresql:
                settings = replace(settings, database=request.getfixturevalue("postgres_tables")())
            settings = replace(settings, api=replace(settings.api, processes=processes))
            server = ended.enter_context(serving(settings, program=PROGRAM))
            with closing(Store(settings.database)) as store:
                server.session = signed_in(store)
            return server

        yield started
