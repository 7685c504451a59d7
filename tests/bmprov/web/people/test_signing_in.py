"""Signing in and out of the page, sessions, and what is refused."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask

from bmprov.guessing import OF_NAME_HERE, WINDOW_S
from bmprov.model import Role
from bmprov.orders import Caller, NewPerson, Orders, PersonChange
from bmprov.serve import application
from bmprov.services import Services
from bmprov.web.people import cookies, own_page
from bmprov.web.people.door import REMEMBERED_S
from bmprov.web.people.entering import local
from tests.bmprov.web.signing_in import OWN_PAGE, Tab, signed_in, tab, words

PASSWORD = "a horse that reads maps"
BOSS = Caller("boss", Role.ADMIN, "", "10.0.0.1")


@pytest.fixture
def ann(services: Services) -> str:
    services.orders.add_person(NewPerson("ann", Role.OPERATOR, PASSWORD), BOSS)
    return "ann"


def events(services: Services) -> list[tuple[str, str, str]]:
    with services.store.read() as transaction:
        return [(one.what, one.actor, one.origin) for one in reversed(transaction.events.newest(1000))]


def later(services: Services, seconds: float) -> None:
    """Let time pass in the database's clock."""
    before = services.store.clock
    services.store.clock = lambda: before() + seconds


def secret_of(client: Tab) -> str:
    cookie = client.get_cookie(cookies.SESSION)
    return cookie.value if cookie else ""


def test_strangers_are_sent_to_the_sign_in_page(stranger: Tab) -> None:
    """And come back to where they wanted to go; what is no page is refused."""
    assert stranger.get("/me?x=1").location == "/sign-in?to=/me%3Fx%3D1"
    assert stranger.get("/sign-in").status_code == 200
    refused = stranger.post("/sign-out", headers=OWN_PAGE)
    assert refused.status_code == 401
    assert "Sign in first" in refused.text


def test_an_empty_service_says_how_to_make_the_first_account(stranger: Tab) -> None:
    """With commands to copy."""
    said = words(stranger.get("/sign-in"))
    assert "bmprov person add YOU --role admin" in said
    assert "bmprov person link YOU" in said


@pytest.mark.usefixtures("ann")
def test_a_person_signs_in_and_out(stranger: Tab, services: Services) -> None:
    """The cookie is Secure, HttpOnly, SameSite and bound to the host; the events say who and from where."""
    answer = stranger.post_form("/sign-in", name=" ANN ", password=PASSWORD, to="/me")
    assert (answer.status_code, answer.location) == (303, "/me")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-bmprov=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert "ann" in words(stranger.get("/me"))
    assert stranger.get("/sign-in").location == "/"
    kept = secret_of(stranger)
    assert stranger.post_form("/sign-out").location == "/sign-in"
    assert secret_of(stranger) == ""
    stranger.set_cookie(cookies.SESSION, kept)
    assert stranger.get("/me").status_code == 303  # the cookie is worth nothing any more
    assert events(services)[1:] == [("signed in", "ann", "127.0.0.1"), ("signed out", "ann", "127.0.0.1")]
    with services.store.read() as transaction:
        assert PASSWORD not in str(transaction.events.newest())


@pytest.mark.usefixtures("ann")
def test_signing_in_begins_a_new_session_whatever_cookie_was_there(stranger: Tab, services: Services) -> None:
    """Nobody can plant a session in somebody's browser and use it after them; the old one has ended."""
    planted = signed_in(services.store, Role.VIEWER, "mallory")
    stranger.set_cookie(cookies.SESSION, planted)
    stranger.post_form("/sign-in", name="ann", password=PASSWORD)
    assert secret_of(stranger) not in ("", planted)
    stranger.set_cookie(cookies.SESSION, planted)
    assert stranger.get("/me").status_code == 303


@pytest.mark.usefixtures("ann")
def test_a_wrong_name_and_a_wrong_password_look_the_same(stranger: Tab, services: Services) -> None:
    """The same page and status; the log names people only, never what strangers have typed."""
    services.orders.add_person(NewPerson("bob", Role.VIEWER), BOSS)
    services.orders.add_person(NewPerson("cy", Role.VIEWER, PASSWORD), BOSS)
    services.orders.change_person("cy", PersonChange(disabled=True), BOSS)
    tries = [("ann", "wrong wrong wrong"), ("hunter2hunter2", "x"), ("bob", ""), ("bob", "x"), ("cy", PASSWORD)]
    answers = [stranger.post_form("/sign-in", name=name, password=password) for name, password in tries]
    assert {answer.status_code for answer in answers} == {401}
    assert len({words(answer) for answer in answers}) == 1
    noted = [actor for what, actor, _ in events(services) if what == "sign-in failed"]
    assert (noted[0], noted[2], noted[3], noted[4]) == ("ann", "bob", "bob", "cy")
    assert noted[1].startswith("?")
    assert "hunter2" not in str(events(services))


