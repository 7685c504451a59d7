"""A running `serve` over TLS and Debian's Chromium, one of each for a module; every page has somebody signed in."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from bmprov.model import Role
from bmprov.queue import JobQueue
from bmprov.store import Store
from bmprov.web.people import cookies
from tests import databases
from tests.bmprov.test_serve import Server, serving, settings_in
from tests.bmprov.web.signing_in import signed_in
from tests.browser import browser

GRAVE = {"serious", "critical"}

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, valkey: str) -> Iterator[Server]:
    settings = settings_in(tmp_path_factory.mktemp("pages"), valkey)
    databases.sqlite(settings.key_file.with_name("bmprov.db"))
    with serving(settings) as started:
        yield started


@pytest.fixture(scope="module")
def store(server: Server) -> Iterator[Store]:
    """The server's database, for what happens while a page is open."""
    with closing(Store(server.settings.database)) as opened:
        yield opened


@pytest.fixture(scope="module")
def queue(valkey: str) -> JobQueue:
    """The server's Redis."""
    return JobQueue(valkey)


@pytest.fixture(scope="module")
def chromium(server: Server) -> Iterator[Open]:
    with browser(server.settings.api.certificate) as opened:
        yield opened


@pytest.fixture
def open_as(chromium: Open, server: Server, store: Store) -> Iterator[Open]:
    """Opens a path as somebody with a role: `open_as(Role.VIEWER, "/now", color_scheme="dark")`."""
    pages: list[Page] = []

    def opened(role: Role, path: str, **context: Any) -> Page:  # noqa: ANN401 - Playwright's `new_context`
        at = f"https://127.0.0.1:{server.port}"
        page = chromium(base_url=at, **context)
        pages.append(page)
        told = {"name": cookies.SESSION, "value": signed_in(store, role), "url": at, "secure": True}
        page.context.add_cookies([told])  # type: ignore[list-item] # a TypedDict
        page.goto(path, wait_until="domcontentloaded")
        return page

    yield opened
    for page in pages:
        page.context.close()


def grave(page: Page) -> list[str]:
    """What axe-core finds serious or critical on a page."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in GRAVE]
