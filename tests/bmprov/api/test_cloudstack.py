"""The extension's calls."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest

from bmprov.console import Admission, redeem
from bmprov.model import Machine
from bmprov.services import Services
from tests.bmprov.api.caller import Api

URL = "/api/v1/cloudstack"

Payload = Callable[..., dict[str, Any]]


@pytest.mark.usefixtures("image", "machine")
def test_create_is_one_operation_however_often_it_is_asked_for(
    cloud: Api, payload: Payload, services: Services, finish_all: Callable[[], None]
) -> None:
    """202 with the same operation while it runs, 200 with the answer when it is done."""
    first, again = (cloud.post(f"{URL}/create", json=payload()) for _ in range(2))
    assert (first.status_code, again.status_code) == (HTTPStatus.ACCEPTED, HTTPStatus.ACCEPTED)
    assert first.get_json()["operation"] == again.get_json()["operation"]
    assert services.queue.waiting(["default"]) == {first.get_json()["operation"]["id"]}
    finish_all()
    done = cloud.post(f"{URL}/create", json=payload())
    assert (done.status_code, done.get_json()["answer"]["status"]) == (HTTPStatus.OK, "success")


@pytest.mark.parametrize("action", ["stop", "delete"])
def test_what_does_not_exist_is_stopped_and_deleted(cloud: Api, payload: Payload, action: str) -> None:
    """200 with success: CloudStack cleans up after failures with these."""
    answer = cloud.post(f"{URL}/{action}", json=payload())
    assert (answer.status_code, answer.get_json()["answer"]["status"]) == (HTTPStatus.OK, "success")


@pytest.mark.usefixtures("image")
def test_no_capacity_has_a_type_of_its_own(cloud: Api, payload: Payload) -> None:
    """409, so that an operator sees at once what is missing."""
    answer = cloud.post(f"{URL}/prepare", json=payload())
    assert (answer.status_code, answer.get_json()["type"]) == (HTTPStatus.CONFLICT, "/problems/no-capacity")


@pytest.mark.usefixtures("image", "machine")
def test_power_is_told_in_both_spellings(cloud: Api, payload: Payload, finish_all: Callable[[], None]) -> None:
    """`status`, `statuses` and the instance's own route say the same, and nothing while it is deployed."""
    power = f"/api/v1/instances/{payload()['virtualmachineid']}/power"
    cloud.post(f"{URL}/create", json=payload())
    told = cloud.get(power).get_json()
    assert told == {
        "power": "unknown",
        "power_state": "unknown",
        "read_at": None,
        "because": "the machine is being deployed",
    }
    assert cloud.post(f"{URL}/status", json=payload()).get_json()["answer"]["power_state"] == "unknown"
    finish_all()
    told = cloud.get(power).get_json()
    assert (told["power"], told["power_state"], told["because"]) == ("off", "poweroff", "the BMC's reading")
    assert cloud.post(f"{URL}/status", json=payload()).get_json()["answer"]["power_state"] == "poweroff"
    statuses = cloud.post(f"{URL}/statuses", json=payload()).get_json()["answer"]
    assert statuses["power_state"] == {"i-2-1-VM": "poweroff"}


def test_a_payload_with_five_mebibytes_of_user_data_is_answered(cloud: Api, payload: Payload) -> None:
    """It is below the limit of a body, so what is said about it is the payload's own business."""
    heavy = payload()
    heavy["cloudstack.vm.details"]["vmData"] = [["userdata", "user_data", "QUFB" * (5 * 2**18)]]
    answer = cloud.post(f"{URL}/prepare", json=heavy)
    assert answer.status_code in (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.CONFLICT), answer.text


def test_an_administrators_token_is_not_an_extensions(admin: Api, payload: Payload) -> None:
    """An admin's token belongs to no cloud, so an extension that was given one is told."""
    answer = admin.post(f"{URL}/status", json=payload())
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert answer.get_json()["check"] == "the role that does this: cloud"


@pytest.mark.usefixtures("image")
def test_a_console_has_an_address_that_works_once(
    cloud: Api,
    viewer: Api,
    payload: Payload,
    services: Services,
    add_machine: Callable[..., Machine],
    finish_all: Callable[[], None],
) -> None:
    """At the name that the API was called by, with the ticket where no proxy's log has it."""
    machine = add_machine()
    cloud.post(f"{URL}/create", json=payload())
    finish_all()
    told = cloud.post(f"{URL}/getconsole", json=payload(), base_url="https://bmprov.example:8443").get_json()
    console = told["answer"]["console"]
    base, _, ticket = console["url"].partition("#")
    assert (base, console["protocol"]) == ("https://bmprov.example:8444/console", "direct")
    admission = redeem(services.queue, services.vault, ticket)
    assert admission == Admission(machine.id, "c1", payload()["virtualmachineid"])
    assert redeem(services.queue, services.vault, ticket) is None
    watched = viewer.post(f"/api/v1/machines/{machine.name}/console", base_url="https://[::1]:8443").get_json()
    assert watched["url"].startswith("https://[::1]:8444/console#")
    admission = redeem(services.queue, services.vault, watched["url"].partition("#")[2])
    assert admission == Admission(machine.id, "the-viewer", may_write=False)
