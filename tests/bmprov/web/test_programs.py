"""Tokens and webhooks on the page: for administrators alone; a secret is shown once."""

import re

import pytest

from bmprov.model import Role
from bmprov.orders import Caller
from bmprov.orders.webhooks import NewWebhook
from bmprov.services import Services
from tests.bmprov.web.signing_in import Tab, words


def test_a_token_is_shown_once_and_works(admin: Tab, services: Services) -> None:
    made = admin.post_form("/tokens", name="grafana", role="viewer", cloud="")
    secret = re.search(r"bmprov_\w+_[\w-]+", words(made))
    assert secret
    assert secret.group() not in admin.get("/tokens").text
    answer = admin.get("/api/v1/machines", headers={"Authorization": f"Bearer {secret.group()}"})
    assert answer.status_code == 200
    with services.store.read() as transaction:
        event = transaction.events.newest(1)[0]
    assert (event.what, event.actor) == ("token created", "ada")


def test_a_revoked_token_is_gone(admin: Tab, services: Services) -> None:
    admin.post_form("/tokens", name="old", role="viewer", cloud="")
    with services.store.read() as transaction:
        token = transaction.tokens.all()[0]
    assert admin.post_form(f"/tokens/{token.id}/revoke").status_code == 303
    assert "is revoked" in admin.get("/tokens").text
    assert admin.post_form(f"/tokens/{token.id}/revoke").status_code == 404


@pytest.mark.parametrize(
    ("name", "role", "cloud"),
    [("", "viewer", ""), ("x", "king", ""), ("x", "cloud", ""), ("x", "viewer", "c1"), ("x" * 65, "viewer", "")],
)
def test_a_token_that_makes_no_sense_is_refused_in_words(admin: Tab, name: str, role: str, cloud: str) -> None:
    assert admin.post_form("/tokens", name=name, role=role, cloud=cloud).status_code == 303
    assert "No token was made" in admin.get("/tokens").text


def test_a_name_that_is_taken_is_refused(admin: Tab) -> None:
    for _ in range(2):
        admin.post_form("/tokens", name="twice", role="viewer", cloud="")
    assert "there is a live token named" in admin.get("/tokens").text


def test_a_webhook_its_deliveries_and_a_ping(admin: Tab, services: Services) -> None:
    assert "bmprov webhook add" in admin.get("/webhooks").text
    new = NewWebhook("chat", "https://chat.example/<b>hook</b>")
    _, secret = services.orders.add_webhook(new, Caller("ada", Role.ADMIN))
    assert admin.post_form("/webhooks/chat/ping").status_code == 303
    answer = admin.get("/webhooks")
    shown = words(answer)
    assert "1 waiting, 0 given up" in shown
    assert "not tried yet" in shown
    assert "<b>hook" not in answer.text
    assert secret not in answer.text


@pytest.mark.parametrize("path", ["/tokens", "/webhooks"])
def test_nobody_else_sees_them(viewer: Tab, operator: Tab, path: str) -> None:
    for tab in (viewer, operator):
        assert tab.get(path).status_code == 403
        assert f'href="{path}"' not in tab.get("/events").text
