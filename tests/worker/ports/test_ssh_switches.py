"""A machine's life on switches over real SSH, and all that switches do wrong in the middle of a move.

Whatever it is: the wait or the error names the switch, the port and what to check; no port is in a VLAN that nobody has
ordered (the house looks after every step); the store names what may be open; and in the end all is closed.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bmprov.lifecycle import State
from bmprov.model import Operation, OperationState
from bmprov.power import Power
from bmprov.switch import PortSetting
from tests.sim_switch.device import Faults
from tests.sim_switch.ssh import SwitchServers, switch_servers
from tests.worker.ports.house import CLOSED, CLOUD, PROVISIONING, payload
from tests.worker.ports.ssh_house import ENABLE, PASSWORD, SshHouse

NETWORKS = ("vlan://1577", "vlan://1501")
TENANTS = ((True, PortSetting.access(1577)), (True, PortSetting.access(1501)))
_HURRY_S = 2.0
_LONGEST_S = 25.0


@pytest.fixture(scope="module")
def servers() -> Iterator[SwitchServers]:
    with switch_servers() as servers:
        yield servers


@pytest.fixture
def house(
    tmp_path: Path,
    servers: SwitchServers,
    valkey: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[SshHouse]:
    """The house; whatever happens in it, what is logged are sentences of ours, and no password is kept."""
    caplog.set_level(logging.INFO)
    house = SshHouse(tmp_path, servers, valkey)
    yield house
    for gate in house.gates.values():
        gate.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    told = caplog.text + "".join(capfd.readouterr()) + kept.decode(errors="replace")
    assert "switch ports" in told, "this looks where nothing is"
    assert "Traceback" not in told
    assert not [one for one in caplog.records if one.name.startswith(("paramiko", "netmiko"))]
    assert PASSWORD not in told
    assert ENABLE not in told


def both(house: SshHouse) -> tuple[object, object]:
    return house.port(1), house.port(1, 1)


def test_a_life(house: SshHouse) -> None:
    """Provisioning, the tenant's two networks, nothing; each move is one session on each switch."""
    operation = house.create(networks=NETWORKS)
    house.advance(operation)
    assert both(house) == ((True, PortSetting.access(PROVISIONING)), (True, PortSetting.access(666)))
    assert house.finish(operation).state is OperationState.SUCCEEDED
    assert both(house) == TENANTS
    assert house.machine().reading.power is Power.ON
    assert house.delete().state is OperationState.SUCCEEDED
    assert (both(house), house.open_ports()) == ((CLOSED, CLOSED), [])


@dataclass(frozen=True)
class Fault:
    """What a switch, or the way to it, does wrong; what is said of it, and what is to be checked."""

    inject: Callable[[SshHouse, int], object]
    said: str
    check: str
    hangs: bool = False


def of_switch(**what: object) -> Callable[[SshHouse, int], object]:
    """A fault of the switch itself; a value by dialect is a dictionary."""

    def inject(house: SshHouse, number: int) -> None:
        for name, value in what.items():
            setattr(house.devices[number].faults, name, value[number] if isinstance(value, dict) else value)

    return inject


def heal(house: SshHouse, number: int) -> None:
    """All is well again, and its password has been told anew."""
    house.patience_s = 30.0
    house.gates[number].open()
    house.devices[number].faults = Faults()
    house.devices[number].password = PASSWORD
    with house.store.write() as transaction:
        transaction.switches.change(f"tor{number}", sealed_password=house.vault.seal(PASSWORD.encode()))
    house.now += 5


CHANGE = {1: "switchport access vlan", 2: "commit"}
LAST = {1: "end", 2: "commit"}
_INVALID = "% Invalid input detected at '^' marker."
_MANAGEMENT, _LOAD = "check its management port", "check the load of the switch"
PASSING = {
    "refuses connections": Fault(lambda house, number: house.gates[number].close(), "does not answer", _MANAGEMENT),
    "swallows packets": Fault(
        lambda house, number: house.gates[number].swallow(), "does not answer", _MANAGEMENT, True
    ),
    "is silent after the login": Fault(of_switch(silent=True), "did not answer in time", _LOAD, hangs=True),
    "hangs in a change": Fault(of_switch(hangs_at=CHANGE), "did not answer in time", _LOAD, hangs=True),
    "is configured by another": Fault(of_switch(locked=True), "is configured by another session", "who is logged in"),
    "restarts before the read-back": Fault(of_switch(reboots_at=LAST), "has broken off", "whether it has restarted"),
}
LASTING = {
    "refuses the password": Fault(
        lambda house, number: setattr(house.devices[number], "password", "another"),
        "refused user 'admin'",
        "check both",
    ),
    "knows no such line": Fault(
        of_switch(answers={1: {"switchport access": _INVALID}, 2: {"set interfaces": "syntax error."}}),
        "would not take '",
        "whether its version has this command",
    ),
}


