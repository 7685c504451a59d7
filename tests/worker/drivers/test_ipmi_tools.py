"""What a BMC can besides power, over IPMI, judged by OpenIPMI's ipmi_sim."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import BmcRefused, BmcUnreachable
from bmprov.hardware import Health, Sensor
from bmprov.sim.ipmi import commands
from bmprov.sim.ipmi.message import NetFn
from tests.contract.bmcs import EMULATION, IpmiSimMachine, ipmi_sim, simulated_bmcs
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.ipmi_tools import IpmiTools

TEMPERATURE, FAN = 1, 4
DEGREES, RPM = 1, 18


def record(number: int, name: str, kind: int, unit: int) -> bytes:
    """A full sensor record (IPMI 2.0, table 43-1): linear, one to one, thresholds."""
    owner = bytes([0x20, 0, number, 3, 1, 0x7F, 0x68, kind, 0x01])
    masks = bytes([0xFF, 0x7F, 0xFF, 0x7F, 0x3F, 0x3F])
    formula = bytes([0, unit, 0, 0, 1, 0, 0, 0, 0, 0])
    bounds = bytes([7, 40, 60, 10, 255, 0, 100, 90, 80, 0, 0, 0, 2, 2, 0, 0, 0])
    body = owner + masks + formula + bounds + bytes([0xC0 | len(name)]) + name.encode()
    return bytes([number, 0, 0x51, 1, len(body)]) + body


def sensor(number: int, name: str, kind: int, unit: int, value: int) -> str:
    masks = " ".join(["000111111111111"] * 4)
    return f"""sensor_add 0x20 0 {number} {kind} 1
sensor_set_threshold 0x20 0 {number} settable 111111 100 90 80 10 5 0
sensor_set_event_support 0x20 0 {number} enable scanning per-state {masks}
sensor_set_value 0x20 0 {number} {value} 0
main_sdr_add 0x20 {" ".join(f"{byte:#04x}" for byte in record(number, name, kind, unit))}
"""


SENSORS = (
    sensor(1, "CPU Temp", TEMPERATURE, DEGREES, 42)
    + sensor(2, "Fan 1", FAN, RPM, 95)
    + "sensor_add 0x20 0 3 1 1\n"  # there is a sensor, and nothing reads it
    + f"main_sdr_add 0x20 {' '.join(f'{byte:#04x}' for byte in record(3, 'DIMM 7', TEMPERATURE, DEGREES))}\n"
)
EVENTS = "".join(
    f"sel_add 0x20 0x02 0x00 0x00 0x00 0x00 0x20 0x00 0x04 0x01 {1 + number % 2} 0x01 0x57 0x5f 0x50\n"
    for number in range(40)
)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[IpmiSimMachine]:
    emulation = EMULATION.replace("mc_enable", f"sel_enable 0x20 1000 0x0a\n{SENSORS}mc_enable") + EVENTS
    with ipmi_sim(tmp_path, emulation) as found:
        yield found


@pytest.fixture
def tools(machine: IpmiSimMachine) -> IpmiTools:
    return IpmiTools(machine.login, LocalBmcLock())


def soon() -> Deadline:
    return Deadline.after(10)


def test_sensors_have_readings_units_and_health(tools: IpmiTools) -> None:
    """One beyond its thresholds says which; one that nothing reads is left out."""
    beyond = "95 RPM, upper non-critical threshold, upper critical threshold"
    assert tools.sensors(soon()) == [
        Sensor("CPU Temp", "42 °C", Health.OK),
        Sensor("Fan 1", beyond, Health.CRITICAL),
    ]


def test_the_newest_events_come_first(tools: IpmiTools) -> None:
    """So many as are wanted, with time and words; then the log is cleared."""
    entries = tools.event_log(5, soon())
    assert len(entries) == 5
    assert [entry.text for entry in entries[:2]] == ["Fan 1: Upper non-critical", "CPU Temp: Upper non-critical"]
    assert entries[0].health is Health.WARNING
    assert entries[0].at.startswith("20")
    assert len(tools.event_log(100, soon())) == 40
    tools.clear_event_log(soon())
    assert tools.event_log(100, soon()) == []


def test_the_locator_is_lit(tools: IpmiTools, tmp_path: Path) -> None:
    """For as long as was asked."""
    assert tools.identify(30, soon())
    assert "identify 30" in (tmp_path / "changes").read_text()


def test_versions_are_told(tools: IpmiTools) -> None:
    """The BMC's, and IPMI's; hardware that the BMC does not know is left out."""
    assert tools.firmware(soon()) == {"BMC": "9.08", "IPMI": "2.0"}
    assert tools.hardware(soon()) == {}


def test_what_a_bmc_cannot_is_refused_in_words(tools: IpmiTools, monkeypatch: pytest.MonkeyPatch) -> None:
    """ipmi_sim knows neither NMI nor reset, and another no sensor records."""
    with pytest.raises(BmcRefused, match=r"refused to send an NMI .*: check whether this BMC supports it"):
        tools.nmi(soon())
    with pytest.raises(BmcRefused, match="refused to restart"):
        tools.reset_bmc(soon())
    monkeypatch.delitem(commands._IN_SESSION, (NetFn.STORAGE, 0x20))
    with simulated_bmcs() as hall, pytest.raises(BmcRefused, match="tells what cannot be read"):
        IpmiTools(hall.start().login, LocalBmcLock()).sensors(soon())


def test_a_silent_bmc_is_unreachable() -> None:
    """In time, as with power."""
    with simulated_bmcs() as hall:
        machine = hall.start()
        machine.faults.silent = True
        with pytest.raises(BmcUnreachable):
            IpmiTools(machine.login, LocalBmcLock()).sensors(Deadline.after(1))
