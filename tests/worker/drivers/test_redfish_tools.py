"""What a BMC can besides power, over Redfish, on the simulated BMC that sushy and curl judge."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import BmcBusy, BmcRefused, BmcUnreachable
from bmprov.hardware import Health
from bmprov.power import PowerAction
from tests.contract.redfish_bmcs import RedfishBmcs, SimulatedRedfish, redfish_bmcs
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.redfish import RedfishDriver
from worker.drivers.redfish_session import LocalSessions
from worker.drivers.redfish_tools import RedfishTools


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[RedfishBmcs]:
    with redfish_bmcs(tmp_path) as hall:
        yield hall


@pytest.fixture
def machine(hall: RedfishBmcs) -> SimulatedRedfish:
    """A machine that is on."""
    found = hall.start_redfish()
    RedfishDriver(found.login, LocalBmcLock(), LocalSessions()).switch(PowerAction.ON, soon())
    return found


@pytest.fixture
def tools(machine: SimulatedRedfish) -> RedfishTools:
    return RedfishTools(machine.login, LocalBmcLock(), LocalSessions())


def soon() -> Deadline:
    return Deadline.after(10)


def test_sensors_have_readings_units_and_health(tools: RedfishTools) -> None:
    """Temperatures, fans, voltages, power, power supplies."""
    found = {sensor.name: sensor for sensor in tools.sensors(soon())}
    assert found["CPU1 Temp"].reading.endswith(" °C")
    assert found["Fan 1"].reading.endswith(" RPM")
    assert found["5V standby"].reading.endswith(" V")
    assert found["System Power Control"].reading.endswith(" W")
    assert found["PSU 1"].reading == "enabled"
    assert {sensor.health for sensor in found.values()} == {Health.OK}


def test_the_newest_events_come_first_and_the_log_is_cleared(tools: RedfishTools, machine: SimulatedRedfish) -> None:
    """Of what the machine went through; what is left afterwards is at most that it was cleared."""
    driver = RedfishDriver(machine.login, LocalBmcLock(), LocalSessions())
    driver.switch(PowerAction.RESET, soon())
    driver.switch(PowerAction.OFF, soon())
    entries = tools.event_log(2, soon())
    assert len(entries) == 2
    assert entries[0].at >= entries[1].at
    assert all(entry.text for entry in entries)
    tools.clear_event_log(soon())
    assert len(tools.event_log(10, soon())) <= 1


def test_what_the_machine_is(tools: RedfishTools) -> None:
    """Names and numbers, and versions by component."""
    hardware, firmware = tools.hardware(soon()), tools.firmware(soon())
    assert hardware["manufacturer"] == "bmprov"
    assert hardware["serial"].startswith("SIM")
    assert {"BIOS", "BMC"} <= firmware.keys()


def test_the_locator_is_lit_until_it_is_told_otherwise(tools: RedfishTools) -> None:
    """Redfish knows no time, and this is told."""
    assert not tools.identify(30, soon())
    assert not tools.identify(0, soon())


def test_an_nmi_needs_a_running_machine(tools: RedfishTools, machine: SimulatedRedfish) -> None:
    """It is sent, or refused with the BMC's own words."""
    tools.nmi(soon())
    RedfishDriver(machine.login, LocalBmcLock(), LocalSessions()).switch(PowerAction.OFF, soon())
    with pytest.raises((BmcRefused, BmcBusy)):
        tools.nmi(soon())


def test_a_bmc_restarts_and_its_sessions_are_forgotten(machine: SimulatedRedfish) -> None:
    """The next one logs in anew, once it answers again."""
    memory = LocalSessions()
    RedfishTools(machine.login, LocalBmcLock(), memory).reset_bmc(soon())
    assert memory.session(machine.login) is None


def test_all_of_it_takes_one_session(tools: RedfishTools, machine: SimulatedRedfish) -> None:
    """Whatever is asked, and in whatever order."""
    before = machine.open_sessions()
    for _ in range(3):
        tools.sensors(soon())
        tools.firmware(soon())
        tools.event_log(5, soon())
    assert machine.open_sessions() == before + 1


def test_a_silent_bmc_is_unreachable(tools: RedfishTools, machine: SimulatedRedfish) -> None:
    """In time, as with power."""
    machine.faults.silent = True
    with pytest.raises(BmcUnreachable):
        tools.sensors(Deadline.after(1))
