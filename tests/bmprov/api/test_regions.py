"""MAAS regions over the API."""

from http import HTTPStatus
from typing import Any

import pytest

from bmprov.lifecycle import State
from bmprov.model import BackEnd, Bmc, Machine
from bmprov.services import Services
from tests.bmprov.api.caller import Api

URL = "/api/v1/regions"
KEY = "consumer:token:geheim"
NEW = {"name": "lab", "url": "http://maas.example:5240/MAAS/", "key": KEY}
MACHINE = Machine("m-1", "node-1", Bmc("maas://lab/4y3h7n", "", b""), (), back_end=BackEnd.MAAS, state=State.AVAILABLE)


@pytest.fixture
def lab(admin: Api) -> dict[str, Any]:
    answer = admin.post(URL, json=NEW)
    assert answer.status_code == HTTPStatus.CREATED
    made: dict[str, Any] = answer.get_json()
    return made


def test_a_region_is_added_and_shown(lab: dict[str, Any], viewer: Api) -> None:
    """By name and by id, to whoever may read; it was never listed yet."""
    plain = {"trust": "", "site": "default", "zone": "", "cloud": None, "erase": "none", "create_networks": False}
    unheard = {"machines": 0, "read_at": None, "error": None, "version": None}
    known = {"name": "lab", "url": "http://maas.example:5240/MAAS"} | plain | unheard
    assert known.items() <= lab.items()
    for name in ("lab", lab["id"]):
        assert viewer.get(f"{URL}/{name}").get_json() == lab
    assert viewer.get(URL).get_json()["regions"] == [lab]


def test_the_key_never_comes_out(lab: dict[str, Any], admin: Api) -> None:
    """Not in an answer, not in a refusal, not in an event."""
    answers = [admin.get(URL), admin.put(f"{URL}/lab", json={"key": "x:y:geheim"}), admin.get(f"{URL}/{lab['id']}")]
    answers += [admin.post(URL, json=NEW), admin.post(URL, json=NEW | {"key": "geheim"}), admin.get("/api/v1/events")]
    answers += [admin.put(f"{URL}/lab", json={"url": "http://u:geheim@maas.example"})]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 409, 422, 200, 422]
    assert [answer.text for answer in answers if "geheim" in answer.text or "token:" in answer.text] == []


def test_what_was_heard_is_shown(lab: dict[str, Any], viewer: Api, services: Services) -> None:
    """How many machines it has, when they were listed, and why the newest attempt failed."""
    with services.store.write() as transaction:
        transaction.machines.add(MACHINE)
        transaction.regions.heard(lab["id"], version="3.7.3")
        transaction.regions.heard(lab["id"], "MAAS region lab did not answer")
    told = viewer.get(f"{URL}/lab").get_json()
    assert (told["machines"], told["version"], told["error"]) == (1, "3.7.3", "MAAS region lab did not answer")
    assert told["read_at"] is not None
    assert viewer.get(URL).get_json()["regions"] == [told]
    machine = viewer.get("/api/v1/machines/node-1").get_json()
    assert (machine["back_end"], machine["bmc"]["address"]) == ("maas", "maas://lab/4y3h7n")


def test_what_is_left_out_of_a_change_stays(lab: dict[str, Any], admin: Api) -> None:
    """So does what is null; an empty text takes back."""
    told = {"zone": "z1", "cloud": "c1", "erase": "secure", "create_networks": True}
    assert admin.put(f"{URL}/lab", json=told).get_json() == lab | told
    back = admin.put(f"{URL}/lab", json={"zone": "", "cloud": "", "erase": None})
    assert back.get_json() == lab | {"erase": "secure", "create_networks": True}


def test_a_region_is_removed(lab: dict[str, Any], admin: Api, services: Services) -> None:
    """409 while a machine of it is busy; its machines go with it."""
    with services.store.write() as transaction:
        transaction.machines.add(MACHINE)
    operation = admin.post("/api/v1/machines/node-1/power", json={"action": "on"}).get_json()["operation"]["id"]
    assert admin.delete(f"{URL}/lab").status_code == HTTPStatus.CONFLICT
    admin.post(f"/api/v1/operations/{operation}/cancel")
    assert admin.delete(f"{URL}/{lab['id']}").status_code == HTTPStatus.NO_CONTENT
    assert admin.get("/api/v1/machines").get_json()["machines"] == []
    for answer in (admin.delete(f"{URL}/lab"), admin.get(f"{URL}/lab"), admin.put(f"{URL}/lab", json={})):
        assert answer.status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a/b"},
        {"name": "a" * 65},
        {"url": "maas.example"},
        {"url": "http://maas.example/?x"},
        {"url": None},
        {"key": "a:b"},
        {"key": None},
        {"trust": "sha1:00"},
        {"trust": "/etc/ca.pem"},
        {"cloud": "a b"},
        {"erase": "twice"},
        {"password": "x"},
    ],
)
def test_a_wrong_region_is_refused(admin: Api, wrong: dict[str, str | None]) -> None:
    """What names it is a part of its machines' addresses; the rest is what MAAS and TLS know."""
    assert admin.post(URL, json=NEW | wrong).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert admin.get(URL).get_json()["regions"] == []


def test_a_region_may_go_without_a_name_but_not_by_anothers(lab: dict[str, Any], admin: Api) -> None:
    """Its host's name is free; its URL is taken in any spelling."""
    unnamed = {"url": "https://second.example", "key": KEY, "trust": "SHA256:" + "AB:" * 31 + "AB"}
    made = admin.post(URL, json=unnamed).get_json()
    assert (made["name"], made["trust"]) == ("second.example", "sha256:" + "ab" * 32)
    assert admin.post(URL, json=unnamed | {"name": "c"}).status_code == HTTPStatus.CONFLICT
    assert (
        admin.post(URL, json=unnamed | {"name": lab["name"], "url": "http://x"}).status_code
        == HTTPStatus.UNPROCESSABLE_ENTITY
    )
    assert admin.post(URL, json=NEW | {"url": "http://third.example"}).status_code == HTTPStatus.CONFLICT


@pytest.mark.parametrize("field", ["bmc", "second_bmc"])
def test_machines_of_maas_are_not_enrolled_by_hand(admin: Api, field: str) -> None:
    """They come by themselves, and the refusal says how."""
    bmcs = {"bmc": {"address": "ipmi://10.0.0.1"}} | {field: {"address": "maas://lab/4y3h7n"}}
    answer = admin.post("/api/v1/machines", json={"name": "a"} | bmcs)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "bmprov maas add" in answer.text
    assert admin.put("/api/v1/machines/a/bmcs", json=bmcs).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
