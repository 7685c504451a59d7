"""The simulated CloudStack does to an entry point what the real one does."""

from pathlib import Path
from typing import Any

import pytest

from bmprov.sim.cloudstack import CloudStack, merge, merge_prepare
from bmprov.sim.virtual_machine import VirtualMachine


def entry(folder: Path, script: str) -> CloudStack:
    path = folder / "entry" / "run.sh"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return CloudStack(path, folder / "payloads", timeout_s=1)


def test_more_than_a_pipe_holds_times_out(tmp_path: Path) -> None:
    """Nobody reads before the end, so that 64 KiB and one byte never come to an end."""
    assert entry(tmp_path, "head -c 65537 /dev/zero").run().told == "Timeout"


def test_a_full_pipe_is_read(tmp_path: Path) -> None:
    """64 KiB exactly pass."""
    assert len(entry(tmp_path, "head -c 65536 /dev/zero").run().output) == 65536


def test_both_streams_are_one(tmp_path: Path) -> None:
    """What a script says on standard error is part of its output."""
    assert entry(tmp_path, "echo out; echo err >&2; exit 3").run().told == "Exit code: 3, Output: out\nerr"


def test_a_call_has_action_payload_and_timeout(tmp_path: Path, vm: VirtualMachine) -> None:
    """The payload is a file that exists during the call; that of a `status` is removed after it."""
    cloudstack = entry(tmp_path, 'test -s "$2" && printf \'{"action": "%s", "timeout": "%s"}\' "$1" "$3"')
    assert cloudstack.status(vm).answer == {"action": "status", "timeout": "1"}
    assert list(cloudstack.folder.iterdir()) == []
    assert cloudstack.create(vm).answer == {"action": "create", "timeout": "1"}
    assert len(list(cloudstack.folder.iterdir())) == 1


def test_a_file_beside_the_entry_point_is_noticed(tmp_path: Path) -> None:
    """It would turn the extension Not Ready."""
    assert entry(tmp_path, 'touch "$(dirname "$0")/lock"').run().changed == ("lock",)


def test_an_output_that_is_no_object_has_no_answer(tmp_path: Path) -> None:
    """Asking for the answer of a failure is an error that shows the failure."""
    with pytest.raises(ValueError, match="no JSON object: Exit code: 1, Output: because"):
        _ = entry(tmp_path, "echo because; exit 1").run().answer


def test_a_payload_has_what_its_action_has(cloudstack: CloudStack, vm: VirtualMachine) -> None:
    """Callers are absent in the background, `deployvm` and the VLAN come with `create`."""
    create = cloudstack.payload("create", vm.deploying())
    assert create["cloudstack.vm.details"]["details"]["deployvm"] == "true"
    assert create["externaldetails"]["virtualmachine"] == {"image": "debian-12", "cloudstack.vlan": "1577"}
    assert "caller" in create
    status = cloudstack.payload("status", vm)
    assert "caller" not in status
    assert "cloudstack.vlan" not in status["externaldetails"]["virtualmachine"]
    assert set(cloudstack.payload("statuses")) == {"externaldetails"}


def test_prepare_changes_the_nics_that_it_names(vm: VirtualMachine) -> None:
    """MAC and addresses are kept, details come back with the next call, all else is as it was."""
    second = vm.details["nics"][1]
    update = {"uuid": second["uuid"], "nicUuid": second["nicUuid"], "mac": "52:54:00:00:00:07", "gateway": "10.0.0.1"}
    answer = {"nics": [update], "details": {"External:bmprov.machine": "rack1-07"}, "name": "other", "cpus": 64}
    merged = merge_prepare(vm, answer)
    assert merged.details["nics"][0] == vm.details["nics"][0]
    assert merged.details["nics"][1] == {**second, "mac": "52:54:00:00:00:07"}
    assert (merged.name, merged.details["cpus"]) == (vm.name, 2)
    assert merged.external_for("status") == {"image": "debian-12", "bmprov.machine": "rack1-07"}


def test_a_nic_without_its_nic_uuid_is_not_updated(vm: VirtualMachine) -> None:
    """Without network UUIDs the list is replaced, and CloudStack finds no NIC in it."""
    merged = merge_prepare(vm, {"nics": [{"mac": "52:54:00:00:00:07"}]})
    assert merged.details["nics"] == vm.details["nics"]


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": {"b": 1}}, {"a": None}, {"a": None}),
        ({"a": {"b": 1}}, {"a": 5}, {"a": 5}),
        ({"a": [{"uuid": "x", "b": 1}]}, {"a": [{"uuid": "x", "c": 2}]}, {"a": [{"uuid": "x", "b": 1, "c": 2}]}),
        ({"a": [{"uuid": "x"}]}, {"a": [{"uuid": "y"}]}, {"a": [{"uuid": "x"}, {"uuid": "y"}]}),
        ({"a": [{"uuid": "x"}]}, {"a": [{"b": 1}]}, {"a": [{"b": 1}]}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": [{"uuid": "x", "b": 1}, {"uuid": "x", "b": 2}]}, {"a": []}, {"a": [{"uuid": "x", "b": 2}]}),
    ],
)
def test_objects_merge_as_in_cloudstack(
    target: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Objects by key, lists by `uuid` when all have one, all else replaced."""
    assert merge(target, patch) == expected
