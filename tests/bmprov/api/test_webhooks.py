"""Webhooks over the API."""

import json
from http import HTTPStatus
from typing import Any

import pytest

from bmprov.services import Services
from tests.bmprov.api.caller import Api

HOOKS = "/api/v1/webhooks"
NEW = {"name": "alerts", "url": "https://alerts.example/T0/geheim"}


@pytest.fixture
def made(admin: Api) -> dict[str, Any]:
    answer = admin.post(HOOKS, json=NEW)
    assert answer.status_code == HTTPStatus.CREATED
    told: dict[str, Any] = answer.get_json()
    return told


def end(services: Services, status: int, error: str = "") -> None:
    """What a sender would do."""
    with services.store.write() as transaction:
        [webhook_id] = transaction.deliveries.callable()
        call = transaction.deliveries.take(webhook_id, 30)
        assert call is not None
        transaction.deliveries.end(call, status, error)


def test_a_webhook_is_added_and_shown(made: dict[str, Any], admin: Api) -> None:
    """By name and by id; it is told of everything unless it is said of what."""
    hook = made["webhook"]
    assert hook["kinds"] == ["operation.ended", "power.out-of-band", "machine.error"]
    assert (hook["off_because"], hook["pending"], hook["failed"], hook["created_by"]) == (None, 0, 0, "the-admin")
    for name in ("alerts", hook["id"]):
        assert admin.get(f"{HOOKS}/{name}").get_json() == hook
    assert admin.get(HOOKS).get_json() == {"webhooks": [hook], "next": None}


def test_a_secret_is_shown_once(made: dict[str, Any], admin: Api) -> None:
    """When it is made, and never again: not in a list, not in an event."""
    new = admin.post(f"{HOOKS}/alerts/rotate", json={}).get_json()
    answers = [admin.get(HOOKS), admin.get(f"{HOOKS}/alerts"), admin.put(f"{HOOKS}/alerts", json={"trust": "/ca"})]
    answers += [
        admin.post(f"{HOOKS}/alerts/ping"),
        admin.get(f"{HOOKS}/alerts/deliveries"),
        admin.get("/api/v1/events"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 202, 200, 200]
    assert made["secret"].startswith("whsec_")
    assert new["secret"] not in ("", made["secret"])
    assert [one.text for one in answers if "whsec_" in one.text or "sealed" in one.text] == []
    assert "geheim" not in answers[-1].text, "viewers read events, and a URL may be a secret"


def test_a_webhook_is_changed(made: dict[str, Any], admin: Api) -> None:
    """What is left out, or null, stays."""
    told = {"url": "https://other.example/", "kinds": ["machine.error"], "trust": f"sha256:{64 * 'a'}"}
    assert admin.put(f"{HOOKS}/alerts", json=told).get_json() == made["webhook"] | told
    off = admin.put(f"{HOOKS}/alerts", json={"on": False, "url": None}).get_json()
    assert off == made["webhook"] | told | {"off_because": "switched off by the-admin"}
    assert admin.delete(f"{HOOKS}/alerts").status_code == HTTPStatus.NO_CONTENT
    assert admin.get(HOOKS).get_json()["webhooks"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a/b"},
        {"url": "http://alerts.example/geheim"},
        {"url": "https://u:geheim@alerts.example/"},
        {"url": "https://169.254.169.254/"},
        {"kinds": []},
        {"kinds": ["ping"]},
        {"kinds": ["nothing.known"]},
        {"trust": "not a fingerprint"},
        {"secret": "geheim"},
    ],
)
def test_nonsense_is_refused_in_words(admin: Api, wrong: dict[str, object]) -> None:
    """The sentence does not repeat what was sent."""
    answer = admin.post(HOOKS, json=NEW | wrong)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.get_json()["check"]
    assert "geheim" not in answer.text


def test_a_ping_is_under_way_and_can_be_polled(made: dict[str, Any], admin: Api, services: Services) -> None:
    """Its body is what is sent, to the letter."""
    answer = admin.post(f"{HOOKS}/alerts/ping")
    assert answer.status_code == HTTPStatus.ACCEPTED
    sent = answer.get_json()
    assert (sent["kind"], sent["state"], sent["attempts"]) == ("ping", "pending", 0)
    assert json.loads(sent["body"])["data"] == {"webhook": "alerts"}
    assert admin.get(f"{HOOKS}/alerts").get_json()["pending"] == 1
    end(services, 302, "it answered 302")
    ended = admin.get(f"{HOOKS}/alerts/deliveries/{sent['id']}").get_json()
    assert (ended["state"], ended["status"], ended["error"]) == ("failed", 302, "it answered 302")
    assert (ended["next_try_at"], ended["message_id"]) == (None, sent["message_id"])
    assert admin.get(f"{HOOKS}/{made['webhook']['id']}").get_json()["failed"] == 1


@pytest.mark.usefixtures("made")
def test_deliveries_are_listed_and_sent_again(admin: Api, services: Services) -> None:
    """Newest first; those of one state if wanted."""
    for status in (204, 500):
        admin.post(f"{HOOKS}/alerts/ping")
        end(services, status)
    path = f"{HOOKS}/alerts/deliveries"
    listed = admin.get(path).get_json()["deliveries"]
    assert [one["state"] for one in listed] == ["failed", "delivered"]
    assert admin.get(path, query_string={"state": "failed"}).get_json()["deliveries"] == listed[:1]
    page = admin.get(path, query_string={"limit": "1"}).get_json()
    assert (page["deliveries"], page["next"] is None) == (listed[:1], False)
    rest = admin.get(path, query_string={"limit": "1", "after": page["next"]}).get_json()
    assert rest == {"deliveries": listed[1:], "next": None}
    again = admin.post(f"{path}/{listed[0]['id']}/redeliver")
    assert again.status_code == HTTPStatus.ACCEPTED
    assert (again.get_json()["state"], again.get_json()["message_id"]) == ("pending", listed[0]["message_id"])
    for wrong in ("0", "x", "99999999999", "-1"):
        assert admin.get(f"{path}/{wrong}").status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert admin.post(f"{path}/4711/redeliver").status_code == HTTPStatus.NOT_FOUND
