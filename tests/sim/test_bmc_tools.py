"""Sensors, event log, inventory and locator of the simulated BMC, judged by ipmitool, FreeIPMI and pyghmi."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmprov.deadline import Deadline
from bmprov.hardware import Health
from tests import debian
from tests.contract.bmcs import SimulatedMachine, simulated_bmcs
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.ipmi_tools import IpmiTools


@pytest.fixture
def machine() -> Iterator[SimulatedMachine]:
    with simulated_bmcs() as hall:
        yield hall.start()


@pytest.fixture
def tools(machine: SimulatedMachine) -> IpmiTools:
    return IpmiTools(machine.login, LocalBmcLock())


def ipmitool(machine: SimulatedMachine, *arguments: str) -> str:
    """What ipmitool prints, which must find nothing wrong."""
    login = ["-H", "127.0.0.1", "-p", str(machine.endpoint.port), "-U", "admin", "-P", "secret"]
    return run(debian.program("ipmitool", "ipmitool"), "-I", "lanplus", *login, *arguments)


def freeipmi(machine: SimulatedMachine, folder: Path, name: str, *arguments: str) -> str:
    """What a program of FreeIPMI prints, which keeps its cache of sensor records in a folder of the test's."""
    login = ["-h", f"127.0.0.1:{machine.endpoint.port}", "-u", "admin", "-p", "secret", "-D", "LAN_2_0", "-I", "17"]
    cache = ["--sdr-cache-directory", str(folder), "--quiet-cache"]
    return run(debian.program(name, "freeipmi-tools"), *login, *cache, *arguments)


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


def columns(told: str) -> dict[str, list[str]]:
    """A table between bars, by its first column."""
    rows = [[cell.strip() for cell in line.split("|")] for line in told.splitlines()]
    return {row[0]: row[1:] for row in rows}


def test_ipmitool_reads_the_sensors(machine: SimulatedMachine) -> None:
    """All are well, on and off; without power no fan turns and the main rail is dead."""
    off = columns(ipmitool(machine, "sdr", "list"))
    assert off["Fan 1"] == ["no reading", "ns"]
    assert off["12V"] == ["no reading", "ns"]
    ipmitool(machine, "power", "on")
    on = columns(ipmitool(machine, "sdr", "list"))
    assert set(on) >= {"Inlet Temp", "CPU1 Temp", *(f"Fan {number}" for number in range(1, 5)), "PSU 1", "PSU 2"}
    assert {row[1] for row in on.values()} == {"ok"}
    assert re.fullmatch(r"\d{4} RPM", on["Fan 1"][0])
    assert on["12V"][0].startswith("12.0")
    assert float(on["CPU1 Temp"][0].split()[0]) > float(off["CPU1 Temp"][0].split()[0])
    assert int(on["Power drawn"][0].split()[0]) > int(off["Power drawn"][0].split()[0])


def test_ipmitool_reads_the_thresholds(machine: SimulatedMachine) -> None:
    """Lower and upper ones, and none where there are none."""
    ipmitool(machine, "power", "on")
    told = columns(ipmitool(machine, "sensor"))
    assert told["CPU1 Temp"][2:] == ["ok", "na", "na", "na", "90.000", "95.000", "na"]
    assert told["Fan 2"][2:] == ["ok", "na", "600.000", "1200.000", "na", "na", "na"]
    assert "Presence detected" in ipmitool(machine, "sdr", "type", "Power Supply")


def test_freeipmi_reads_the_sensors(machine: SimulatedMachine, tmp_path: Path) -> None:
    """FreeIPMI computes the same health from the same records."""
    ipmitool(machine, "power", "on")
    told = columns(
        freeipmi(machine, tmp_path, "ipmi-sensors", "--output-sensor-state", "--ignore-not-available-sensors")
    )
    readings = {row[0]: row[2:] for row in told.values()}
    assert readings["Inlet Temp"][0] == "Nominal"
    assert readings["Fan 4"][2] == "RPM"
    assert readings["PSU 1"][3] == "'Presence detected'"
    assert readings["ACPI State"][3] == "'S0/G0'"
    assert {state for state, *_ in readings.values()} <= {"State", "Nominal", "N/A"}


def test_pyghmi_reads_the_sensors(machine: SimulatedMachine, tools: IpmiTools) -> None:
    """As a custom action tells them: with units, and all of them well."""
    found = {sensor.name: sensor for sensor in tools.sensors(Deadline.after(8))}
    assert "Fan 1" not in found
    ipmitool(machine, "power", "on")
    found = {sensor.name: sensor for sensor in tools.sensors(Deadline.after(8))}
    assert {sensor.health for sensor in found.values()} == {Health.OK}
    assert found["Fan 1"].reading.endswith(" RPM")
    assert found["CPU1 Temp"].reading.endswith(" °C")


