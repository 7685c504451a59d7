"""The pages of a whole service in a browser: a deployment that is watched, and power that changes behind our back."""

import configparser
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from bmprov.model import Role
from bmprov.store import Store
from bmprov.web.people import cookies
from tests.bmprov.web.signing_in import signed_in
from tests.browser import browser
from tests.faults.conftest import PACE, House, until

PATIENCE_MS = 30_000


@pytest.fixture
def see(healthy: House) -> Iterator[Callable[[str], Page]]:
    """Opens a path of the service as a viewer."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(healthy.folder / "client.ini")
    at = parser["bmprov"]["endpoint"]
    with closing(Store(f"sqlite:///{healthy.folder / 'bmprov.db'}")) as store, browser(_certificate(parser)) as opened:
        cookie = {"name": cookies.SESSION, "value": signed_in(store, Role.VIEWER, "vera"), "url": at, "secure": True}

        def see(path: str) -> Page:
            page = opened(base_url=at)
            page.context.add_cookies([cookie])  # type: ignore[list-item] # a TypedDict
            page.goto(path, wait_until="domcontentloaded")
            page.evaluate("window.wasHere = true")
            return page

        yield see


def _certificate(parser: configparser.ConfigParser) -> Path:
    return Path(parser["bmprov"]["ca"])


def test_a_deployment_is_watched_to_its_end_without_a_reload(
    healthy: House, see: Callable[[str], Page], tmp_path: Path
) -> None:
    """From CloudStack's call to the machine's own: the bar moves, the steps come, what it fetched stands there."""
    healthy.tune(pace=PACE | {"write_mb_s": 2})
    cloudstack, instance = healthy.cloudstack(tmp_path), healthy.instance()
    creating = healthy.in_background(lambda: cloudstack.create(instance))
    until(lambda: bool(healthy.machines("deploying")), "the deployment")
    [machine] = healthy.machines("deploying")
    page = see(f"/machines/{machine['name']}")
    expect(page.locator("#machine-head")).to_contain_text("Deploy is under way, asked for by admin (Admin)")
    page.locator("#machine-head").get_by_role("link", name="Deploy").click()
    page.evaluate("window.wasHere = true")
    bar, seen = page.get_by_role("progressbar"), set()
    expect(bar).to_be_visible(timeout=PATIENCE_MS)
    while len(seen) < 3 and bar.count():
        seen.add(bar.get_attribute("value", timeout=1000))
        page.wait_for_timeout(200)
    assert len(seen) == 3
    expect(page.locator("#operation-head .outcome")).to_contain_text("succeeded", timeout=PATIENCE_MS)
    timeline = page.locator("#operation-course")
    for told in ("TFTP", "HTTP", "was given", "image: 8.0 MiB", "is deployed"):
        expect(timeline).to_contain_text(told, timeout=PATIENCE_MS)
    assert page.evaluate("window.wasHere")
    creating.join(PATIENCE_MS / 1000)
    healthy.tune(pace=PACE)


def test_power_that_changes_behind_our_back_is_seen(healthy: House, see: Callable[[str], Page], tmp_path: Path) -> None:
    """The sweep finds it, the open page shows it, and it stands out in the events."""
    assert healthy.cloudstack(tmp_path).create(healthy.instance()).succeeded
    [machine] = healthy.machines("active")
    page = see(f"/machines/{machine['name']}")
    expect(page.locator("#machine-power")).to_contain_text("on")
    healthy.tune(bmc_faults={"lies": "off"})
    expect(page.locator("#machine-head .power")).to_have_text("off", timeout=PATIENCE_MS)
    expect(page.locator("#machine-events .out-of-band")).to_contain_text("out-of-band", timeout=PATIENCE_MS)
    assert page.evaluate("window.wasHere")
