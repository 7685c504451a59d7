"""Payloads that make no sense, through the extension to the service: one sentence, exit 1, nothing half-done."""

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import MACHINES, House


def broken(payload: dict[str, Any], how: str) -> dict[str, Any]:
    details = payload["cloudstack.vm.details"]
    match how:
        case "no uuid":
            del payload["virtualmachineid"], details["uuid"]
        case "no details":
            del payload["cloudstack.vm.details"]
        case "unknown image":
            payload["externaldetails"]["virtualmachine"]["image"] = "windows-95"
        case "huge user data":
            content = base64.b64encode(bytes(5_000_000)).decode()
            details["vmData"] = [["userdata", "user_data", content]]
        case "wrong types":
            details["nics"] = "many"
        case "too many NICs":
            details["nics"] = [
                dict(details["nics"][0], nicUuid=f"n{n}", uuid=f"u{n}", mac=f"02:00:00:00:09:{n:02x}") for n in range(8)
            ]
    return payload


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("no uuid", "virtualmachineid"),
        ("no details", "cloudstack.vm.details"),
        ("unknown image", "no image 'windows-95' in the catalogue"),
        ("huge user data", "user data"),
        ("wrong types", "nics"),
        ("too many NICs", "2 of 8 NICs"),
    ],
)
@pytest.mark.parametrize("action", ["prepare", "create"])
def test_a_payload_that_makes_no_sense(house: House, tmp_path: Path, action: str, how: str, says: str) -> None:
    """The sentence names what is wrong; no machine is reserved."""
    cloudstack, instance = house.cloudstack(tmp_path), house.instance()
    result = cloudstack.call(action, broken(cloudstack.payload(action, instance), how))
    assert result.exit_code == 1
    assert says in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert len(house.machines("available")) == MACHINES


def test_no_nics_unicode_and_untagged(healthy: House, tmp_path: Path) -> None:
    """What is unusual and makes sense is deployed."""
    cloudstack, instance = healthy.cloudstack(tmp_path), healthy.instance()
    payload = cloudstack.payload("create", instance)
    payload["cloudstack.vm.details"]["nics"] = []
    payload["cloudstack.vm.details"]["details"] = {"displayName": "Żółta Łódź 日本 🚀"}
    result = cloudstack.call("create", payload)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("content", ["", "[]", "{", "\x00\xff"])
def test_a_payload_that_is_no_object(house: House, tmp_path: Path, content: str) -> None:
    """Not JSON, or not an object: a sentence, before anything is asked of the service."""
    file = tmp_path / "payload.json"
    file.write_text(content, encoding="latin-1")
    result = house.cloudstack(tmp_path).run("create", str(file), "30")
    assert result.exit_code == 1
    assert "payload" in result.output


def test_a_payload_that_cannot_be_read(house: House, tmp_path: Path) -> None:
    """The file is not there."""
    result = house.cloudstack(tmp_path).run("create", str(tmp_path / "gone.json"), "30")
    assert result.exit_code == 1
    assert "gone.json" in result.output