def test_the_event_log_has_what_was_done(machine: SimulatedMachine, tools: IpmiTools, tmp_path: Path) -> None:
    """Each power command and NMI, in words that all three clients have for them."""
    assert "no entries" in ipmitool_of_empty(machine)
    for command in ("on", "reset", "diag", "soft", "off"):
        ipmitool(machine, "power", command)
    listed = columns(ipmitool(machine, "sel", "elist"))
    assert [row[2] for row in listed.values()] == [
        "System Boot Initiated System Boot",
        "System Boot Initiated System Boot",
        "Critical Interrupt NMI",
        "Button Power Button",
    ]
    told = freeipmi(machine, tmp_path, "ipmi-sel")
    assert re.search("System Boot .*Initiated by power up.*System Boot.*hard reset.*NMI.*Power Button", told, re.DOTALL)
    newest = tools.event_log(2, Deadline.after(8))
    assert [entry.text.partition(":")[0] for entry in newest] == ["Power Button", "NMI"]


def ipmitool_of_empty(machine: SimulatedMachine) -> str:
    """What ipmitool says of an empty log, which it tells on stderr."""
    login = ["-H", "127.0.0.1", "-p", str(machine.endpoint.port), "-U", "admin", "-P", "secret"]
    command = [debian.program("ipmitool", "ipmitool"), "-I", "lanplus", *login, "sel", "list"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout + done.stderr


def test_the_event_log_is_cleared(machine: SimulatedMachine, tools: IpmiTools, tmp_path: Path) -> None:
    """By each client; what is left is that it was cleared."""
    ipmitool(machine, "power", "on")
    tools.clear_event_log(Deadline.after(8))
    assert [entry.text for entry in tools.event_log(5, Deadline.after(8))] == ["Event Log: Log clear"]
    ipmitool(machine, "sel", "clear")
    assert "Entries          : 1\n" in ipmitool(machine, "sel", "info")
    freeipmi(machine, tmp_path, "ipmi-sel", "--clear")
    assert len(freeipmi(machine, tmp_path, "ipmi-sel", "--no-header-output").splitlines()) == 1


def test_the_event_logs_clock_is_set(machine: SimulatedMachine) -> None:
    """It is the BMC's own, and may be wrong."""
    ipmitool(machine, "sel", "time", "set", "01/02/31 03:04:05")
    assert ipmitool(machine, "sel", "time", "get").startswith("01/02/31 03:04:0")


def test_the_inventory_tells_what_the_machine_is(machine: SimulatedMachine, tools: IpmiTools, tmp_path: Path) -> None:
    """Chassis, board and product, with the serial number that Redfish would tell."""
    told = ipmitool(machine, "fru", "print")
    assert re.search(r"Product Name +: Simulated machine\n", told)
    assert re.search(r"Product Serial +: SIM[0-9A-F]{9}\n", told)
    assert re.search(r"Chassis Type +: Rack Mount Chassis\n", told)
    again = freeipmi(machine, tmp_path, "ipmi-fru")
    assert "FRU Product Manufacturer Name: bmprov" in again
    assert "hecksum" not in again
    hardware = tools.hardware(Deadline.after(8))
    assert (hardware["manufacturer"], hardware["product"]) == ("bmprov", "Simulated machine")
    assert hardware["serial"] in told
    assert tools.firmware(Deadline.after(8)) == {"BMC": "1.00", "IPMI": "2.0"}


def test_the_locator_is_lit_for_a_while(machine: SimulatedMachine, tools: IpmiTools) -> None:
    """For so many seconds, for ever, or not at all; the chassis status tells."""
    assert locator(machine) == "off"
    assert tools.identify(60, Deadline.after(8))
    assert locator(machine) == "temporary"
    ipmitool(machine, "chassis", "identify", "force")
    assert locator(machine) == "indefinite"
    ipmitool(machine, "chassis", "identify", "0")
    assert locator(machine) == "off"


def locator(machine: SimulatedMachine) -> str:
    """The state of the locator by the chassis status, whose last byte ipmitool prints raw."""
    state = int(ipmitool(machine, "raw", "0", "1").split()[2], 16)
    assert state & 0x40
    return {0: "off", 0x10: "temporary", 0x20: "indefinite"}[state & 0x30]
