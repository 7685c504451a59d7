"""Events come into an open page as they happen; Events, Images and Health are usable by everybody, in both looks."""

import pytest
from playwright.sync_api import expect

from bmprov.model import Role
from bmprov.store import Store
from tests.bmprov.web.browser.conftest import Open, grave

SOON_MS = 10_000


def tell(store: Store, detail: str, what: str = "enrol") -> None:
    with store.write() as transaction:
        transaction.events.add(what, actor="bmprov", machine="rack1-01", detail=detail)


def test_an_event_comes_in_on_top_without_a_reload(open_as: Open, store: Store) -> None:
    tell(store, "the first")
    page = open_as(Role.VIEWER, "/events")
    page.evaluate("window.unloaded = false")
    tell(store, "", "out-of-band power off")
    expect(page.locator("#events tbody tr").first).to_contain_text("nobody had ordered it", timeout=SOON_MS)
    assert page.evaluate("window.unloaded") is False
    assert "loud" in (page.locator("#events tbody tr").first.get_attribute("class") or "")


def test_new_events_wait_while_one_reads_further_down(open_as: Open, store: Store) -> None:
    for number in range(60):
        tell(store, f"earlier {number}")
    page = open_as(Role.VIEWER, "/events")
    page.mouse.wheel(0, 900)
    page.wait_for_function("document.getElementById('events').getBoundingClientRect().top < 0")
    tell(store, "later")
    button = page.get_by_role("button", name="1 new")
    expect(button).to_be_visible(timeout=SOON_MS)
    assert "later" not in page.locator("#events").inner_text()
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#events tbody tr").first).to_contain_text("later")


@pytest.mark.parametrize("path", ["/events", "/images", "/health", "/tokens", "/webhooks"])
def test_nothing_grave_is_in_the_way_of_anybody(open_as: Open, store: Store, path: str) -> None:
    """axe-core, light and dark."""
    tell(store, "", "out-of-band power on")
    for look in ("light", "dark"):
        page = open_as(Role.ADMIN, path, color_scheme=look)
        assert not grave(page)
