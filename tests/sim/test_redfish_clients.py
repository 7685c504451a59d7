"""sushy and curl judge the simulated Redfish BMC: they must work with it as with a real one."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sushy
from sushy.auth import AuthBase, BasicAuth, SessionAuth
from sushy.resources.system.system import System

from bmprov.power import BootDevice, BootOverride, Power
from tests import debian
from tests.contract.redfish_bmcs import FACTS, RedfishBmcs, SimulatedRedfish, redfish_bmcs

CLIENTS = {"session, TLS": (SessionAuth, True), "session": (SessionAuth, False), "Basic, TLS": (BasicAuth, True)}


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[RedfishBmcs]:
    with redfish_bmcs(tmp_path) as hall:
        yield hall


@pytest.fixture
def machine(hall: RedfishBmcs) -> SimulatedRedfish:
    return hall.start_redfish()


@contextmanager
def client(machine: SimulatedRedfish, hall: RedfishBmcs, how: AuthBase) -> Iterator[sushy.Sushy]:
    """sushy, which logs out in the end: left alone, it would do so when the BMC is gone, and ask for long."""
    try:
        yield sushy.Sushy(machine.url, auth=how, verify=str(hall.certificate))
    finally:
        how.close()


@pytest.fixture(params=CLIENTS)
def system(request: pytest.FixtureRequest, hall: RedfishBmcs) -> Iterator[tuple[System, SimulatedRedfish]]:
    """The system as sushy sees it, and the machine."""
    how, with_tls = CLIENTS[request.param]
    machine = hall.start_redfish(with_tls=with_tls)
    with client(machine, hall, how("admin", "secret")) as service:
        yield service.get_system(), machine


@pytest.fixture
def session(machine: SimulatedRedfish, hall: RedfishBmcs) -> Iterator[sushy.Sushy]:
    with client(machine, hall, SessionAuth("admin", "secret")) as service:
        yield service


def test_sushy_switches_the_power(system: tuple[System, SimulatedRedfish]) -> None:
    """Every kind of reset that sushy knows of a machine that is on, and what it reads is what is."""
    found, machine = system
    assert found.power_state is sushy.PowerState.OFF
    for kind, power in [
        (sushy.ResetType.ON, Power.ON),
        (sushy.ResetType.FORCE_RESTART, Power.ON),
        (sushy.ResetType.GRACEFUL_RESTART, Power.ON),
        (sushy.ResetType.POWER_CYCLE, Power.ON),
        (sushy.ResetType.NMI, Power.ON),
        (sushy.ResetType.GRACEFUL_SHUTDOWN, Power.OFF),
        (sushy.ResetType.PUSH_POWER_BUTTON, Power.ON),
        (sushy.ResetType.FORCE_OFF, Power.OFF),
    ]:
        found.reset_system(kind)
        found.refresh()
        assert (found.power_state.value.lower(), machine.power()) == (power, power)
    assert machine.counts.nmis == 1
    with pytest.raises(sushy.exceptions.HTTPError, match="standby"):
        found.reset_system(sushy.ResetType.FORCE_RESTART)


def test_sushy_fills_and_empties_the_virtual_cd(system: tuple[System, SimulatedRedfish]) -> None:
    """What sushy inserts is in the machine's drive; a full one is refused, and an empty one may be emptied."""
    found, machine = system
    (cd,) = found.virtual_media.get_members()
    assert (cd.media_types, cd.inserted) == ([sushy.VirtualMediaType.CD, sushy.VirtualMediaType.DVD], False)
    cd.insert_media("http://10.1.0.1/rescue.iso")
    cd.refresh()
    assert (cd.inserted, cd.image_name, machine.chassis.drive.image) == (
        True,
        "rescue.iso",
        "http://10.1.0.1/rescue.iso",
    )
    with pytest.raises(sushy.exceptions.HTTPError, match="in use"):
        cd.insert_media("http://10.1.0.1/another.iso")
    for _ in range(2):
        cd.eject_media()
        cd.refresh()
        assert (cd.inserted, machine.chassis.drive.image) == (False, "")


def test_sushy_sets_the_boot_device(system: tuple[System, SimulatedRedfish]) -> None:
    """What sushy sets it reads back, the machine boots from it, and what is for one boot is gone afterwards."""
    found, machine = system
    found.set_system_boot_options(
        target=sushy.BootSource.PXE,
        enabled=sushy.BootSourceOverrideEnabled.ONCE,
        mode=sushy.BootSourceOverrideMode.UEFI,
    )
    found.refresh()
    assert (found.boot.target, found.boot.enabled) == (sushy.BootSource.PXE, sushy.BootSourceOverrideEnabled.ONCE)
    found.reset_system(sushy.ResetType.ON)
    assert machine.chassis.boots == [BootOverride(BootDevice.NETWORK, once=True)]
    found.refresh()
    assert found.boot.enabled is sushy.BootSourceOverrideEnabled.DISABLED
    found.set_system_boot_options(target=sushy.BootSource.HDD, enabled=sushy.BootSourceOverrideEnabled.CONTINUOUS)
    assert machine.chassis.boot.override == BootOverride(BootDevice.DISK, once=False)
    assert machine.chassis.boot.uefi


def test_sushy_reads_the_rest(session: sushy.Sushy) -> None:
    """NICs, sensors, the BMC with its consoles and its firmware are where sushy looks for them."""
    system, manager = session.get_system(), session.get_manager()
    assert tuple(nic.mac_address for nic in system.ethernet_interfaces.get_members()) == FACTS.macs
    (chassis,) = system.chassis
    assert 15 < chassis.thermal.temperatures[0].reading_celsius < 30
    assert all(fan.reading == 0 for fan in chassis.thermal.fans)
    system.reset_system(sushy.ResetType.ON)
    chassis.thermal.refresh()
    assert all(fan.reading > 1000 for fan in chassis.thermal.fans)
    assert {supply.power_capacity_watts for supply in chassis.power.power_supplies} == {800}
    assert manager.get_supported_serial_console_types() == {sushy.SerialConnectType.SSH, sushy.SerialConnectType.IPMI}
    assert [found.name for found in manager.systems] == ["sim-1"]
    firmware = session.get_update_service().firmware_inventory.get_members()
    assert {one.identity: one.version for one in firmware} == {"BMC": "1.0.0", "BIOS": "1.0"}


def test_sushy_logs_in_and_out(machine: SimulatedRedfish, hall: RedfishBmcs) -> None:
    """A session is there as long as sushy keeps it, and a wrong password opens none."""
    with client(machine, hall, SessionAuth("admin", "secret")) as service:
        service.get_system()
        assert machine.open_sessions() == 1
    assert machine.open_sessions() == 0
    wrong = SessionAuth("admin", "wrong")
    with pytest.raises(sushy.exceptions.AccessError), client(machine, hall, wrong):
        pass
    assert (machine.counts.logins, machine.counts.failed_logins, machine.counts.most_sessions) == (1, 1, 1)


def curl(machine: SimulatedRedfish, hall: RedfishBmcs, *arguments: str) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON body that curl gets; the last argument is the path."""
    *options, path = arguments
    command = [debian.program("curl", "curl"), "-sS", "--cacert", str(hall.certificate), "-i", *options]
    done = subprocess.run([*command, machine.url + path], capture_output=True, text=True, timeout=30, check=True)
    head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
    status, *lines = head.splitlines()
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(status.split()[1]), headers, json.loads(body) if body else None


BASIC = ("-u", "admin:secret")
JSON = ("-H", "Content-Type: application/json")


def test_curl_finds_the_service_without_a_login(machine: SimulatedRedfish, hall: RedfishBmcs) -> None:
    """Version, root and OData documents are for everybody; all else says how to log in."""
    assert curl(machine, hall, "/redfish")[2] == {"v1": "/redfish/v1/"}
    status, headers, root = curl(machine, hall, "/redfish/v1/")
    assert (status, headers["odata-version"]) == (200, "4.0")
    assert root["Links"]["Sessions"] == {"@odata.id": "/redfish/v1/SessionService/Sessions"}
    status, headers, told = curl(machine, hall, "/redfish/v1/Systems")
    assert (status, headers["www-authenticate"][:5]) == (401, "Basic")
    assert told["error"]["code"] == "Base.1.18.NoValidSession"
    assert curl(machine, hall, "-u", "admin:wrong", "/redfish/v1/Systems")[0] == 401


def test_curl_walks_every_link(machine: SimulatedRedfish, hall: RedfishBmcs) -> None:
    """Each `@odata.id` leads to a resource that says the same of itself, with an ETag."""
    seen, left = set(), ["/redfish/v1/"]
    while left:
        path = left.pop()
        if path in seen:
            continue
        seen.add(path)
        status, headers, told = curl(machine, hall, *BASIC, path)
        assert (status, told["@odata.id"], told["@odata.etag"]) == (200, path, headers["etag"])
        left += [found for found in links(told) if "#" not in found]
    assert len(seen) == 33


def links(told: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Every reference in a document."""
    if isinstance(told, dict):
        if "@odata.id" in told:
            yield told["@odata.id"]
        for value in told.values():
            yield from links(value)
    elif isinstance(told, list):
        for value in told:
            yield from links(value)
