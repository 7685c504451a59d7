"""What the simulated Redfish BMC promises of its machine: power, boot device and what else may be changed."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bmprov.power import BootDevice, BootOverride, Power
from bmprov.sim.chassis import BootFlags, BootSource
from tests.contract.redfish_bmcs import RedfishBmcs, SimulatedRedfish, redfish_bmcs, said

ROOT = "/redfish/v1"
SYSTEM, RESET = f"{ROOT}/Systems/1", f"{ROOT}/Systems/1/Actions/ComputerSystem.Reset"
SEL = f"{ROOT}/Managers/1/LogServices/Sel"


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[RedfishBmcs]:
    with redfish_bmcs(tmp_path) as hall:
        yield hall


@pytest.fixture
def machine(hall: RedfishBmcs) -> SimulatedRedfish:
    return hall.start_redfish(with_tls=False)


@pytest.fixture
def http(machine: SimulatedRedfish) -> Iterator[httpx.Client]:
    """Somebody with the right password."""
    with httpx.Client(base_url=machine.url, auth=("admin", "secret")) as client:
        yield client


def boot(http: httpx.Client, **properties: str) -> httpx.Response:
    """Write properties of the Boot object; their names are short here."""
    return http.patch(SYSTEM, json={"Boot": {f"BootSourceOverride{name}": value for name, value in properties.items()}})


def reset(http: httpx.Client, kind: str) -> int:
    return http.post(RESET, json={"ResetType": kind}).status_code


def test_a_change_may_be_bound_to_an_etag(http: httpx.Client) -> None:
    """If-Match is obeyed, If-None-Match gives 304, and the ETag changes with the resource."""
    read = http.get(SYSTEM)
    tag = read.headers["ETag"]
    assert read.json()["@odata.etag"] == tag
    assert http.get(SYSTEM, headers={"If-None-Match": tag}).status_code == 304
    changed = http.patch(SYSTEM, json={"AssetTag": "a"}, headers={"If-Match": tag})
    assert (changed.status_code, changed.json()["AssetTag"]) == (200, "a")
    assert changed.headers["ETag"] != tag
    late = http.patch(SYSTEM, json={"AssetTag": "b"}, headers={"If-Match": tag})
    assert (late.status_code, said(late)) == (412, ["PreconditionFailed"])
    assert http.get(SYSTEM).json()["AssetTag"] == "a"
    assert http.patch(SYSTEM, json={"AssetTag": "c"}, headers={"If-Match": "*"}).status_code == 200


def test_a_clock_does_not_change_an_etag(hall: RedfishBmcs) -> None:
    """The manager's DateTime goes on, and its ETag stays."""
    machine = hall.start_redfish(with_tls=False)
    with httpx.Client(base_url=machine.url, auth=("admin", "secret")) as client:
        first = client.get(f"{ROOT}/Managers/1")
        machine.wait_until(lambda: client.get(f"{ROOT}/Managers/1").json()["DateTime"] != first.json()["DateTime"])
        assert client.get(f"{ROOT}/Managers/1").headers["ETag"] == first.headers["ETag"]


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        (b"{", ["MalformedJSON"]),
        (b"[]", ["MalformedJSON"]),
        (b"", ["MalformedJSON"]),
        (b"{}", ["EmptyJSON"]),
        (b'{"@odata.id": "x"}', ["NoOperation"]),
        (b'{"PowerState": "On"}', ["PropertyNotWritable"]),
        (b'{"Colour": "red"}', ["PropertyUnknown"]),
        (b'{"AssetTag": 1}', ["PropertyValueTypeError"]),
        (b'{"Boot": "Pxe"}', ["PropertyValueTypeError"]),
        (b'{"AssetTag": "x", "IndicatorLED": "On"}', ["PropertyValueNotInList"]),
        (
            b'{"Boot": {"BootSourceOverrideTarget": "Tape", "Order": 1}}',
            ["PropertyValueNotInList", "PropertyUnknown"],
        ),
    ],
)
def test_a_change_that_cannot_be_changes_nothing(http: httpx.Client, body: bytes, messages: list[str]) -> None:
    """400 names each property that is wrong; what is right beside it is not written either."""
    before = http.get(SYSTEM).json()
    answer = http.patch(SYSTEM, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, said(answer)) == (400, messages)
    assert http.get(SYSTEM).json() == before


def test_a_body_must_say_that_it_is_json(http: httpx.Client) -> None:
    """What curl sends without `-H` is 415."""
    assert http.patch(SYSTEM, data={"AssetTag": "x"}).status_code == 415


def test_the_lamp_is_lit_either_way(http: httpx.Client) -> None:
    """IndicatorLED and its successor are one lamp."""
    http.patch(SYSTEM, json={"LocationIndicatorActive": True})
    assert http.get(SYSTEM).json()["IndicatorLED"] == "Blinking"
    http.patch(SYSTEM, json={"IndicatorLED": "Off"})
    assert http.get(SYSTEM).json()["LocationIndicatorActive"] is False


