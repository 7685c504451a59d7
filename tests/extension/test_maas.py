"""What MAAS asks of the extension: two endpoints of one name, keys that nobody sees, a `prepare` that takes a while."""

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bmprov.sim.cloudstack import CloudStack
from bmprov.sim.virtual_machine import VirtualMachine
from tests.extension.conftest import TOKEN
from tests.extension.service import Service, answer, operation, problem
from tests.extension.test_actions import assert_sentence

SECRET = "cHrJ5DKmFsPQwEaPhN9gBDvdYnKSxmJu"
KEY = f"aCbyjfKSyhv8Fn7b7G:Xn8tWYqnXw4TtpSQrn:{SECRET}"
MAAS = {"endpoint": "http://192.0.2.5", "apikey": KEY}
FOUND = {"nics": [{"uuid": "n", "nicUuid": "m", "mac": "52:54:00:00:00:07"}], "details": {"External:machine": "x"}}
GONE = operation("failed", error="MAAS gave rack1-07 to somebody else", step="allocate", answer={"again": True})


@pytest.mark.parametrize("level", ["host", "extension", "resourcemap"])
def test_an_endpoint_beside_an_apikey_is_that_of_maas(
    level: str, cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """It travels in the body; bmprov's own is another level's."""
    service.on("/cloudstack/prepare", answer({}))
    payload = cloudstack.payload("prepare", vm)
    ours = payload["externaldetails"].pop("extension")
    payload["externaldetails"] = {"extension": {}, "host": {}, "resourcemap": {}}
    payload["externaldetails"][level] = dict(MAAS)
    payload["externaldetails"]["host" if level != "host" else "extension"] |= ours
    assert cloudstack.call("prepare", payload).succeeded
    [sent] = service.requests
    assert sent.headers["Authorization"] == f"Bearer {TOKEN}"
    assert sent.json["externaldetails"] == {"extension": {}, "host": {}, "resourcemap": {}, level: MAAS}


def test_the_settings_file_has_the_endpoint_that_no_level_has(
    cloudstack: CloudStack, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vm: VirtualMachine
) -> None:
    """Whoever moves over from the built-in extension leaves its details as they are."""
    service.on("/cloudstack/prepare", answer({}))
    ini = tmp_path / "extension.ini"
    ini.write_text("[bmprov]\n" + "".join(f"{key} = {value}\n" for key, value in cloudstack.extension.items()))
    monkeypatch.setenv("BMPROV_EXTENSION_INI", str(ini))
    assert replace(cloudstack, extension=MAAS).prepare(vm).succeeded
    assert service.requests[0].json["externaldetails"]["extension"] == MAAS


def test_without_an_apikey_an_endpoint_stays_that_of_bmprov(
    cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """`maas_url` and `maas_key` stand beside bmprov's own settings; an empty `apikey` is none."""
    service.on("/cloudstack/prepare", answer({}))
    maas = {"maas_url": "http://192.0.2.5:5240/MAAS", "maas_key": KEY, "apikey": " "}
    assert replace(cloudstack, extension={**cloudstack.extension, **maas}).prepare(vm).succeeded
    assert service.requests[0].json["externaldetails"]["extension"] == maas


def test_the_apikey_of_an_instance_changes_nothing(
    cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """A user writes the instance's details: they neither name an endpoint nor keep one in the body."""
    service.on("/cloudstack/prepare", answer({}))
    payload = cloudstack.payload("prepare", vm)
    payload["externaldetails"]["virtualmachine"] |= {"endpoint": "https://evil.example", "apikey": "a:b:c"}
    assert cloudstack.call("prepare", payload).succeeded
    assert service.requests[0].json["externaldetails"]["virtualmachine"] == {"image": "debian-12", "apikey": "a:b:c"}


@pytest.mark.parametrize("level", ["host", "extension", "resourcemap"])
def test_an_endpoint_that_may_be_either_is_refused(
    level: str, cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """Guessing could send bmprov's token to MAAS, so nothing is sent."""
    payload = cloudstack.payload("prepare", vm)
    payload["externaldetails"][level] = {**MAAS, "token": TOKEN}
    result = cloudstack.call("prepare", payload)
    assert_sentence(result, f"the {level}'s details have `endpoint` with `apikey` and `token`", "`maas_key` instead")
    assert SECRET not in result.output
    assert service.connections == 0


@pytest.mark.parametrize("name", ["maas_key", "apikey"])
@pytest.mark.parametrize("level", ["host", "extension", "resourcemap"])
@pytest.mark.parametrize("shown", [KEY, SECRET], ids=["key", "secret"])
def test_an_echoed_key_is_not_printed(
    name: str, level: str, shown: str, cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """Neither an error nor an answer that repeats it gets through, be it whole or its secret part."""
    payload = cloudstack.payload("stop", vm)
    payload["externaldetails"][level] = {**payload["externaldetails"].get(level, {}), name: f" {KEY} "}
    if name == "apikey":
        payload["externaldetails"]["extension"].pop("token", None)
        payload["externaldetails"]["extension"].pop("endpoint", None)
        payload["externaldetails"]["host" if level != "host" else "extension"] |= {
            key: cloudstack.extension[key] for key in ("endpoint", "token")
        }
    service.on(
        "/cloudstack/stop", problem(422, f"MAAS said {shown}", "look"), answer({"status": "success", "x": shown})
    )
    assert_sentence(cloudstack.call("stop", payload), "MAAS said ***: look")
    assert cloudstack.call("stop", payload).answer == {"status": "success", "x": "***"}


def test_the_log_has_no_key(cloudstack: CloudStack, service: Service, vm: VirtualMachine, folder: Path) -> None:
    """Not even where the service has put it into the fields that are logged."""
    entry_point = cloudstack.entry_point
    path = folder / "log"
    entry_point.write_text(entry_point.read_text().replace('"/dev/log"', repr(str(path))))
    service.on("/cloudstack/stop", operation("failed", 202, error=KEY, machine=f"rack1 {SECRET}", step=SECRET))
    cloudstack.extension.update(maas_url="http://192.0.2.5/MAAS", maas_key=KEY)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(path))
        log.settimeout(10)
        assert_sentence(cloudstack.stop(vm), "machine rack1 *** in step '***' failed: ***")
        line = log.recv(65536).decode()
    assert "outcome=failure" in line
    assert SECRET not in line


def test_a_prepare_that_takes_a_while_is_polled(cloudstack: CloudStack, service: Service, vm: VirtualMachine) -> None:
    """What CloudStack reads is the operation's answer, as if it had come at once."""
    service.on("/cloudstack/prepare", operation("queued", 202))
    service.on("/operations/op-1", operation("running", step="allocate"), operation("succeeded", answer=FOUND))
    assert cloudstack.prepare(vm).answer == FOUND
    assert [request.method for request in service.requests] == ["POST", "GET", "GET"]


@pytest.mark.parametrize("odd", [None, "52:54:00:00:00:07", [FOUND], True])
def test_a_prepare_without_its_answer_is_none(
    odd: object, cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """CloudStack would start an instance with MACs that no machine has."""
    service.on("/cloudstack/prepare", operation("succeeded", 202, answer=odd))
    assert_sentence(cloudstack.prepare(vm), "prepare of i-2-34-VM on machine rack1-07 failed", "without its answer")


def test_a_prepare_whose_machine_was_gone_gets_another(
    cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """The same order is sent again, for the same instance, until a machine is had."""
    service.on("/cloudstack/prepare", operation("queued", 202))
    service.on("/operations/op-1", GONE, GONE, operation("succeeded", answer=FOUND))
    assert cloudstack.prepare(vm).answer == FOUND
    orders = [request for request in service.requests if request.method == "POST"]
    assert [order.json["virtualmachineid"] for order in orders] == [vm.uuid] * 3


def test_five_other_machines_are_enough(cloudstack: CloudStack, service: Service, vm: VirtualMachine) -> None:
    """Then the last one's reason is told."""
    service.on("/cloudstack/prepare", operation("queued", 202))
    service.on("/operations/op-1", GONE)
    assert_sentence(cloudstack.prepare(vm), "on machine rack1-07 in step 'allocate'", "gave rack1-07 to somebody else")
    assert [request.method for request in service.requests].count("POST") == 6


def test_no_other_machine_is_told_without_the_first(
    cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """The refusal is about the pool, and names no machine that has nothing to do with it."""
    service.on("/cloudstack/prepare", operation("queued", 202), problem(409, "no free machine for 4 cpus"))
    service.on("/operations/op-1", GONE)
    assert cloudstack.prepare(vm).output == "prepare of i-2-34-VM failed: no free machine for 4 cpus.\n"


@pytest.mark.parametrize("told", [None, {}, {"again": "true"}, {"again": 1}, ["again"]])
def test_a_prepare_that_failed_otherwise_is_final(
    told: Any,  # noqa: ANN401 - JSON
    cloudstack: CloudStack,
    service: Service,
    vm: VirtualMachine,
) -> None:
    """Only the service knows that another machine would help."""
    service.on("/cloudstack/prepare", operation("failed", 202, error="the key was revoked", answer=told))
    assert_sentence(cloudstack.prepare(vm), "the key was revoked")
    assert len(service.requests) == 1


def test_other_actions_are_not_sent_again(cloudstack: CloudStack, service: Service, vm: VirtualMachine) -> None:
    """`again` is an answer of `prepare` alone."""
    service.on("/cloudstack/create", operation("failed", 202, error="no", answer={"again": True}))
    assert_sentence(cloudstack.create(vm), "failed: no")
    assert len(service.requests) == 1


def test_another_machine_is_not_asked_for_beyond_the_deadline(
    cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """The reason is told while somebody still reads it."""
    service.on("/cloudstack/prepare", replace(GONE, status=200, body=b'{"operation":' + GONE.body + b"}"))
    result = cloudstack.within(1).prepare(vm)
    assert_sentence(result, "gave rack1-07 to somebody else")
    assert result.seconds < 1
    assert len(service.requests) < 6


def test_out_of_time_a_reservation_runs_out_by_itself(
    cloudstack: CloudStack, service: Service, vm: VirtualMachine
) -> None:
    """Nothing is cancelled: CloudStack asks again for the same instance, and finds what was begun."""
    service.on("/cloudstack/prepare", operation("queued", 202))
    service.on("/operations/op-1", operation("running", step="allocate"))
    result = cloudstack.within(2).prepare(vm)
    assert_sentence(result, "'allocate'", "its reservation runs out by itself", "bmprov operation show op-1")
    assert not [request for request in service.requests if request.path.endswith("/cancel")]
