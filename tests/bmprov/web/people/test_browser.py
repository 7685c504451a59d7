"""Signing in with Chromium, on a real service over TLS: what the browser itself sends is what the page asks for."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from bmprov.model import Role
from bmprov.orders import Caller, NewPerson
from bmprov.serve import build
from bmprov.services import Services
from bmprov.web.people import cookies
from tests.bmprov.test_serve import serving, settings_in
from tests.browser import browser

expect.set_options(timeout=15_000)

BOSS = Caller("boss", Role.ADMIN)
PASSWORD = "a horse that reads maps"


def cookie(context: BrowserContext, name: str) -> dict[str, object]:
    return next((dict(one) for one in context.cookies() if one["name"] == name), {})


@pytest.fixture
def desk(tmp_path: Path, valkey: str) -> Iterator[tuple[Page, Page, Services, str]]:
    """Two people's browsers, the services behind the page, and the host that it is at."""
    with ExitStack() as ended:
        server = ended.enter_context(serving(settings_in(tmp_path, valkey)))
        services = build(server.settings)
        ended.enter_context(closing(services.store))
        opened = ended.enter_context(browser(server.settings.api.certificate, missing=True))
        yield opened(), opened(), services, f"127.0.0.1:{server.port}"


def test_from_a_link_to_a_password_to_a_screen_on_the_wall(desk: tuple[Page, Page, Services, str]) -> None:
    """By keyboard alone where one types. Secrets leave the address; no script reads the cookies."""
    page, screen, services, host = desk
    services.orders.add_person(NewPerson("ann", Role.ADMIN), BOSS)
    page.goto(services.sign_in_url("ann", BOSS, host))
    expect(page.get_by_text("You have no password yet: set one here")).to_be_visible()
    assert page.url == f"https://{host}/me"
    page.get_by_label("The new one").fill(PASSWORD)
    page.get_by_label("Once more").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your password is changed")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(f"https://{host}/people")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("ann")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="People")).to_be_visible()
    kept = cookie(page.context, cookies.SESSION)
    assert (kept["secure"], kept["httpOnly"], kept["sameSite"]) == (True, True, "Lax")
    assert page.evaluate("document.cookie") == ""
    page.get_by_label("Name of the screen").fill("lobby")
    page.keyboard.press("Enter")
    address = page.locator("code", has_text="/wall#").inner_text()
    screen.goto(address)
    expect(screen.get_by_text("wall:lobby")).to_be_visible()
    assert screen.url == f"https://{host}/"
    page.get_by_role("button", name="Revoke lobby").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke lobby").click()
    expect(page.get_by_text("The link is revoked")).to_be_visible()
    screen.goto(f"https://{host}/now")
    expect(screen.get_by_role("heading", name="Sign in")).to_be_visible()
    screen.goto(f"https://{host}/wall")
    expect(screen.get_by_text("Copy the whole link")).to_be_visible()
