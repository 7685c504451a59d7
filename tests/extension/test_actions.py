"""Each action: what the service is asked, and what CloudStack reads."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from bmprov.sim.cloudstack import CloudStack, Result
from bmprov.sim.virtual_machine import VirtualMachine
from tests.extension.conftest import TOKEN
from tests.extension.service import Reply, Service, answer, operation, problem

POLLED = ("create", "start", "stop", "reboot", "delete")


def call(cloudstack: CloudStack, action: str, vm: VirtualMachine) -> Result:
    return cloudstack.call(action, cloudstack.payload(action, vm))


def assert_sentence(result: Result, *words: str) -> None:
    """One line of text, exit 1, nothing beside the entry point, and the words in it."""
    assert result.exit_code == 1, result.told
    assert result.output.endswith(".\n")
    assert result.output.count("\n") == 1
    assert "Traceback" not in result.output
    assert TOKEN not in result.output
    assert result.changed == ()
    for word in words:
        assert word in result.output, result.output


@pytest.mark.parametrize("action", POLLED)
def test_an_operation_is_polled_until_it_succeeded(
    action: str, cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """The service's message reaches CloudStack, and POST and polls take two connections in all."""
    service.on(f"/cloudstack/{action}", operation("queued", 202))
    running = operation("running", step="power cycle")
    service.on("/operations/op-1", running, running, operation("succeeded", message="done on rack1-07"))
    result = call(cloudstack, action, vm)
    assert result.answer == {"status": "success", "message": "done on rack1-07"}
    assert result.changed == ()
    assert [request.method for request in service.requests] == ["POST", "GET", "GET", "GET"]
    assert service.connections == 1


@pytest.mark.parametrize("action", POLLED)
def test_nothing_to_do_is_a_success(action: str, cloudstack: CloudStack, service: Service, vm: VirtualMachine) -> None:
    """An answer that comes at once is printed as it is."""
    found = {"status": "success", "message": "there was nothing to do"}
    service.on(f"/cloudstack/{action}", answer(found))
    result = call(cloudstack, action, vm)
    assert result.answer == found


def test_prepare_prints_the_answer_of_the_service(cloudstack: CloudStack, service: Service, vm: VirtualMachine) -> None:
    """The service's object is the output, and nothing is around it."""
    found = {"nics": [{"uuid": "n", "nicUuid": "m", "mac": "52:54:00:00:00:07"}], "details": {"External:machine": "ä"}}
    service.on("/cloudstack/prepare", answer(found))
    result = cloudstack.prepare(vm)
    assert json.loads(result.output) == found
    assert result.output == json.dumps(found, separators=(",", ":")) + "\n"


