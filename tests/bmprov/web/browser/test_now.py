"""What is being done, in a browser: the bar moves by itself, and the time left is said once it is known."""

import time

import pytest
from playwright.sync_api import expect

from bmprov.lifecycle import State
from bmprov.model import Role
from bmprov.queue import JobQueue
from bmprov.store import Store
from tests import crowded_hall
from tests.bmprov.web.browser.conftest import Open, grave

TOTAL = 4_000_000_000


def test_the_bar_moves_without_a_reload_and_the_time_left_is_of_what_was_seen(
    open_as: Open, store: Store, queue: JobQueue
) -> None:
    """Nothing is said of it in the first three seconds; when an operation is new, it appears."""
    page = open_as(Role.VIEWER, "/now")
    expect(page.locator("#now-running")).to_contain_text("Nothing is being done")
    made = crowded_hall.fill(store, 22)
    expect(page.locator("#now-running")).to_contain_text("writing the image to its disk")
    deploying = next(one for one in made if one.state is State.DEPLOYING)
    with store.read() as transaction:
        operation = transaction.operations.unfinished_of(deploying.id)
    assert operation is not None
    bar, said = page.locator("progress"), page.locator("[data-rate-of]")
    began, told = time.monotonic(), ""
    while not told and time.monotonic() - began < 30:
        queue.set_progress(operation.id, 10_000_000 + int(20_000_000 * (time.monotonic() - began)), TOTAL)
        page.wait_for_timeout(300)
        told = (said.text_content() or "") if said.count() else ""
    assert time.monotonic() - began > 3
    assert "MiB/s, about " in told
    before = float(bar.get_attribute("value") or 0)
    queue.set_progress(operation.id, TOTAL // 2, TOTAL)
    expect(bar).to_have_attribute("value", str(TOTAL // 2))
    assert before < TOTAL // 2


@pytest.mark.parametrize("context", [{"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}}])
def test_nothing_grave_for_those_who_see_or_hear_otherwise(open_as: Open, context: dict[str, object]) -> None:
    page = open_as(Role.VIEWER, "/now", **context)
    assert grave(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