@pytest.mark.parametrize("name", ["ann", "no-such-person"])
@pytest.mark.usefixtures("ann")
def test_who_guesses_must_wait(stranger: Tab, services: Services, name: str) -> None:
    """For known and unknown names alike; the log does not grow meanwhile; others go on; it ends by itself."""
    for _ in range(OF_NAME_HERE):
        assert stranger.post_form("/sign-in", name=name, password="wrong").status_code == 401
    before = len(events(services))
    for password in ("wrong", PASSWORD):
        refused = stranger.post_form("/sign-in", name=name, password=password)
        assert refused.status_code == 429
        assert 0 < int(refused.headers["Retry-After"]) <= WINDOW_S
        assert "too many sign-ins have failed" in refused.text.lower()
    assert len(events(services)) == before
    elsewhere = {"REMOTE_ADDR": "10.9.9.9"}
    data = {"name": "ann", "password": PASSWORD}
    assert stranger.post("/sign-in", data=data, headers=OWN_PAGE, environ_base=elsewhere).status_code == 303
    later(services, WINDOW_S + 1)
    assert stranger.post_form("/sign-in", name="ann", password=PASSWORD).status_code == 303


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://localhost"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost"}, 403),
        ({"Origin": "https://localhost"}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
    ],
)
@pytest.mark.usefixtures("ann")
def test_only_our_own_form_signs_in(stranger: Tab, headers: dict[str, str], status: int) -> None:
    """Else another page could sign somebody's browser in as its own author."""
    data = {"name": "ann", "password": PASSWORD}
    assert stranger.post("/sign-in", data=data, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("to", "there"),
    [
        ("/operations/1?x=y", "/operations/1?x=y"),
        ("//evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/a\nb", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
        ("/sign-in?to=/sign-in", "/"),
    ],
)
def test_after_signing_in_one_stays_on_this_host(to: str, there: str) -> None:
    """Whatever address was told."""
    assert local(to) == there


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-CSRF-Token": "0" * 64},
        {"X-CSRF-Token": "ä"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_what_another_page_posts_is_refused_and_logged(
    viewer: Tab, services: Services, headers: dict[str, str]
) -> None:
    """Without the session's own token nothing changes; the page says what to do."""
    refused = viewer.post("/me/sign-out-others", headers=headers)
    assert refused.status_code == 403
    assert "reload the page" in refused.text
    assert events(services)[-1][:2] == ("refused", "vera")


def test_a_good_token_does_not_help_another_page(viewer: Tab, services: Services) -> None:
    """Nor does the token of another session."""
    other = signed_in(services.store, Role.VIEWER, "vera")
    assert viewer.post_form("/me/sign-out-others").status_code == 303
    token = own_page.token_of(secret_of(viewer))
    cross = {"Sec-Fetch-Site": "cross-site", "X-CSRF-Token": token}
    assert viewer.post("/me/sign-out-others", headers=cross).status_code == 403
    wrong = {"X-CSRF-Token": own_page.token_of(other)}
    assert viewer.post("/me/sign-out-others", headers=wrong).status_code == 403
    assert viewer.post("/me/sign-out-others", headers={"X-CSRF-Token": token}).status_code == 303


def test_a_viewer_who_posts_by_hand_is_refused_and_logged(viewer: Tab, services: Services) -> None:
    """With a good session and a good token: 403, and the log has the path and the role, once a minute."""
    for _ in range(3):
        refused = viewer.post_form("/people", name="eve", role="admin")
        assert refused.status_code == 403
    assert "the role that may do this: admin" in refused.text
    with services.store.read() as transaction:
        noted = [one for one in transaction.events.newest() if one.what == "refused"]
        assert [(one.actor, one.origin, one.detail) for one in noted] == [
            ("vera", "127.0.0.1", "POST /people, as viewer")
        ]
        assert transaction.people.named("eve") is None


def test_a_link_signs_in_once(stranger: Tab, services: Services, app: Flask) -> None:
    """Whoever comes second is told; who has no password is asked to set one, without showing an old one."""
    services.orders.add_person(NewPerson("ann", Role.OPERATOR), BOSS)
    ticket = services.sign_in_url("ann", BOSS, "localhost").partition("#")[2]
    assert stranger.get("/sign-in/link").status_code == 200
    assert stranger.post("/sign-in/link", data={"secret": ticket}).status_code == 403
    assert stranger.post_form("/sign-in/link", secret=ticket).location == "/me"
    assert "You have no password yet" in words(stranger.get("/me"))
    assert "works once" in words(tab(app).post_form("/sign-in/link", secret=ticket))
    stranger.post_form("/me/password", new=PASSWORD, again=PASSWORD)
    assert tab(app).post_form("/sign-in", name="ann", password=PASSWORD).status_code == 303
    assert [what for what, *_ in events(services)] == [
        "person added",
        "sign-in link made",
        "signed in",
        "password changed",
        "signed in",
    ]


def test_who_was_disabled_meanwhile_gets_in_by_no_link(stranger: Tab, services: Services) -> None:
    """The ticket was good, the person is not."""
    services.orders.add_person(NewPerson("ann", Role.OPERATOR), BOSS)
    ticket = services.sign_in_url("ann", BOSS, "localhost").partition("#")[2]
    services.orders.change_person("ann", PersonChange(disabled=True), BOSS)
    assert stranger.post_form("/sign-in/link", secret=ticket).status_code == 401


def test_a_session_lies_idle_for_so_long_and_no_longer(viewer: Tab, services: Services) -> None:
    """Use keeps it; its end comes all the same. What was remembered counts for some seconds only."""
    assert viewer.get("/me").status_code == 200
    later(services, 1800)
    door = services.orders
    door.people_changes += 1  # as another request does that changes something; else the answer is remembered
    assert viewer.get("/me").status_code == 200
    later(services, 1700)
    door.people_changes += 1
    assert viewer.get("/me").status_code == 200
    later(services, 200)
    door.people_changes += 1
    assert viewer.get("/me").status_code == 303  # an hour after it began


@pytest.mark.parametrize("how", ["disabled", "removed", "role", "everywhere", "password"])
def test_who_may_no_more_is_out_at_once(tab_as: Callable[..., Tab], services: Services, how: str, ann: str) -> None:
    """In this process with the very next request; an open stream hears it when it asks."""
    client = tab_as(Role.OPERATOR, ann)
    assert client.get("/me").status_code == 200
    orders = services.orders
    if how == "disabled":
        orders.change_person(ann, PersonChange(disabled=True), BOSS)
    elif how == "removed":
        orders.remove_person(ann, BOSS)
    elif how == "everywhere":
        orders.end_sessions(ann, BOSS)
    elif how == "password":
        orders.change_person(ann, PersonChange(password="an owl that sings bass"), BOSS)
    else:
        orders.change_person(ann, PersonChange(role=Role.VIEWER), BOSS)
        assert "viewer" in words(client.get("/me"))
        return
    assert client.get("/me").status_code == 303


def test_another_process_forgets_within_five_seconds(services: Services, tab_as: Callable[..., Tab]) -> None:
    """What it has found counts for four."""
    assert REMEMBERED_S < 5
    client = tab_as(Role.VIEWER, "vera")
    set_clock(client.application, 0.0)
    assert client.get("/me").status_code == 200
    orders = Orders(services.store, services.vault, reservation_s=1800, freshness_s=90)
    other = replace(services, orders=orders)
    second = tab(application(other), secret_of(client))
    assert second.get("/me").status_code == 200
    second.post_form("/sign-out")
    assert client.get("/me").status_code == 200  # remembered
    set_clock(client.application, REMEMBERED_S)
    assert client.get("/me").status_code == 303


def set_clock(app: Flask, now: float) -> None:
    """What the door takes for the time."""
    (identify,) = app.before_request_funcs["web"][:1]
    identify.__self__._clock = lambda: now  # type: ignore[attr-defined] # the bound method of the door


def test_being_seen_is_noted_once_a_minute(viewer: Tab, services: Services) -> None:
    """So that a page with many requests writes nothing."""

    def seen() -> float:
        with services.store.read() as transaction:
            person = transaction.people.named("vera")
            assert person is not None
            return transaction.sessions.of(person.id, 1e9)[0].seen_at

    began = seen()
    viewer.get("/me")
    assert seen() == began
    later(services, 61)
    services.orders.people_changes += 1
    viewer.get("/me")
    noted = seen()
    assert noted >= began + 61
    services.orders.people_changes += 1
    viewer.get("/me")
    assert seen() == noted