@pytest.mark.parametrize("power", ["poweron", "poweroff", "unknown"])
def test_status_tells_the_power(power: str, cloudstack: CloudStack, service: Service, vm: VirtualMachine) -> None:
    """Each of CloudStack's three words passes."""
    service.on("/cloudstack/status", answer({"status": "success", "power_state": power}))
    assert cloudstack.status(vm).answer == {"status": "success", "power_state": power}


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"answer": None},
        {"answer": []},
        {"answer": {"status": "success"}},
        {"answer": {"power_state": "poweroff"}},
        {"answer": {"status": "success", "power_state": "off"}},
        {"answer": {"status": "success", "power_state": {"i-2-34-VM": "poweroff"}}},
    ],
)
def test_a_power_that_is_not_understood_is_not_told(
    found: object, cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """CloudStack stops an instance on a wrong word, so that a wrong answer is a failure."""
    service.on("/cloudstack/status", Reply(body=json.dumps(found).encode()))
    assert_sentence(cloudstack.status(vm), "i-2-34-VM", "without its answer")


def test_the_console_is_an_address(cloudstack: CloudStack, service: Service, vm: VirtualMachine) -> None:
    """As CloudStack 4.22 takes it; anything else is a failure, and not a browser tab that leads nowhere."""
    found = {"status": "success", "console": {"url": "https://bmprov:8444/console#x", "protocol": "direct"}}
    service.on("/cloudstack/getconsole", answer(found))
    assert cloudstack.console(vm).answer == found
    for wrong in ({"status": "success"}, {"status": "success", "console": "x"}, {"console": {"url": "https://x"}}):
        service.on("/cloudstack/getconsole", answer(wrong))
        assert_sentence(cloudstack.console(vm), "i-2-34-VM", "without its answer")


def test_ten_thousand_statuses_do_not_block(cloudstack: CloudStack, service: Service) -> None:
    """An answer four times the pipe's size arrives whole although nobody reads before the end."""
    powers = {f"i-2-{number}-VM": "poweron" for number in range(10_000)}
    service.on("/cloudstack/statuses", answer({"status": "success", "power_state": powers}))
    result = cloudstack.statuses()
    assert result.answer["power_state"] == powers
    assert len(result.output) > 3 * 65536


def test_statuses_that_no_pipe_holds_are_refused_whole(
    cloudstack: CloudStack, service: Service, tmp_path: Path
) -> None:
    """Without the right to a larger pipe there is a sentence, and never half an answer."""
    entry_point = tmp_path / "unprivileged" / "bmprov"
    entry_point.parent.mkdir()
    drop = "setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource" if os.geteuid() == 0 else ""
    entry_point.write_text(f'#!/bin/sh\nexec {drop} {cloudstack.entry_point} "$@"\n')
    entry_point.chmod(0o755)
    largest = int(Path("/proc/sys/fs/pipe-max-size").read_text())
    powers = {f"i-2-{number:020}-VM": "poweron" for number in range(largest // 30)}
    service.on("/cloudstack/statuses", answer({"status": "success", "power_state": powers}))
    result = replace(cloudstack, entry_point=entry_point).statuses()
    assert_sentence(result, "does not fit into the pipe", "pipe-max-size")


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_failed_operation_names_machine_step_and_check(
    state: str, cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """What the operator reads says where, why, and what to look at."""
    service.on("/cloudstack/create", operation("queued", 202))
    why, check = "no call came\nfor 900 s", "look at the console"
    service.on("/operations/op-1", operation(state, error=why, check=check, step="wait for the ramdisk"))
    result = cloudstack.create(vm)
    expected = (
        "create of i-2-34-VM on machine rack1-07 in step 'wait for the ramdisk' failed: "
        "no call came for 900 s: look at the console.\n"
    )
    assert result.output == expected
    assert_sentence(result)


def test_the_token_is_in_the_header_and_nowhere_else(
    cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """Settings leave the payload on every level; all else arrives as CloudStack wrote it."""
    service.on("/cloudstack/prepare", answer({}))
    payload = cloudstack.payload("prepare", vm)
    payload["externaldetails"]["virtualmachine"] |= {"token": "a-user's", "endpoint": "https://evil.example"}
    cloudstack.call("prepare", payload)
    sent = service.requests[0]
    assert sent.headers["Authorization"] == f"Bearer {TOKEN}"
    assert TOKEN.encode() not in sent.body
    assert sent.json["externaldetails"] == {
        "extension": {},
        "resourcemap": {},
        "host": {"host": "rack1"},
        "virtualmachine": {"image": "debian-12"},
    }
    assert {key: sent.json[key] for key in payload if key != "externaldetails"} == {
        key: payload[key] for key in payload if key != "externaldetails"
    }


def test_five_megabytes_of_user_data_pass(cloudstack: CloudStack, service: Service, vm: VirtualMachine) -> None:
    """A large payload is sent whole."""
    service.on("/cloudstack/prepare", answer({}))
    payload = cloudstack.payload("prepare", vm)
    payload["cloudstack.vm.details"]["vmData"][0][2] = "QUJD" * (5 << 18)
    assert cloudstack.call("prepare", payload).succeeded
    assert service.requests[0].json == {**payload, "externaldetails": service.requests[0].json["externaldetails"]}


def test_an_order_is_asked_again_while_the_machine_is_busy(
    cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """409 with Retry-After means: in a moment."""
    busy = problem(409, "release is being cancelled on machine 'rack1-07'", Retry_After="0.2")
    service.on("/cloudstack/stop", busy, busy, answer({"status": "success", "message": "off"}))
    result = cloudstack.stop(vm)
    assert result.succeeded
    assert len(service.requests) == 3
    assert result.seconds >= 0.4


def test_a_conflict_without_retry_after_is_final(cloudstack: CloudStack, service: Service, vm: VirtualMachine) -> None:
    """Asking again would not help."""
    service.on("/cloudstack/start", problem(409, "machine 'rack1-07' is in error and not active", "look at it"))
    assert_sentence(cloudstack.start(vm), "start of i-2-34-VM failed: machine 'rack1-07' is in error", "look at it")
    assert len(service.requests) == 1


def test_out_of_time_a_deployment_is_cancelled(cloudstack: CloudStack, service: Service, vm: VirtualMachine) -> None:
    """What CloudStack no longer waits for must not go on; it is said, and in time."""
    service.on("/cloudstack/create", operation("queued", 202))
    service.on("/operations/op-1", operation("waiting", step="wait for the ramdisk", waiting_for="the ramdisk's call"))
    service.on("/operations/op-1/cancel", operation("cancelled"))
    result = cloudstack.within(4).create(vm)
    assert_sentence(result, "rack1-07", "'wait for the ramdisk'", "the ramdisk's call", "deployment was cancelled")
    assert service.requests[-1].path == "/api/v1/operations/op-1/cancel"
    assert result.seconds < 3


def test_a_deployment_that_ends_at_the_last_moment_is_a_success(
    cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """The answer to the cancel is what counts."""
    service.on("/cloudstack/create", operation("queued", 202))
    service.on("/operations/op-1", operation("running"))
    service.on("/operations/op-1/cancel", operation("succeeded", message="active"))
    assert cloudstack.within(3).create(vm).answer["message"] == "active"


def test_a_cancel_that_is_refused_is_said(cloudstack: CloudStack, service: Service, vm: VirtualMachine) -> None:
    """The operator learns the operation and the command that ends it."""
    service.on("/cloudstack/create", operation("queued", 202))
    service.on("/operations/op-1", operation("running"))
    service.on("/operations/op-1/cancel", problem(404, "there is no operation op-1"))
    assert_sentence(cloudstack.within(3).create(vm), "could not be cancelled", "`bmprov operation cancel op-1`")


@pytest.mark.parametrize("action", ["start", "stop", "reboot", "delete"])
def test_out_of_time_other_operations_go_on(
    action: str, cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """Nothing is cancelled; the sentence says that it goes on."""
    service.on(f"/cloudstack/{action}", operation("queued", 202))
    service.on("/operations/op-1", operation("running", step="power off"))
    result = call(cloudstack.within(2), action, vm)
    assert_sentence(result, "rack1-07", "'power off'", "goes on")
    assert {request.method for request in service.requests[1:]} == {"GET"}


@pytest.mark.parametrize("told", [[{"sensor": "CPU Temp", "reading": "42 °C", "health": "ok"}], {"serial": "X1"}, None])
def test_a_custom_action_is_shown(told: object, cloudstack: CloudStack, service: Service, vm: VirtualMachine) -> None:
    """What it tells, or else its message, goes into CloudStack's dialog; the service hears name and parameters."""
    service.on("/cloudstack/custom", operation("queued", 202))
    service.on("/operations/op-1", operation("succeeded", message="done on rack1-07", answer=told))
    payload = cloudstack.payload("sensors", vm) | {"parameters": {"seconds": 5}}
    result = cloudstack.call("sensors", payload)
    assert result.answer == {"status": "success", "message": told or "done on rack1-07", "printmessage": "true"}
    sent = json.loads(service.requests[0].body)
    assert (sent["action"], sent["parameters"]) == ("sensors", {"seconds": 5})


def test_a_custom_action_that_may_have_been_taken_is_not_sent_again(
    cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """A second power cycle would hurt; the sentence says that it is not known."""
    service.on("/cloudstack/custom", Reply(502))
    result = call(cloudstack, "powercycle", vm)
    assert_sentence(result, "powercycle of", "whether the order was taken is not known")
    assert len(service.requests) == 1


@pytest.mark.parametrize("name", ["", "no such", "../x", "A" * 10, "x" * 65])
def test_what_is_no_action_is_not_sent(name: str, cloudstack: CloudStack, service: Service, vm: VirtualMachine) -> None:
    """Only names that an action can have."""
    result = cloudstack.call(name, cloudstack.payload("status", vm))
    assert_sentence(result, "bmprov has no action")
    assert service.requests == []
