"""The page of an operation: its timeline, its failure in words, its progress, and who may cancel it."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import update

from bmprov.lifecycle import Kind, State
from bmprov.model import NOTE, Machine, Operation, OperationState, Report, Role, StepRun
from bmprov.orders import Caller
from bmprov.power import PowerAction
from bmprov.services import Services
from bmprov.store import schema
from bmprov.web.operation.view import Progress, answer, progress, rows
from tests.bmprov.web.signing_in import Tab

MARKUP, TEXT = "<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"
ANN = Caller("ann", Role.OPERATOR)
BEGAN = 1000.0
WAITS = "wait for the image to be written"


@pytest.fixture
def machine(add_machine: Callable[..., Machine]) -> Machine:
    return add_machine(7, State.RESERVED)


@pytest.fixture
def deploying(services: Services, machine: Machine) -> Operation:
    """A deployment that CloudStack has asked for."""
    with services.store.write() as transaction:
        return transaction.operations.begin(Kind.DEPLOY, machine, "extension", asked_by=f"bob {MARKUP}")


def change(services: Services, operation: Operation, **values: object) -> None:
    with services.store.write() as transaction:
        mine = update(schema.operations).where(schema.operations.c.id == operation.id)
        transaction.connection.execute(mine.values(**values))


def record(services: Services, operation: Operation, *runs: StepRun) -> None:
    with services.store.write() as transaction:
        for run in runs:
            transaction.operations.record(operation, run)


def end(services: Services, operation: Operation, state: OperationState, **words: Any) -> None:  # noqa: ANN401 - texts
    with services.store.write() as transaction:
        machine = transaction.machines.get(operation.machine_id)
        assert machine
        transaction.operations.finish(operation, machine, state, **words)


def test_the_timeline_shows_steps_retries_and_what_was_seen(
    viewer: Tab, services: Services, deploying: Operation
) -> None:
    at = deploying.created_at
    record(
        services,
        deploying,
        StepRun("power cycle", 1, at + 1, at + 2, "retry", f"BMC did not answer {MARKUP}"),
        StepRun("power cycle", 2, at + 3, at + 4, "done"),
        StepRun("HTTP", 1, at + 5, at + 6, NOTE, "ramdisk's kernel: 12.3 MiB"),
        StepRun("wait for the ramdisk", 1, at + 4, at + 4, "wait", "the ramdisk"),
    )
    change(services, deploying, step="wait for the ramdisk", state="waiting", waiting_for="the ramdisk", wait_until=at)
    text = viewer.get(f"/operations/{deploying.id}").text
    assert "<dd>booting the system that writes the image, until <time" in text
    timeline = text[text.index("Timeline") :]
    order = [timeline.index(words) for words in ("power cycle", "waits for the ramdisk", "kernel: 12.3 MiB")]
    assert order == sorted(order)
    assert f"tried again: BMC did not answer {TEXT}" in text
    assert f"bob {TEXT} in extension" in text
    assert MARKUP not in text


def test_a_failure_stands_at_the_top_with_what_to_check(viewer: Tab, services: Services, deploying: Operation) -> None:
    with services.store.write() as transaction:
        failed = Report(booted=True, failure="no disk", log=f"sda: gone {MARKUP}\nend")
        transaction.operations.signal(deploying.id, lambda _: failed)
    end(services, deploying, OperationState.FAILED, error=f"no disk {MARKUP}", check="look at the disk")
    text = viewer.get(f"/operations/{deploying.id}").text
    assert f"no disk {TEXT}" in text
    assert "What to check first:</b> look at the disk." in text
    assert text.index("What to check first") < text.index("Timeline")
    assert f"sda: gone {TEXT}\nend</code></pre>" in text
    assert MARKUP not in text


def test_it_is_found_by_the_beginning_of_its_id(viewer: Tab, deploying: Operation) -> None:
    assert viewer.get(f"/operations/{deploying.id[:8]}").status_code == 200
    for nonsense in ("ffffffff", "%25", "..", "zz'--", deploying.id + "0"):
        assert viewer.get(f"/operations/{nonsense}").status_code == 404, nonsense


def test_bytes_stand_on_the_page_and_nothing_breaks_without_redis(
    viewer: Tab, services: Services, deploying: Operation
) -> None:
    at = services.store.clock() - 10
    record(services, deploying, StepRun(WAITS, 1, at, at, "wait", "the image to be written"))
    change(services, deploying, step=WAITS, state="waiting")
    services.queue.set_progress(deploying.id, 2**30, 4 * 2**30)
    text = viewer.get(f"/operations/{deploying.id}").text
    assert f'max="{4 * 2**30}" value="{2**30}"' in text
    assert "<b>25 %</b>, 1.0 GiB of 4.0 GiB" in text
    assert re.search(r"MiB/s on average, about \d+\.\d s left", text)
    services.queue.redis = Redis.from_url("redis://127.0.0.1:1")  # where nobody listens
    assert "is not known at the moment" in viewer.get(f"/operations/{deploying.id}").text


def test_cancelling_is_asked_and_done_once(operator: Tab, services: Services, deploying: Operation) -> None:
    path = f"/operations/{deploying.id}/cancel"
    assert "Cancel deploy of rack1-07?" in operator.get(path).text
    assert operator.post_form(path).status_code == 303
    with services.store.read() as transaction:
        ended = transaction.operations.get(deploying.id)
    assert ended
    assert ended.state is OperationState.CANCELLED
    again = operator.post_form(path)
    assert again.status_code == 409
    assert "It has ended already: cancelled" in again.text


def test_a_viewer_cannot_cancel(viewer: Tab, services: Services, deploying: Operation) -> None:
    assert viewer.get(f"/operations/{deploying.id}/cancel").status_code == 403
    assert viewer.post_form(f"/operations/{deploying.id}/cancel").status_code == 403
    with services.store.read() as transaction:
        found = transaction.operations.get(deploying.id)
        assert found
        assert not found.finished


def test_an_answer_is_a_table(viewer: Tab, services: Services, add_machine: Callable[..., Machine]) -> None:
    operation = services.orders.check(add_machine(8).id, ANN)
    told = [{"check": "login", "verdict": "good", "finding": f"{MARKUP} works"}]
    end(services, operation, OperationState.SUCCEEDED, answer=told)
    text = viewer.get(f"/operations/{operation.id}").text
    assert f"{TEXT} works" in text
    assert '<th scope="col">verdict</th>' in text


def test_one_of_another_power_action_has_its_words(viewer: Tab, services: Services, machine: Machine) -> None:
    operation = services.orders.power(machine.id, PowerAction.SOFT_OFF, ANN)
    assert "Shut down of" in viewer.get(f"/operations/{operation.id}").text


@pytest.fixture
def running() -> Operation:
    return Operation("o", Kind.DEPLOY, "m", "rack1-07", "default", "ann", created_at=BEGAN, step=WAITS)


def test_bars_lie_on_one_axis(running: Operation) -> None:
    runs = [
        StepRun("allocate", 1, BEGAN, BEGAN, "done"),
        StepRun("power cycle", 1, BEGAN, BEGAN + 25, "done"),
        StepRun(WAITS, 1, BEGAN + 25, BEGAN + 25, "wait", "the image"),
    ]
    shown = rows(running, runs, BEGAN + 100)
    assert [(row.name, row.left, row.width) for row in shown] == [
        ("allocate", 0.0, 0.4),
        ("power cycle", 0.0, 25.0),
        (WAITS, 25.0, 75.0),
    ]
    assert [row.goes_on for row in shown] == [False, False, True]
    ended = replace(running, finished_at=BEGAN + 50, state=OperationState.FAILED)
    assert all(row.left + row.width <= 100.01 for row in rows(ended, runs, BEGAN + 9999))


def test_a_step_that_has_begun_stands_there_before_it_has_told(running: Operation) -> None:
    [row] = rows(replace(running, step="allocate"), [], BEGAN + 2)
    assert (row.name, row.goes_on) == ("allocate", True)


def test_no_time_left_is_told_before_there_is_enough_to_tell_it_from(running: Operation) -> None:
    began = [StepRun(WAITS, 1, BEGAN, BEGAN, "wait", "the image")]
    assert progress(running, (100, 400), began, BEGAN + 2) == Progress(100, 400)
    assert progress(running, (100, 400), began, BEGAN + 10) == Progress(100, 400, 10.0, 30.0)
    assert progress(running, None, began, BEGAN + 10) is None
    assert progress(running, (0, 0), began, BEGAN + 10) is None


@pytest.mark.parametrize("told", [None, [], {}, "text", [1, 2], {"a": None}, [{"a": 1}, {"b": ["x", "y"]}]])
def test_any_answer_is_shown(told: object) -> None:
    """What a later version writes must not break the page."""
    shown = answer(told)
    assert (shown is None) == (not told)
