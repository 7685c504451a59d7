"""Who may call which view of the page."""

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from bmprov.model import Role
from bmprov.orders import Caller
from bmprov.services import Services
from bmprov.web.people import cookies
from tests.bmprov.web.signing_in import OWN_PAGE, Tab

ANYBODYS = {
    "web.sign_in",
    "web.try_sign_in",
    "web.link",
    "web.redeem_link",
    "web.sign_on",
    "web.sign_on_back",
    "web.wall",
    "web.hang_wall",
    "web.nowhere",
}
"""Views that strangers may call. Whoever adds one must say so here."""


def views(app: Flask) -> Iterator[tuple[str, str, str, frozenset[Role]]]:
    """Endpoint, method, a path, and the roles that may."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("web."):
            roles = app.view_functions[rule.endpoint].roles  # type: ignore[attr-defined] # `allowed` has put it there
            method = "POST" if "POST" in (rule.methods or ()) else "GET"
            yield rule.endpoint, method, re.sub(r"<[^>]*>", "nothing", rule.rule), roles


def test_every_view_says_who_may_call_it(app: Flask) -> None:
    """One that is not marked by `allowed` would be everybody's; only those that must be are."""
    unmarked = [name for name, view in app.view_functions.items() if "web." in name and not hasattr(view, "roles")]
    assert unmarked == []
    assert {endpoint for endpoint, *_, roles in views(app) if not roles} <= ANYBODYS
    assert all(roles <= set(Role) - {Role.CLOUD} for *_, roles in views(app))


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.ADMIN])
def test_each_role_may_call_what_it_should_and_nothing_else(app: Flask, tab_as: Callable[..., Tab], role: Role) -> None:
    """Every view, called with nothing but a session and its token: 403 where the role is wrong, and nowhere else."""
    for endpoint, method, path, roles in views(app):
        if endpoint in ANYBODYS or endpoint == "web.live":
            continue
        somebody = tab_as(role)
        answer = somebody.post_form(path) if method == "POST" else somebody.get(path)
        assert (answer.status_code == 403) == (role not in roles), (endpoint, answer.status_code)
        assert answer.status_code != 401, endpoint
        if role not in roles:
            assert "the role that may do this" in answer.text


def test_strangers_may_call_nothing(app: Flask, stranger: Tab) -> None:
    """They are sent to the sign-in page, or refused."""
    for endpoint, method, path, _roles in views(app):
        if endpoint in ANYBODYS:
            continue
        answer = stranger.post(path, headers=OWN_PAGE) if method == "POST" else stranger.get(path)
        assert answer.status_code == (401 if method == "POST" or endpoint == "web.live" else 303), endpoint


def test_a_wall_screen_looks_and_changes_nothing(app: Flask, services: Services, stranger: Tab) -> None:
    """It is a viewer without a name: no view that changes anything lets it in, nor any about people."""
    made = services.orders.add_wall_link("lobby", Caller("boss", Role.ADMIN))
    stranger.set_cookie(cookies.WALL, made.secret)
    for endpoint, method, path, roles in views(app):
        if endpoint in ANYBODYS or endpoint in ("web.live", "web.sign_out"):
            continue
        answer = stranger.post(path, headers=OWN_PAGE) if method == "POST" else stranger.get(path)
        looks = method == "GET" and Role.VIEWER in roles and not path.startswith("/me")
        assert (answer.status_code == 403) == (not looks), (endpoint, answer.status_code)