def test_power_that_is_there_already(http: httpx.Client, machine: SimulatedRedfish) -> None:
    """Off of a machine that is off is accepted and does nothing; what needs power is 409 ResourceInStandby."""
    assert reset(http, "ForceOff") == 204
    for kind in ("ForceRestart", "GracefulRestart", "PowerCycle", "GracefulShutdown", "Nmi"):
        assert said(http.post(RESET, json={"ResetType": kind})) == ["ResourceInStandby"]
    assert (machine.changes(), machine.counts.nmis) == (0, 0)
    assert [reset(http, kind) for kind in ("On", "ForceRestart", "Nmi")] == [204, 204, 204]
    assert (machine.power(), machine.counts.nmis) == (Power.ON, 1)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "ActionParameterMissing"),
        ({"ResetType": "Explode"}, "ActionParameterValueNotInList"),
        ({"ResetType": 1}, "ActionParameterValueNotInList"),
        ({"ResetType": "On", "Delay": 1}, "ActionParameterUnknown"),
    ],
)
def test_a_reset_that_makes_no_sense(http: httpx.Client, machine: SimulatedRedfish, body: object, message: str) -> None:
    """Is 400 and does nothing."""
    assert said(http.post(RESET, json=body)) == [message]
    assert machine.changes() == 0


def test_the_boot_object_keeps_what_is_not_written(http: httpx.Client, machine: SimulatedRedfish) -> None:
    """Target and Enabled may come one after the other; the mode stays; Disabled ends it."""
    boot(http, Target="Pxe")
    assert machine.chassis.boot.override.device is BootDevice.DEFAULT
    boot(http, Enabled="Continuous", Mode="Legacy")
    assert machine.chassis.boot.override == BootOverride(BootDevice.NETWORK, once=False)
    assert not machine.chassis.boot.uefi
    told = boot(http, Target="Hdd").json()["Boot"]
    assert [told[f"BootSourceOverride{name}"] for name in ("Target", "Enabled", "Mode")] == [
        "Hdd",
        "Continuous",
        "Legacy",
    ]
    boot(http, Enabled="Disabled")
    assert machine.chassis.boot.override.device is BootDevice.DEFAULT
    assert boot(http, Target="None", Enabled="Once").json()["Boot"]["BootSourceOverrideEnabled"] == "Disabled"


def test_once_is_gone_after_the_next_boot(http: httpx.Client, machine: SimulatedRedfish) -> None:
    """The second boot is from where the firmware boots by itself."""
    boot(http, Target="Pxe", Enabled="Once")
    reset(http, "On")
    reset(http, "ForceRestart")
    assert [one.device for one in machine.chassis.boots] == [BootDevice.NETWORK, BootDevice.DEFAULT]
    told = http.get(SYSTEM).json()["Boot"]
    assert (told["BootSourceOverrideTarget"], told["BootSourceOverrideEnabled"]) == ("None", "Disabled")


def test_ipmi_and_redfish_write_the_same_flags(http: httpx.Client, machine: SimulatedRedfish) -> None:
    """What ipmitool would write (PXE, UEFI, once) reads as Redfish, and what Redfish writes is IPMI's bytes."""
    machine.chassis.boot.raw = bytes([0xA0, 0x04, 0, 0, 0])
    told = http.get(SYSTEM).json()["Boot"]
    assert [told[f"BootSourceOverride{name}"] for name in ("Target", "Enabled", "Mode")] == ["Pxe", "Once", "UEFI"]
    boot(http, Target="Hdd", Enabled="Continuous")
    assert machine.chassis.boot.raw == bytes([0xE0, 0x08, 0, 0, 0])
    machine.chassis.boot.raw = bytes([0x80, 0x3C, 0, 0, 0])  # a floppy
    assert http.get(SYSTEM).json()["Boot"]["BootSourceOverrideTarget"] == "None"


@pytest.mark.parametrize("source", BootSource)
def test_flags_come_back(source: BootSource) -> None:
    """Whatever is written is read."""
    flags = BootFlags()
    for valid in (True, False):
        for once in (True, False):
            flags.write(source, valid=valid, once=once, uefi=once)
            assert (flags.source, flags.valid, flags.once, flags.uefi) == (source, valid, once, once)


def test_the_event_log_is_kept_and_cleared(http: httpx.Client) -> None:
    """Each change is an entry; an entry has its own place; clearing leaves none, and numbers go on."""
    reset(http, "On")
    boot(http, Target="Pxe", Enabled="Once")
    told = http.get(f"{SEL}/Entries").json()
    assert told["Members@odata.count"] == len(told["Members"]) == 2
    entry = told["Members"][0]
    assert entry["Message"] == "System reset requested: On"
    own = http.get(entry["@odata.id"]).json()
    assert {name: own[name] for name in entry} == entry
    assert http.post(f"{SEL}/Actions/LogService.ClearLog", json={}).status_code == 204
    assert http.get(f"{SEL}/Entries").json()["Members"] == []
    assert http.get(entry["@odata.id"]).status_code == 404
