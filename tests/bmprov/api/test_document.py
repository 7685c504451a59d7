"""The OpenAPI document and the API are one thing."""

import re
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import validate

from bmprov.api.openapi import table
from bmprov.api.scrape import PATH as METRICS
from bmprov.hardware import Console, ConsoleKind
from bmprov.model import BackEnd, Bmc, Machine, Nic
from bmprov.services import Services
from tests.bmprov.api.caller import Api, Contract

SWITCH = {
    "name": "leaf-1",
    "address": "cisco-ios://10.1.0.2",
    "vlans": "100-199,1577",
    "provisioning_vlan": 10,
    "quarantine_vlan": 4000,
    "user": "bmprov",
    "password": "geheim",
}
CABLE = {"switch": "leaf-1", "port": "GigabitEthernet1/0/7"}
DOCS = Path(__file__).parents[3] / "docs" / "api.md"


def test_the_document_is_valid_openapi(contract: Contract) -> None:
    """A validator that nobody here wrote accepts it, references and all."""
    validate(contract.document)
    assert contract.document["openapi"] == "3.1.0"


def test_every_route_is_documented_and_every_documented_route_is_there(app: Flask, contract: Contract) -> None:
    """The document lists neither more nor less than what is served in JSON."""
    served = {
        (method, re.sub(r"<(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
    }
    documented = {(method.upper(), path) for path, methods in contract.document["paths"].items() for method in methods}
    assert served - {("GET", METRICS)} == documented


def test_docs_table_is_current(contract: Contract) -> None:
    """The table of routes in docs/api.md is the document's own."""
    current = table(contract.document)
    assert current in DOCS.read_text(), f"put this table into docs/api.md:\n{current}"


@pytest.fixture
def callers(nobody: Api, admin: Api, cloud: Api) -> tuple[Api, Api, Api]:
    return nobody, admin, cloud


@pytest.mark.parametrize("store", ["sqlite", "postgresql"], indirect=True)
def test_a_real_answer_of_every_route_is_as_documented(
    contract: Contract,
    callers: tuple[Api, Api, Api],
    image: str,
    add_machine: Callable[..., Machine],
    finish_all: Callable[[], None],
    payload: Callable[..., dict[str, Any]],
    services: Services,
) -> None:
    """A tour through all routes, each answering with success and with what its schema promises."""
    nobody, admin, cloud = callers
    api, new = "/api/v1", {"name": "rack9-01", "bmc": {"address": "fake://9", "user": "root", "password": "x"}}
    name = add_machine().name
    spare, instance = f"{api}/machines/{name}", f"{api}/instances/{payload()['virtualmachineid']}"
    with services.store.write() as transaction:
        for machine in transaction.machines.all():
            transaction.consoles.keep(machine.id, Console(ConsoleKind.IPMI, "ipmi://10.0.0.7"))
        there = Bmc("maas://lab/4y3h7n", "", b"")
        transaction.machines.add(Machine("m", "node0001", there, (Nic("52:54:00:00:09:01", 0),), back_end=BackEnd.MAAS))
    token = admin.post(f"{api}/tokens", json={"name": "a", "role": "viewer"}).get_json()["token"]["id"]
    wall_link = admin.post(f"{api}/wall-links", json={"name": "hall"}).get_json()["link"]["id"]
    calls: list[tuple[Api, str, str, Any]] = [
        (nobody, "GET", "/healthz", None),
        (nobody, "GET", "/readyz", None),
        (nobody, "GET", f"{api}/openapi.json", None),
        (cloud, "POST", f"{api}/cloudstack/prepare", payload()),
        (cloud, "POST", f"{api}/cloudstack/create", payload()),
        (cloud, "POST", f"{api}/cloudstack/create", payload()),
        (cloud, "POST", f"{api}/cloudstack/status", payload()),
        (cloud, "POST", f"{api}/cloudstack/statuses", payload()),
        (admin, "GET", f"{api}/instances", None),
        (cloud, "GET", instance, None),
        (cloud, "GET", f"{instance}/power", None),
        (cloud, "POST", f"{api}/cloudstack/custom", payload() | {"action": "sensors", "caller": {"roletype": "User"}}),
        (cloud, "POST", f"{api}/cloudstack/getconsole", payload()),
        (cloud, "POST", f"{api}/cloudstack/reboot", payload()),
        (cloud, "POST", f"{api}/cloudstack/stop", payload()),
        (cloud, "POST", f"{api}/cloudstack/start", payload()),
        (cloud, "POST", f"{api}/cloudstack/delete", payload()),
        (cloud, "POST", f"{api}/cloudstack/delete", payload()),
        (admin, "POST", f"{spare}/check", None),
        (admin, "POST", f"{api}/machines/node0001/mark-fixed", None),
        (admin, "POST", f"{api}/machines/node0001/network/check", None),
        (admin, "POST", f"{api}/machines/node0001/network/apply", {"dry_run": True}),
        (admin, "DELETE", f"{api}/machines/node0001", None),
        (admin, "POST", f"{spare}/inspect", None),
        (admin, "POST", f"{spare}/console", None),
        (cloud, "POST", f"{api}/cloudstack/create", payload(2)),
        (admin, "POST", f"{spare}/release", None),
        (admin, "POST", f"{spare}/power", {"action": "on"}),
        (admin, "PUT", f"{spare}/maintenance", {"reason": "new fan"}),
        (admin, "PUT", f"{spare}/place", {"rack": "r01", "rack_position": 7, "height_u": 2}),
        (admin, "PUT", f"{spare}/notes", {"notes": "new fan"}),
        (admin, "PUT", f"{spare}/firmware", {"boot_mode": "uefi", "secure_boot": True}),
        (admin, "PUT", f"{spare}/nics", {"nics": [{"mac": "52:54:00:00:09:02"}]}),
        (admin, "PUT", f"{spare}/bmcs", {"bmc": {"address": "redfish://10.0.0.9", "user": "root", "password": "y"}}),
        (admin, "GET", spare, None),
        (admin, "POST", f"{api}/switches", SWITCH),
        (admin, "GET", f"{api}/switches", None),
        (admin, "PUT", f"{api}/switches/leaf-1", {"save": True}),
        (admin, "POST", f"{api}/cables", {"cables": [CABLE | {"machine": name, "nic": "0"}]}),
        (admin, "PUT", f"{api}/cables/{name}/0", CABLE),
        (admin, "GET", f"{api}/cables", None),
        (admin, "GET", f"{api}/cables/{name}/0", None),
        (admin, "GET", spare, None),
        (admin, "DELETE", f"{api}/cables/{name}/0", None),
        (admin, "GET", f"{api}/switches/leaf-1", None),
        (admin, "DELETE", f"{api}/switches/leaf-1", None),
        (admin, "DELETE", spare, None),
        (admin, "GET", f"{api}/machines", None),
        (admin, "GET", f"{api}/operations", None),
        (admin, "GET", f"{api}/images", None),
        (admin, "GET", f"{api}/images/{image}", None),
        (admin, "DELETE", f"{api}/images/{image}", None),
        (admin, "POST", f"{api}/regions", {"name": "lab", "url": "http://maas.example:5240/MAAS", "key": "a:b:c"}),
        (admin, "GET", f"{api}/regions", None),
        (admin, "GET", f"{api}/regions/lab", None),
        (admin, "PUT", f"{api}/regions/lab", {"erase": "quick"}),
        (admin, "DELETE", f"{api}/regions/lab", None),
        (admin, "POST", f"{api}/webhooks", {"name": "alerts", "url": "https://alerts.example/"}),
        (admin, "GET", f"{api}/webhooks", None),
        (admin, "GET", f"{api}/webhooks/alerts", None),
        (admin, "PUT", f"{api}/webhooks/alerts", {"kinds": ["machine.error"]}),
        (admin, "POST", f"{api}/webhooks/alerts/rotate", {}),
        (admin, "POST", f"{api}/webhooks/alerts/ping", None),
        (admin, "GET", f"{api}/webhooks/alerts/deliveries", None),
        (admin, "GET", f"{api}/webhooks/alerts/deliveries/1", None),
        (admin, "POST", f"{api}/webhooks/alerts/deliveries/1/redeliver", None),
        (admin, "DELETE", f"{api}/webhooks/alerts", None),
        (admin, "GET", f"{api}/tokens", None),
        (admin, "DELETE", f"{api}/tokens/{token}", None),
        (admin, "POST", f"{api}/people", {"name": "ann", "role": "operator"}),
        (admin, "GET", f"{api}/people", None),
        (admin, "GET", f"{api}/people/ann", None),
        (admin, "PUT", f"{api}/people/ann", {"role": "viewer"}),
        (admin, "POST", f"{api}/people/ann/link", None),
        (admin, "POST", f"{api}/people/ann/sign-out", None),
        (admin, "DELETE", f"{api}/people/ann", None),
        (admin, "POST", f"{api}/wall-links", {"name": "lobby"}),
        (admin, "GET", f"{api}/wall-links", None),
        (admin, "DELETE", f"{api}/wall-links/{wall_link}", None),
        (admin, "GET", f"{api}/events", None),
        (admin, "GET", f"{api}/health", None),
    ]
    for caller, method, path, body in calls:
        answer = caller(method, path, **({} if body is None else {"json": body}))
        assert answer.status_code < HTTPStatus.BAD_REQUEST, (method, path, answer.text)
        finish_all()
    began = admin.post(f"{api}/machines", json=new).get_json()["operation"]["id"]
    assert admin.get(f"{api}/operations/{began}").status_code == HTTPStatus.OK
    assert admin.post(f"{api}/operations/{began}/cancel").status_code == HTTPStatus.OK
    told = contract.document["paths"].values()
    assert contract.seen == {one["operationId"] for methods in told for one in methods.values()}
