"""A live page in Chromium: it changes without a reload, under nobody's hands, and says when it may not be true."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from bmprov.orders.signing_in import digest
from bmprov.store import Store
from bmprov.web.people import cookies
from bmprov.web.people.door import REMEMBERED_S
from tests.bench.measure import read_tree
from tests.bmprov.test_serve import Server
from tests.bmprov.web.live.conftest import Serve
from tests.bmprov.web.live.wire import enrol, write
from tests.browser import browser

expect.set_options(timeout=15_000)


@dataclass
class Desk:
    """A page with three cards, and the store behind it."""

    server: Server
    store: Store
    open: Callable[..., Page]

    def cards(self) -> Page:
        page = self.open()
        url = f"https://127.0.0.1:{self.server.port}"
        page.context.add_cookies([{"name": cookies.SESSION, "value": self.server.session, "url": url, "secure": True}])
        with page.expect_request("**/live/cards**"):
            page.goto(f"{url}/cards")
        return page

    def end_session(self) -> None:
        with self.store.write() as transaction:
            transaction.sessions.end(digest(self.server.session))

    def kill(self) -> None:
        for one in read_tree([self.server.process.pid]):
            if one.pid != self.server.process.pid:
                os.kill(one.pid, signal.SIGKILL)


@pytest.fixture
def desk(serve: Serve) -> Iterator[Desk]:
    server = serve()
    with ExitStack() as ended:
        store = ended.enter_context(closing(Store(server.settings.database)))
        enrol(store, "m-1", "m-2", "m-3")
        opened = ended.enter_context(browser(server.settings.api.certificate, cut_off=True, refused=True))
        yield Desk(server, store, opened)


def test_a_change_is_shown_without_a_reload(desk: Desk) -> None:
    """As text, whatever it is, on every open page; what the reader has opened, typed and focused stays so."""
    pages = [desk.cards(), desk.cards()]
    page = pages[0]
    page.evaluate("window.mark = 'the same page'")
    page.locator("#m-1-more summary").click()
    page.locator("#m-1-reason").fill("a fan is loud")
    page.locator("#filter").fill("m-")
    page.locator("#m-1-reason").focus()
    page.evaluate("document.activeElement.setSelectionRange(2, 5)")
    write(desk.store, "<b>disk</b> & fan")
    for one in pages:
        expect(one.locator("#m-1 p")).to_have_text("<b>disk</b> & fan")
    assert page.evaluate("window.mark") == "the same page"
    assert page.locator("#m-1-more").get_attribute("open") == ""
    assert page.evaluate("[document.activeElement.id, document.activeElement.selectionStart]") == ["m-1-reason", 2]
    assert [page.locator(one).input_value() for one in ("#m-1-reason", "#filter")] == ["a fan is loud", "m-"]


def test_machines_that_come_are_shown_and_nothing_typed_is_lost(desk: Desk) -> None:
    """The page fetches itself and swaps its content."""
    page = desk.cards()
    page.evaluate("window.mark = 'the same page'")
    page.locator("#filter").fill("m-")
    page.locator("#m-2-more summary").click()
    enrol(desk.store, "m-4")
    expect(page.locator("#m-4")).to_have_count(1)
    write(desk.store, "new", "m-4")
    expect(page.locator("#m-4 p")).to_have_text("new")
    assert page.evaluate("window.mark") == "the same page"
    assert page.locator("#filter").input_value() == "m-"
    assert page.locator("#m-2-more").get_attribute("open") == ""


def test_a_question_that_is_open_is_not_taken_away(desk: Desk) -> None:
    """What changes under a dialogue is shown when it is closed."""
    page = desk.cards()
    page.evaluate("document.getElementById('m-1-sure').showModal()")
    write(desk.store, "first", "m-1")
    write(desk.store, "second", "m-2")
    expect(page.locator("#m-2 p")).to_have_text("second")
    assert page.locator("#m-1-sure").get_attribute("open") == ""
    expect(page.locator("#m-1 p")).to_have_text("")
    page.evaluate("document.getElementById('m-1-sure').close()")
    expect(page.locator("#m-1 p")).to_have_text("first")


def test_a_lost_connection_is_said_and_made_good(desk: Desk) -> None:
    """With the time up to which the page is true; when it is back nothing is missing, and the words go."""
    page = desk.cards()
    write(desk.store, "before")
    expect(page.locator("#m-1 p")).to_have_text("before")
    page.evaluate("window.mark = 'the same page'")
    page.context.set_offline(True)
    page.evaluate("new Promise((done) => setTimeout(done, 100))")
    desk.kill()  # Chromium's offline does not cut what is open
    expect(page.locator("#trouble")).to_have_text(re.compile(r"connection to bmprov is lost.*known at \d"))
    write(desk.store, "meanwhile")
    page.context.set_offline(False)
    expect(page.locator("#m-1 p")).to_have_text("meanwhile")
    expect(page.locator("#trouble")).to_be_hidden()
    assert page.evaluate("window.mark") == "the same page"


def test_who_may_no_longer_look_is_sent_to_sign_in(desk: Desk) -> None:
    """Within seconds, although nothing changes on the page."""
    page = desk.cards()
    write(desk.store, "the stream is open")
    expect(page.locator("#m-1 p")).to_have_text("the stream is open")
    desk.end_session()
    expect(page).to_have_url(re.compile("/sign-in"))


def test_who_was_signed_out_behind_a_hidden_page_is_sent_to_sign_in(desk: Desk) -> None:
    """Its stream is refused when it is looked at again, and so is the page."""
    page = desk.cards()
    with page.expect_event("requestfailed", lambda asked: "/live/" in asked.url):
        _hide(page, hidden=True)
    desk.end_session()
    page.wait_for_timeout((REMEMBERED_S + 0.5) * 1000)
    _hide(page, hidden=False)
    expect(page).to_have_url(re.compile("/sign-in"))


def test_a_hidden_page_holds_no_connection(desk: Desk) -> None:
    """Browsers open six to a host: the seventh tab would wait for ever. It catches up when it is looked at."""
    page = desk.cards()
    with page.expect_event("requestfailed", lambda asked: "/live/" in asked.url):
        _hide(page, hidden=True)
    write(desk.store, "meanwhile")
    with page.expect_request("**/live/cards**"):
        _hide(page, hidden=False)
    expect(page.locator("#m-1 p")).to_have_text("meanwhile")


def test_ages_are_told_and_grow(desk: Desk) -> None:
    """The HTML has the time; the reader sees how long ago that was."""
    page = desk.cards()
    expect(page.locator("#m-1 time")).to_have_text(re.compile(r"^\d+ d ago$"))
    page.evaluate("document.querySelector('#m-1 time').dateTime = new Date().toISOString()")
    expect(page.locator("#m-1 time")).to_have_text(re.compile(r"^[12] s ago$"))
    expect(page.locator("#m-1 time")).to_have_text(re.compile(r"^[3-9] s ago$"))


def _hide(page: Page, *, hidden: bool) -> None:
    page.evaluate(
        "(hidden) => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )
