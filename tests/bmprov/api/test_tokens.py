"""Tokens over the API."""

from http import HTTPStatus

import pytest
from flask import Flask

from tests.bmprov.api.caller import Api

URL = "/api/v1/tokens"


def test_a_token_works_until_it_is_revoked(admin: Api, app: Flask) -> None:
    """Its secret is in the answer that makes it and nowhere else."""
    made = admin.post(URL, json={"name": "page", "role": "viewer"}).get_json()
    header = {"Authorization": f"Bearer {made['secret']}"}
    client = app.test_client()
    assert client.get("/api/v1/machines", headers=header).status_code == HTTPStatus.OK
    assert made["secret"] not in admin.get(URL).text
    assert admin.delete(f"{URL}/{made['token']['id']}").status_code == HTTPStatus.NO_CONTENT
    assert client.get("/api/v1/machines", headers=header).status_code == HTTPStatus.UNAUTHORIZED
    shown = {one["id"]: one for one in admin.get(URL).get_json()["tokens"]}
    assert shown[made["token"]["id"]]["revoked_at"] is not None


def test_making_and_revoking_are_events(admin: Api) -> None:
    """Who, what, and from where; not the secret."""
    made = admin.post(URL, json={"name": "east", "role": "cloud", "cloud": "east"}).get_json()
    admin.delete(f"{URL}/{made['token']['id']}")
    revoked, created = admin.get("/api/v1/events").get_json()["events"]
    assert (created["what"], revoked["what"]) == ("token created", "token revoked")
    assert {created["actor"], revoked["actor"]} == {"the-admin"}
    assert {created["origin"], revoked["origin"]} == {"127.0.0.1"}
    assert "east" in created["detail"]
    assert made["secret"] not in str([created, revoked])


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a", "role": "cloud"},
        {"name": "a", "role": "viewer", "cloud": "c1"},
        {"name": "a", "role": "root"},
        {"name": "a\n", "role": "viewer"},
        {"role": "viewer"},
    ],
)
def test_a_wrong_token_is_refused(admin: Api, wrong: dict[str, str]) -> None:
    """A cloud's token without a cloud would see what belongs to none."""
    assert admin.post(URL, json=wrong).status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_live_tokens_have_different_names(admin: Api) -> None:
    """Events name the token, so two may not share a name; a revoked one's is free again."""
    new = {"name": "page", "role": "viewer"}
    first = admin.post(URL, json=new).get_json()["token"]["id"]
    assert admin.post(URL, json=new).status_code == HTTPStatus.CONFLICT
    admin.delete(f"{URL}/{first}")
    assert admin.post(URL, json=new).status_code == HTTPStatus.CREATED


def test_a_token_is_revoked_once(admin: Api) -> None:
    """404 for one that is not there or not live."""
    made = admin.post(URL, json={"name": "page", "role": "viewer"}).get_json()["token"]["id"]
    assert admin.delete(f"{URL}/{made}").status_code == HTTPStatus.NO_CONTENT
    assert admin.delete(f"{URL}/{made}").status_code == HTTPStatus.NOT_FOUND
    assert admin.delete(f"{URL}/nope").status_code == HTTPStatus.NOT_FOUND
