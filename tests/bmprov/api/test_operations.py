"""Operations over the API: what the extension polls."""

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bmprov.api.app import create_app
from bmprov.model import Machine, StepRun
from bmprov.queue import JobQueue
from bmprov.services import Services
from bmprov.store import Store
from tests.bmprov.api.caller import Api

URL = "/api/v1/operations"


@pytest.fixture
def deploying(cloud: Api, image: str, machine: Machine, payload: Callable[..., dict[str, Any]]) -> str:
    answer = cloud.post("/api/v1/cloudstack/create", json=payload(image=image))
    assert answer.status_code == HTTPStatus.ACCEPTED, answer.text
    operation = answer.get_json()["operation"]
    assert operation["machine"] == machine.name
    return str(operation["id"])


def test_a_deployment_shows_its_steps_and_its_progress(
    cloud: Api, deploying: str, store: Store, queue: JobQueue
) -> None:
    """As much as a progress bar and a timeline need."""
    queue.set_progress(deploying, 300, 4000)
    with store.write() as transaction:
        operation = transaction.operations.get(deploying)
        assert operation is not None
        transaction.operations.record(operation, StepRun("power cycle", 1, 1e9, 1e9 + 1.5, "done", "it is on"))
    told = cloud.get(f"{URL}/{deploying}").get_json()
    assert told["progress"] == {"done_bytes": 300, "total_bytes": 4000}
    assert told["steps"] == [
        {
            "name": "power cycle",
            "attempt": 1,
            "started_at": "2001-09-09T01:46:40Z",
            "ended_at": "2001-09-09T01:46:41.500000Z",
            "outcome": "done",
            "detail": "it is on",
        }
    ]
    assert (told["kind"], told["machine"], told["state"]) == ("deploy", "rack1-01", "queued")


def test_lists_are_newest_first_and_filtered(viewer: Api, operator: Api, add_machine: Callable[..., Machine]) -> None:
    """By machine, by the beginning of an id, by being under way, by number."""
    names = [add_machine(number).name for number in (1, 2, 3)]
    begun = [operator.post(f"/api/v1/machines/{name}/power", json={"action": "on"}) for name in names]
    ids = [answer.get_json()["operation"]["id"] for answer in begun]
    operator.post(f"{URL}/{ids[0]}/cancel")

    def listed(query: str) -> list[str]:
        return [one["id"] for one in viewer.get(f"{URL}?{query}").get_json()["operations"]]

    assert listed("") == ids[::-1]
    assert listed("unfinished=true") == [ids[2], ids[1]]
    assert listed("machine=rack1-02") == [ids[1]]
    assert listed(f"id={ids[2][:13]}") == [ids[2]]
    assert listed("limit=1") == [ids[2]]
    assert viewer.get(f"{URL}?machine=nope").status_code == HTTPStatus.NOT_FOUND
    assert viewer.get(f"{URL}?limit=0").status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_a_list_of_what_is_under_way_tells_how_far_each_is(
    viewer: Api, operator: Api, add_machine: Callable[..., Machine], queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one question to Redis; without Redis the list is there all the same, and a list of all does not ask."""
    names = [add_machine(number).name for number in (1, 2)]
    begun = [operator.post(f"/api/v1/machines/{name}/power", json={"action": "on"}) for name in names]
    queue.set_progress(begun[0].get_json()["operation"]["id"], 300, 4000)

    def told(query: str) -> list[Any]:
        return [one["progress"] for one in viewer.get(f"{URL}?{query}").get_json()["operations"]]

    assert told("unfinished=true") == [None, {"done_bytes": 300, "total_bytes": 4000}]
    assert told("") == [None, None]
    monkeypatch.setattr(queue, "redis", JobQueue("redis://127.0.0.1:1").redis)
    assert told("unfinished=true") == [None, None]


def test_an_operation_between_steps_is_cancelled_at_once(cloud: Api, deploying: str) -> None:
    """200 with how it ended; again, and it is the same."""
    for _ in range(2):
        answer = cloud.post(f"{URL}/{deploying}/cancel")
        assert (answer.status_code, answer.get_json()["state"]) == (HTTPStatus.OK, "cancelled")
    assert answer.get_json()["error"] == "cancelled by the-cloud"


def test_an_operation_in_a_step_is_still_ending(cloud: Api, deploying: str, store: Store) -> None:
    """200 too: its worker looks up at the end of the step."""
    with store.write() as transaction:
        assert transaction.operations.claim(deploying, "worker-1", 20.0)
    answer = cloud.post(f"{URL}/{deploying}/cancel")
    assert (answer.status_code, answer.get_json()["state"]) == (HTTPStatus.OK, "running")


@pytest.mark.parametrize("path", ["", "/cancel"])
def test_an_operation_that_is_not_there(operator: Api, path: str) -> None:
    """404."""
    assert operator("POST" if path else "GET", f"{URL}/nope{path}").status_code == HTTPStatus.NOT_FOUND


def test_without_redis_orders_are_taken_and_told(
    services: Services, admin: Api, machine: Machine, tmp_path: Path
) -> None:
    """202 all the same, a line in the log, and no progress; `readyz` says what is wrong."""
    without = replace(services, queue=JobQueue(f"unix://{tmp_path}/nobody.sock"))
    admin = admin.at(create_app(without))
    with capture_logs() as logs:
        begun = admin.post(f"/api/v1/machines/{machine.name}/power", json={"action": "on"})
    assert begun.status_code == HTTPStatus.ACCEPTED
    assert any(entry["event"] == "no worker was told, watch will" for entry in logs)
    told = admin.get(f"{URL}/{begun.get_json()['operation']['id']}")
    assert (told.status_code, told.get_json()["progress"]) == (HTTPStatus.OK, None)
    ready = admin.get("/readyz")
    assert (ready.status_code, ready.get_json()["detail"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "Redis does not answer")
