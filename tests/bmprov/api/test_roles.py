"""Who may call what."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest

from bmprov.model import Machine, Role
from tests.bmprov.api.caller import Api, Contract

FREE = {"/healthz", "/readyz", "/api/v1/openapi.json"}
READING = {Role.VIEWER, Role.OPERATOR, Role.ADMIN}
ALLOWED = {
    "machines.enrol": {Role.ADMIN},
    "machines.all": READING,
    "machines.one": READING,
    "machines.remove": {Role.ADMIN},
    "machines.set_firmware": {Role.ADMIN},
    "machines.put_at": {Role.OPERATOR, Role.ADMIN},
    "machines.set_bmcs": {Role.ADMIN},
    "machines.set_nics": {Role.ADMIN},
    "machines.console": READING,
    "machines.check": {Role.OPERATOR, Role.ADMIN},
    "machines.mark_fixed": {Role.OPERATOR, Role.ADMIN},
    "machines.check_network": {Role.OPERATOR, Role.ADMIN},
    "machines.apply_network": {Role.OPERATOR, Role.ADMIN},
    "machines.maintain": {Role.OPERATOR, Role.ADMIN},
    "machines.note": {Role.OPERATOR, Role.ADMIN},
    "machines.power": {Role.OPERATOR, Role.ADMIN},
    "machines.inspect": {Role.OPERATOR, Role.ADMIN},
    "machines.release": {Role.OPERATOR, Role.ADMIN},
    "images.put": {Role.ADMIN},
    "images.all": READING,
    "images.one": READING,
    "images.remove": {Role.ADMIN},
    "instances.all": READING,
    "instances.one": READING | {Role.CLOUD},
    "instances.power": READING | {Role.CLOUD},
    "operations.all": READING,
    "operations.one": READING | {Role.CLOUD},
    "operations.cancel": {Role.OPERATOR, Role.ADMIN, Role.CLOUD},
    "regions.add": {Role.ADMIN},
    "regions.all": READING,
    "regions.one": READING,
    "regions.change": {Role.ADMIN},
    "regions.remove": {Role.ADMIN},
    "switches.add": {Role.ADMIN},
    "switches.all": READING,
    "switches.one": READING,
    "switches.change": {Role.ADMIN},
    "switches.remove": {Role.ADMIN},
    "cables.enter": {Role.OPERATOR, Role.ADMIN},
    "cables.all": READING,
    "cables.one": READING,
    "cables.set": {Role.OPERATOR, Role.ADMIN},
    "cables.remove": {Role.OPERATOR, Role.ADMIN},
    "tokens.create": {Role.ADMIN},
    "tokens.all": {Role.ADMIN},
    "tokens.revoke": {Role.ADMIN},
    "people.add": {Role.ADMIN},
    "people.all": {Role.ADMIN},
    "people.one": {Role.ADMIN},
    "people.change": {Role.ADMIN},
    "people.remove": {Role.ADMIN},
    "people.link": {Role.ADMIN},
    "people.sign_out": {Role.ADMIN},
    "walllinks.add": {Role.ADMIN},
    "walllinks.all": {Role.ADMIN},
    "walllinks.revoke": {Role.ADMIN},
    "webhooks.add": {Role.ADMIN},
    "webhooks.all": {Role.ADMIN},
    "webhooks.one": {Role.ADMIN},
    "webhooks.change": {Role.ADMIN},
    "webhooks.remove": {Role.ADMIN},
    "webhooks.rotate": {Role.ADMIN},
    "webhooks.ping": {Role.ADMIN},
    "webhooks.deliveries": {Role.ADMIN},
    "webhooks.delivery": {Role.ADMIN},
    "webhooks.redeliver": {Role.ADMIN},
    "events.newest": READING,
    "health.facts": READING,
} | {
    f"cloudstack.{action}": {Role.CLOUD}
    for action in (
        "prepare",
        "create",
        "start",
        "stop",
        "reboot",
        "delete",
        "status",
        "statuses",
        "custom",
        "getconsole",
    )
}


def routes(contract: Contract) -> list[tuple[str, str, str]]:
    return [
        (told["operationId"], method.upper(), path.replace("{", "").replace("}", ""))
        for path, methods in contract.document["paths"].items()
        for method, told in methods.items()
        if path not in FREE
    ]


@pytest.mark.parametrize("role", [None, *Role])
def test_each_role_may_call_what_it_should_and_nothing_else(
    contract: Contract, call_as: Callable[..., Api], role: Role | None
) -> None:
    """Every route, called with nothing but a token: 401 without one, 403 where the role is wrong, and neither else."""
    caller = call_as(role)
    for name, method, path in routes(contract):
        answer = caller(method, path)
        refused = answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
        assert refused == (role not in ALLOWED[name]), (name, answer.text)
        if refused:
            expected = HTTPStatus.FORBIDDEN if role else HTTPStatus.UNAUTHORIZED
            assert answer.status_code == expected


def test_a_refusal_names_the_roles_that_may(viewer: Api) -> None:
    """An operator with the wrong token learns which one is needed."""
    problem = viewer.delete("/api/v1/machines/rack1-01").get_json()
    assert problem["detail"] == "the role of token 'the-viewer' is viewer"
    assert problem["check"] == "the role that does this: admin"


@pytest.fixture
def other_cloud(call_as: Callable[..., Api]) -> Api:
    return call_as(Role.CLOUD, "c2")


@pytest.mark.usefixtures("image", "machine")
def test_a_cloud_sees_its_own_instances_and_operations_only(
    cloud: Api, other_cloud: Api, payload: Callable[..., dict[str, Any]]
) -> None:
    """What belongs to another cloud does not exist: it cannot be read, polled, cancelled or deleted."""
    operation = cloud.post("/api/v1/cloudstack/create", json=payload()).get_json()["operation"]
    paths = [
        ("GET", f"/api/v1/instances/{payload()['virtualmachineid']}"),
        ("GET", f"/api/v1/instances/{payload()['virtualmachineid']}/power"),
        ("GET", f"/api/v1/operations/{operation['id']}"),
    ]
    for method, path in paths:
        assert cloud(method, path).status_code == HTTPStatus.OK
        assert other_cloud(method, path).status_code == HTTPStatus.NOT_FOUND
    assert other_cloud.post(f"/api/v1/operations/{operation['id']}/cancel").status_code == HTTPStatus.NOT_FOUND
    assert "nothing" in other_cloud.post("/api/v1/cloudstack/delete", json=payload()).get_json()["answer"]["message"]
    assert cloud.get(f"/api/v1/operations/{operation['id']}").get_json()["state"] == "queued"


def test_a_cloud_sees_no_operation_that_people_began(cloud: Api, operator: Api, machine: Machine) -> None:
    """An operation without an instance belongs to no cloud."""
    order = operator.post(f"/api/v1/machines/{machine.name}/power", json={"action": "on"}).get_json()["operation"]
    assert cloud.get(f"/api/v1/operations/{order['id']}").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.usefixtures("image", "machine")
def test_the_operation_of_a_delete_can_be_polled_after_the_instance_is_gone(
    cloud: Api,
    payload: Callable[..., dict[str, Any]],
    finish_all: Callable[[], None],
) -> None:
    """The extension that asked for it still learns how it ended."""
    cloud.post("/api/v1/cloudstack/create", json=payload())
    finish_all()
    operation = cloud.post("/api/v1/cloudstack/delete", json=payload()).get_json()["operation"]
    finish_all()
    assert cloud.get(f"/api/v1/instances/{payload()['virtualmachineid']}").status_code == HTTPStatus.NOT_FOUND
    told = cloud.get(f"/api/v1/operations/{operation['id']}").get_json()
    assert (told["state"], told["message"]) == ("succeeded", "it is done")
