"""People and wall links over the API."""

from http import HTTPStatus
from typing import Any

import pytest
from flask import Flask

from bmprov.services import Services
from tests.bmprov.api.caller import Api

URL, WALLS = "/api/v1/people", "/api/v1/wall-links"
PASSWORD = "a horse that reads maps"


def events(admin: Api) -> list[dict[str, Any]]:
    return list(reversed(admin.get("/api/v1/events").get_json()["events"]))


def test_a_person_is_entered_shown_changed_and_removed(admin: Api) -> None:
    """Names are in small letters, whatever was typed; each step is an event, without the password."""
    new = {"name": " Ann.B@example.org ", "role": "admin", "password": PASSWORD}
    made = admin.post(URL, json=new)
    assert made.status_code == HTTPStatus.CREATED, made.text
    told = made.get_json()
    assert (told["name"], told["role"], told["has_password"]) == ("ann.b@example.org", "admin", True)
    admin.post(URL, json={"name": "zoe", "role": "admin"})
    assert [one["name"] for one in admin.get(URL).get_json()["people"]] == ["ann.b@example.org", "zoe"]
    at = f"{URL}/Ann.B@example.org"
    assert admin.get(at).get_json() == told
    changes = {"role": "operator", "disabled": True, "password": "an owl that sings bass"}
    changed = admin.put(at, json=changes).get_json()
    assert (changed["role"], changed["disabled_at"] is None) == ("operator", False)
    assert admin.put(at, json={"disabled": False}).get_json()["disabled_at"] is None
    assert admin.put(at, json={"role": "operator"}).status_code == HTTPStatus.OK
    assert admin.delete(at).status_code == HTTPStatus.NO_CONTENT
    assert admin.get(at).status_code == HTTPStatus.NOT_FOUND
    done = [(one["what"], one["actor"], one["origin"]) for one in events(admin)]
    assert [what for what, *_ in done] == [
        "person added",
        "person added",
        "role changed",
        "password changed",
        "person disabled",
        "person enabled",
        "person removed",
    ]
    assert {tuple(who) for _, *who in done} == {("the-admin", "127.0.0.1")}
    assert "horse" not in str(events(admin))
    assert "owl" not in str(events(admin))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "ann", "role": "cloud"},
        {"name": "ann", "role": "root"},
        {"name": "ann", "role": "viewer", "password": "short"},
        {"name": "ann", "role": "viewer", "password": "ann-ann-ann-ann"},
        {"name": "", "role": "viewer"},
        {"name": "a b", "role": "viewer"},
        {"name": "<b>ann</b>", "role": "viewer"},
        {"name": "bmprov", "role": "viewer"},
        {"name": "a" * 65, "role": "viewer"},
        {"role": "viewer"},
    ],
)
def test_who_cannot_be_entered_is_refused(admin: Api, wrong: dict[str, str]) -> None:
    """In a sentence, without the password."""
    answer = admin.post(URL, json=wrong)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "ann-ann" not in answer.text


def test_a_name_is_given_once(admin: Api) -> None:
    """In whatever letters."""
    assert admin.post(URL, json={"name": "ann", "role": "viewer"}).status_code == HTTPStatus.CREATED
    assert admin.post(URL, json={"name": "ANN", "role": "viewer"}).status_code == HTTPStatus.CONFLICT


@pytest.mark.parametrize("change", [{"role": "viewer"}, {"disabled": True}, None])
def test_the_last_administrator_stays(admin: Api, change: dict[str, object] | None) -> None:
    """Who is disabled does not count; with a second one, the first may go."""
    admin.post(URL, json={"name": "ann", "role": "admin"})
    admin.post(URL, json={"name": "bob", "role": "admin"})
    assert admin.put(f"{URL}/bob", json={"disabled": True}).status_code == HTTPStatus.OK

    def go() -> int:
        at = f"{URL}/ann"
        return (admin.put(at, json=change) if change else admin.delete(at)).status_code

    assert go() == HTTPStatus.CONFLICT
    assert admin.get(f"{URL}/ann").get_json()["role"] == "admin"
    assert admin.put(f"{URL}/bob", json={"disabled": False}).status_code == HTTPStatus.OK
    assert go() in (HTTPStatus.OK, HTTPStatus.NO_CONTENT)


def test_a_link_is_good_once(admin: Api, services: Services) -> None:
    """Its ticket stands behind `#`; the event does not hold it; who is disabled gets none."""
    admin.post(URL, json={"name": "ann", "role": "admin"})
    url = admin.post(f"{URL}/ann/link").get_json()["url"]
    base, _, ticket = url.partition("#")
    assert base == "https://localhost/sign-in/link"
    with services.store.read() as transaction:
        ann = transaction.people.named("ann")
        assert ann is not None
    assert services.redeem_sign_in(ticket) == (ann.id, "the-admin")
    assert services.redeem_sign_in(ticket) is None
    assert services.redeem_sign_in("nothing") is None
    assert events(admin)[-1]["what"] == "sign-in link made"
    assert ticket not in str(events(admin))
    admin.post(URL, json={"name": "bob", "role": "viewer"})
    admin.put(f"{URL}/bob", json={"disabled": True})
    assert admin.post(f"{URL}/bob/link").status_code == HTTPStatus.CONFLICT
    assert admin.post(f"{URL}/nobody/link").status_code == HTTPStatus.NOT_FOUND


def test_who_writes_to_redis_makes_no_link_good_again(admin: Api, services: Services) -> None:
    """What is sealed belongs to one ticket: under another's name, or for another purpose, it is nothing."""
    admin.post(URL, json={"name": "ann", "role": "admin"})
    admin.post(f"{URL}/ann/link")
    (key,) = services.queue.redis.keys("bmprov:kept:sign-in:*")
    sealed = services.queue.redis.get(key)
    forged = "bmprov:kept:sign-in:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"  # of `test`
    services.queue.redis.set(forged, sealed)
    assert services.redeem_sign_in("test") is None


def test_a_wall_link_is_made_listed_and_revoked(admin: Api, app: Flask) -> None:
    """Its secret is in one answer; live links have different names."""
    made = admin.post(WALLS, json={"name": "lobby"})
    assert made.status_code == HTTPStatus.CREATED
    base, _, secret = made.get_json()["url"].partition("#")
    assert base == "https://localhost/wall"
    assert secret not in admin.get(WALLS).text
    assert admin.post(WALLS, json={"name": "lobby"}).status_code == HTTPStatus.CONFLICT
    at = f"{WALLS}/{made.get_json()['link']['id']}"
    assert admin.delete(at).status_code == HTTPStatus.NO_CONTENT
    assert admin.delete(at).status_code == HTTPStatus.NOT_FOUND
    (listed,) = admin.get(WALLS).get_json()["links"]
    assert listed["revoked_at"]
    assert listed["created_by"] == "the-admin"
    assert admin.post(WALLS, json={"name": "lobby"}).status_code == HTTPStatus.CREATED
    assert [one["what"] for one in events(admin)] == ["wall link made", "wall link revoked", "wall link made"]
    assert app.test_client().get(WALLS).status_code == HTTPStatus.UNAUTHORIZED