@pytest.mark.parametrize("number", [1, 2], ids=["cisco-ios", "juniper-junos"])
@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_passes(house: SshHouse, name: str, number: int) -> None:
    """In each move the operation waits, in words, no longer than a session may; when the switch is well it goes on."""
    fault, port = PASSING[name], f"tor{number} {house.interface(number, 1)}"

    def met(operation: Operation) -> Operation:
        fault.inject(house, number)
        house.patience_s = _HURRY_S if fault.hangs else 30.0
        began = time.monotonic()
        waiting = house.advance(operation)
        assert time.monotonic() - began < _LONGEST_S
        assert waiting.state is OperationState.WAITING, waiting.error
        assert waiting.waiting_for.startswith(f"{port}: switch ")
        assert fault.said in waiting.waiting_for
        assert fault.check in waiting.waiting_for
        assert house.chassis["m1"].is_off
        assert port in house.open_ports()
        heal(house, number)
        return house.advance(waiting)

    operation = met(house.create(networks=NETWORKS))
    house.ramdisk(operation, booted=True, written=True)
    assert met(operation).state is OperationState.SUCCEEDED
    assert both(house) == TENANTS
    deleting = house.orders.delete(payload(), CLOUD)
    assert isinstance(deleting, Operation)
    assert met(deleting).state is OperationState.SUCCEEDED
    assert (both(house), house.open_ports()) == ((CLOSED, CLOSED), [])


@pytest.mark.parametrize("number", [1, 2], ids=["cisco-ios", "juniper-junos"])
@pytest.mark.parametrize("name", LASTING)
def test_a_fault_that_lasts(house: SshHouse, name: str, number: int) -> None:
    """The operation ends at once, in words, and the machine is off; when the fault is mended `delete` closes all."""
    fault, port = LASTING[name], f"tor{number} {house.interface(number, 1)}"
    fault.inject(house, number)
    ended = house.advance(house.create(networks=NETWORKS))
    assert ended.state is OperationState.FAILED
    assert ended.error.startswith(f"{port}: ")
    assert fault.said in ended.error
    assert fault.check in ended.check
    assert "its switch ports are not closed" in ended.check
    assert house.chassis["m1"].is_off
    assert house.port(1, number - 1)[1].untagged == 1, "nothing was changed"
    assert port in house.open_ports(), "what may be open is not forgotten"
    heal(house, number)
    assert house.delete().state is OperationState.SUCCEEDED
    assert (both(house), house.open_ports()) == ((CLOSED, CLOSED), [])


@pytest.mark.parametrize("number", [1, 2], ids=["cisco-ios", "juniper-junos"])
@pytest.mark.parametrize("name", LASTING)
def test_a_fault_that_lasts_at_release(house: SshHouse, name: str, number: int) -> None:
    """The machine is not available until its ports are closed; `delete` tries again."""
    fault, port = LASTING[name], f"tor{number} {house.interface(number, 1)}"
    house.finish(house.create(networks=NETWORKS))
    fault.inject(house, number)
    ended = house.delete()
    assert ended.state is OperationState.FAILED
    assert ended.error.startswith(f"{port}: ")
    assert fault.said in ended.error
    assert house.open_ports() == [port]
    assert house.machine().state is State.ERROR
    heal(house, number)
    assert house.delete().state is OperationState.SUCCEEDED
    assert (both(house), house.open_ports()) == ((CLOSED, CLOSED), [])


@pytest.mark.parametrize("number", [1, 2], ids=["cisco-ios", "juniper-junos"])
def test_a_switch_that_is_out_of_vlans(house: SshHouse, number: int) -> None:
    """Where it cannot even make the quarantine VLAN, the port of a machine that fails is disabled where it is."""
    of_switch(no_new_vlans=True)(house, number)
    ended = house.finish(house.create(networks=NETWORKS))
    assert ended.state is OperationState.FAILED
    assert ended.error.startswith(f"tor{number} {house.interface(number, 1)}: switch ")
    assert "until then they are disabled, and still in the VLANs that they had" in ended.check
    enabled, setting = house.port(1, number - 1)
    assert (enabled, setting.untagged) == (False, PROVISIONING if number == 1 else 1)
    heal(house, number)
    assert house.delete().state is OperationState.SUCCEEDED
    assert (both(house), house.open_ports()) == ((CLOSED, CLOSED), [])


@pytest.mark.parametrize("number", [1, 2], ids=["cisco-ios", "juniper-junos"])
def test_a_switch_that_answers_in_5_s(house: SshHouse, number: int) -> None:
    """A line that takes its time is no reason to wait or to fail."""
    of_switch(hangs_at={1: "configure terminal", 2: "commit"}, hangs_s=5.0)(house, number)
    operation = house.create(networks=NETWORKS)
    house.advance(operation)
    assert house.port(1) == (True, PortSetting.access(PROVISIONING))
    assert not house.chassis["m1"].is_off, "the ramdisk boots"
