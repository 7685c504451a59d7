"""Every error is a page that says what happened and what to do, and shows nothing that it should not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.exceptions import TooManyRequests

from bmprov.api.refusals import CutOff, Forbidden, TooLarge
from bmprov.errors import Conflict, Fatal, Invalid, NotFound, Retryable
from bmprov.model import Machine
from bmprov.serve import application
from bmprov.services import Services
from bmprov.store import Store
from bmprov.web.near import alike
from tests.bmprov.web.signing_in import Tab, signed_in, tab

CAUSES: dict[str, tuple[Exception, int, str]] = {
    "cut-off": (CutOff("the body ended too early", "send it again"), 400, "This could not be understood"),
    "forbidden": (Forbidden("your role is viewer", "the role that may: admin"), 403, "Not allowed"),
    "gone": (NotFound("there is no machine 'x'", "look in the hall"), 404, "Not found"),
    "busy": (Conflict("ann has begun power off of rack1-01", retry_after_s=2.0), 409, "Try again in 2.0 s"),
    "large": (TooLarge("the notes have 5,000 characters", "4,000 are enough"), 413, "Too large"),
    "invalid": (Invalid("a height of 0 units", "between 1 and 60"), 422, "This cannot be right"),
    "often": (TooManyRequests(), 429, "Wait a little"),
    "fault": (Fatal("the key file is gone", "the setting `key_file`"), 500, "A fault of the service"),
    "unforeseen": (RuntimeError("hunter2"), 500, "its reference is"),
    "unavailable": (Retryable("Redis does not answer", "that it runs"), 503, "tries again by itself every 10 s"),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_an_error_is_a_page_that_says_what_to_do(app: Flask, admin: Tab, cause: str) -> None:
    """The words of the error itself, the status of its class, a way on, and the headers of every page."""
    error, status, words = CAUSES[cause]

    def fail(**_: object) -> str:
        raise error

    app.view_functions["web.images"] = fail
    answer = admin.get("/images")
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert words.lower() in answer.text.lower()
    assert "To the hall" in answer.text
    assert "hunter2" not in answer.text
    assert "Traceback" not in answer.text
    assert "style-src 'self'" in answer.headers["Content-Security-Policy"]


def test_who_asks_to_try_again_says_when(app: Flask, admin: Tab) -> None:
    def fail(**_: object) -> str:
        raise Conflict("it is busy", retry_after_s=7.0)

    app.view_functions["web.images"] = fail
    assert admin.get("/images").headers["Retry-After"] == "7"


def test_a_method_that_a_page_has_not_is_a_page_too(admin: Tab) -> None:
    """Flask finds no view for it, so no view's blueprint answers it."""
    answer = admin.post_form("/events")
    assert (answer.status_code, answer.mimetype) == (405, "text/html")
    assert "GET" in answer.headers["Allow"]
    assert "POST is not possible at /events" in answer.text
    assert "style-src 'self'" in answer.headers["Content-Security-Policy"]
    assert 'aria-label="Pages"' in answer.text  # who asks is known, and has a menu


def test_without_the_database_there_is_still_a_page(services: Services, tmp_path: Path) -> None:
    """It needs nothing of it: not even who asks can be found out."""
    gone = Store(f"sqlite:///{tmp_path}/nowhere/bmprov.db")
    secret = signed_in(services.store)
    tab_without = tab(application(replace(services, store=gone)), secret)
    answer = tab_without.get("/events")
    assert answer.status_code == 503
    assert "The database did not answer" in answer.text
    assert '<meta http-equiv="refresh" content="10">' in answer.text
    assert answer.headers["Retry-After"] == "10"


def test_a_machine_of_a_similar_name_is_offered(admin: Tab, add_machine: Callable[..., Machine]) -> None:
    for number in range(1, 4):
        add_machine(number)
    answer = admin.get("/machines/rack1-2")
    assert answer.status_code == 404
    assert '<a href="/machines/rack1-02">rack1-02</a>' in answer.text


def test_nobody_is_told_names_who_may_not_see_them(stranger: Tab, add_machine: Callable[..., Machine]) -> None:
    add_machine(2)
    answer = stranger.get("/machines/rack1-2")
    assert answer.status_code in (302, 303, 401)
    assert "rack1-02" not in answer.text


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("rack1-7", ["rack1-07", "rack1-17"]),
        ("RACK1-07", ["rack1-07", "rack1-17"]),
        ("07", ["rack1-07"]),
        ("", []),
        ("<script>", []),
    ],
)
def test_names_that_are_alike(wanted: str, found: list[str]) -> None:
    assert sorted(alike(wanted, ["rack1-07", "rack1-17", "db-3"])) == found


def test_the_way_back_is_one_of_our_own_pages(admin: Tab) -> None:
    there = admin.get("/nowhere", headers={"Referer": "https://localhost/events?kind=power"})
    assert 'href="/events?kind=power"' in there.text
    elsewhere = admin.get("/nowhere", headers={"Referer": "https://evil.example/x"})
    assert "evil" not in elsewhere.text


def test_a_session_that_has_ended_does_not_lose_what_was_typed(stranger: Tab) -> None:
    """It is shown to be copied, but for secrets; and only when one of our own pages has sent it."""
    sent = {"notes": "fan 3 <b>rattles</b>", "password": "hunter2", "csrf_token": "abc"}
    own = stranger.post("/images/x/remove", data=sent, headers={"Sec-Fetch-Site": "same-origin"})
    assert own.status_code == 401
    assert "Your session has ended, so nothing was done" in own.text
    assert "fan 3 &lt;b&gt;rattles&lt;/b&gt;" in own.text
    assert "hunter2" not in own.text
    other = stranger.post("/images/x/remove", data=sent, headers={"Sec-Fetch-Site": "cross-site"})
    assert "rattles" not in other.text
