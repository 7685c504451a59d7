"""*Me*, *People*, and screens on walls."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask

from bmprov.model import Role
from bmprov.orders import Caller, NewPerson
from bmprov.services import Services
from bmprov.web.people import cookies
from bmprov.web.visitor import Visitor
from tests.bmprov.web.signing_in import Tab, signed_in, tab, words

PASSWORD, NEW = "a horse that reads maps", "an owl that sings bass"
BOSS = Caller("boss", Role.ADMIN, "", "10.0.0.1")


def whats(services: Services) -> list[str]:
    with services.store.read() as transaction:
        return [one.what for one in reversed(transaction.events.newest(1000))]


@pytest.fixture
def ann(services: Services) -> str:
    services.orders.add_person(NewPerson("ann", Role.OPERATOR, PASSWORD), BOSS)
    return "ann"


def test_i_change_my_password_and_my_other_sessions_end(tab_as: Callable[..., Tab], ann: str) -> None:
    """The old one must be shown; the new one twice; this session goes on."""
    here, elsewhere = tab_as(Role.OPERATOR, ann), tab_as(Role.OPERATOR, ann)
    for fields, said in (
        ({"old": "wrong", "new": NEW, "again": NEW}, "The old password is wrong"),
        ({"old": PASSWORD, "new": NEW, "again": "other"}, "typed in two ways"),
        ({"old": PASSWORD, "new": "short", "again": "short"}, "12 to 256 characters"),
    ):
        assert here.post_form("/me/password", **fields).location == "/me"
        assert said in words(here.get("/me"))
    assert elsewhere.get("/me").status_code == 200
    here.post_form("/me/password", old=PASSWORD, new=NEW, again=NEW)
    assert "Your password is changed" in words(here.get("/me"))
    assert elsewhere.get("/me").status_code == 303
    assert elsewhere.post_form("/sign-in", name=ann, password=PASSWORD).status_code == 401
    assert elsewhere.post_form("/sign-in", name=ann, password=NEW).status_code == 303


def test_guessing_the_old_password_is_limited_too(tab_as: Callable[..., Tab], ann: str, services: Services) -> None:
    """Who sits down at an open screen cannot try for ever."""
    here = tab_as(Role.OPERATOR, ann)
    for _ in range(10):
        here.post_form("/me/password", old="wrong", new=NEW, again=NEW)
    assert here.post_form("/me/password", old=PASSWORD, new=NEW, again=NEW).status_code == 503
    assert whats(services).count("sign-in failed") == 10


def test_i_see_my_sessions_and_end_them_one_by_one(
    tab_as: Callable[..., Tab], ann: str, services: Services, app: Flask
) -> None:
    """With origin and browser, as text; nobody ends another's."""
    browser = {"HTTP_USER_AGENT": "<script>alert(1)</script>\x00 Netscape", "REMOTE_ADDR": "10.1.2.3"}
    other = tab(app)
    data = {"name": ann, "password": PASSWORD}
    other.post("/sign-in", data=data, headers={"Sec-Fetch-Site": "same-origin"}, environ_base=browser)
    here = tab_as(Role.OPERATOR, ann)
    shown = here.get("/me")
    assert "<script>alert" not in shown.text
    assert "<script>alert(1)</script> Netscape" in unescape(shown.text)
    assert "10.1.2.3" in words(shown)
    keys = re.findall(r"/me/sessions/(\w+)/sign-out", shown.text)
    assert len(keys) == 2
    stranger = tab_as(Role.ADMIN, "ada")
    assert stranger.post_form(f"/me/sessions/{keys[0]}/sign-out").status_code == 404
    mine = re.search(r"this one.*?/me/sessions/(\w+)/", shown.text, re.DOTALL)
    assert mine
    (theirs,) = set(keys) - {mine[1]}
    assert here.post_form(f"/me/sessions/{theirs}/sign-out").location == "/me"
    assert other.get("/me").status_code == 303
    assert here.post_form(f"/me/sessions/{mine[1]}/sign-out").location == "/sign-in"
    assert here.get("/me").status_code == 303
    assert whats(services)[-1] == "signed out"


def test_an_admin_adds_somebody_and_hands_over_a_link(admin: Tab, app: Flask, services: Services) -> None:
    """Who cannot be added is told why; the link is on the page once, and works."""
    assert admin.post_form("/people", name="A B", role="viewer").location == "/people"
    assert "Nobody was added" in words(admin.get("/people"))
    assert admin.post_form("/people", name="bob", role="cloud").location == "/people"
    assert "the roles of people" in words(admin.get("/people"))
    assert admin.post_form("/people", name="Bob", role="operator").location == "/people/bob"
    made = admin.post_form("/people/bob/link")
    link = re.search(r"https://localhost/sign-in/link#([\w-]+)", made.text)
    assert link
    assert "#" + link[1] not in admin.get("/people/bob").text
    bob = tab(app)
    assert bob.post_form("/sign-in/link", secret=link[1]).status_code == 303
    assert "bob" in words(bob.get("/me"))
    assert "bob" in words(admin.get("/people"))
    assert whats(services)[-3:] == ["person added", "sign-in link made", "signed in"]


def test_an_admin_changes_disables_and_removes(admin: Tab, services: Services, ann: str) -> None:
    """Each step says what is so now; the last administrator stays."""
    steps = (
        ("role", {"role": "viewer"}, "another role"),
        ("disable", {}, "disabled, and signed out"),
        ("enable", {}, "may sign in again"),
        ("sign-out", {}, "sessions have ended"),
    )
    for step, fields, said in steps:
        answer = admin.post_form(f"/people/{ann}/{step}", **fields)
        assert answer.location == f"/people/{ann}"
        assert said in words(admin.get(f"/people/{ann}"))
    assert admin.post_form(f"/people/{ann}/remove").location == "/people"
    assert admin.get(f"/people/{ann}").status_code == 404
    admin.post_form("/people/ada/disable")
    assert "the last administrator" in words(admin.get("/people/ada"))
    assert admin.post_form("/people/ada/remove").status_code == 409
    assert whats(services)[-1] == "person removed"


def test_a_screen_shows_pages_until_its_link_is_revoked(admin: Tab, stranger: Tab, services: Services) -> None:
    """The link's secret goes into a cookie; the next request after the end is a stranger's; a stream hears it too."""
    made = admin.post_form("/walls", name="lobby")
    found = re.search(r"https://localhost/wall#([\w.-]+)", made.text)
    assert found
    assert found[1] not in admin.get("/people").text
    assert "a name" not in words(made)
    assert stranger.get("/wall").status_code == 200
    hung = stranger.post_form("/wall", secret=found[1])
    assert (hung.status_code, hung.location) == (303, "/")
    cookie = hung.headers["Set-Cookie"]
    assert cookie.startswith("__Host-bmprov-wall=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    shown = stranger.get("/nowhere")
    assert "wall:lobby" in words(shown)
    assert "People" not in words(shown)
    assert stranger.get("/me").status_code == 403
    with services.store.read() as transaction:
        (link,) = transaction.wall_links.all()
        assert link.seen_at is not None
        assert Visitor("wall:lobby", Role.VIEWER, wall_link=link.id).still_welcome(transaction)
    assert admin.post_form(f"/walls/{link.id}/revoke").location == "/people"
    assert stranger.get("/me").status_code == 303
    with services.store.read() as transaction:
        assert not Visitor("wall:lobby", Role.VIEWER, wall_link=link.id).still_welcome(transaction)
    assert "revoked" in words(stranger.post_form("/wall", secret=found[1]))
    assert [what for what in whats(services) if "wall" in what] == ["wall link made", "wall link revoked"]


@pytest.mark.parametrize("wrong", ["", "lobby", ".", "x.y", "\ud800.x", "a" * 3000])
def test_what_is_no_wall_link_shows_nothing(stranger: Tab, wrong: str) -> None:
    """Nor does it break anything, in a form or in a cookie."""
    stranger.set_cookie(cookies.WALL, wrong.encode("utf-8", "replace").decode())
    assert stranger.get("/me").status_code == 303
    assert stranger.post_form("/wall", secret=wrong.encode("utf-8", "replace").decode()).status_code == 401


def test_an_open_stream_hears_when_its_person_may_no_more(services: Services, ann: str) -> None:
    """Signed out, disabled, or with another role: the page is loaded anew, and shows what holds now."""
    signed_in(services.store, Role.OPERATOR, ann)
    with services.store.read() as transaction:
        person = transaction.people.named(ann)
        assert person is not None
        (session,) = transaction.sessions.of(person.id, 3600)
        looks = Visitor(ann, Role.OPERATOR, session=session, idle_s=3600.0)
        assert looks.still_welcome(transaction)
        assert not Visitor(ann, Role.VIEWER, session=session, idle_s=3600.0).still_welcome(transaction)
        assert not Visitor(ann, Role.OPERATOR).still_welcome(transaction)
    services.orders.end_sessions(ann, BOSS)
    with services.store.read() as transaction:
        assert not looks.still_welcome(transaction)
