"""The moves of switch ports in a machine's life, with a guard that watches each of them."""

from pathlib import Path

import pytest

from bmprov.cabling import Cable, Neighbour
from bmprov.errors import Invalid, NoCapacity, SwitchRefused, SwitchUnreachable
from bmprov.lifecycle import State
from bmprov.model import BondMode, Nic, Operation, OperationState
from bmprov.power import Power
from bmprov.switch import PortSetting
from tests.worker.ports.house import CLOSED, CLOUD, House, Killed, mac_of, payload

PROVISIONED = (True, PortSetting.access(99))


def tenant(vlan: int) -> tuple[bool, PortSetting]:
    return True, PortSetting.access(vlan)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_life(house: House) -> None:
    """Provisioning while the ramdisk works, then the tenant's VLAN, then nothing; two NICs, two VLANs."""
    operation = house.create(networks=("vlan://1577", "vlan://1501"))
    house.advance(operation)
    assert house.port(1) == PROVISIONED
    assert house.port(1, 1) == (True, PortSetting.access(666)), "the other NIC hears LLDP, and that is all"
    assert house.open_ports() == ["tor1 1", "tor2 1"]
    done = house.finish(operation)
    assert done.state is OperationState.SUCCEEDED, done.error
    assert (house.port(1), house.port(1, 1)) == (tenant(1577), tenant(1501))
    assert house.machine().reading.power is Power.ON
    assert house.delete().state is OperationState.SUCCEEDED
    assert (house.port(1), house.port(1, 1)) == (CLOSED, CLOSED)
    assert house.open_ports() == []
    assert house.machine().state is State.AVAILABLE
    assert house.port(2) == (True, PortSetting.access(1)), "a neighbour's port is not touched"


def test_a_nic_that_the_instance_does_not_use_is_on_no_network(house: House) -> None:
    """Above all not on the provisioning network: here the instance's only NIC is not the one that boots."""
    operation = house.create(networks=("vxlan://5033",))
    assert house.finish(operation).state is OperationState.SUCCEEDED
    assert (house.port(1), house.port(1, 1)) == (tenant(1533), CLOSED)


def test_both_members_of_a_bond_move(house: House) -> None:
    """To the instance's one VLAN; that of a member whose port nobody knows is waited for, and not booted without."""
    bond = {"bond": "bond0", "bond_mode": BondMode.ACTIVE_BACKUP}
    nics = (Nic(mac_of(1), 0, netboot=True, **bond), Nic(mac_of(1, 1), 1, **bond))  # type: ignore[arg-type] # of a Nic
    house.orders.set_nics("m1", nics, CLOUD)
    assert house.finish(house.create()).state is OperationState.SUCCEEDED
    assert (house.port(1), house.port(1, 1)) == (tenant(1577), tenant(1577))
    house.delete()
    assert (house.port(1), house.port(1, 1)) == (CLOSED, CLOSED)
    with house.store.write() as transaction:
        transaction.cabling.forget(mac_of(1, 1))
    ended = house.finish(house.create())
    assert f"the switch port of NIC {mac_of(1, 1)} of m1 is not known" in ended.error


def test_the_timeline_tells_port_and_vlan_before_and_after(house: House) -> None:
    """In the words of the people who read it."""
    operation = house.create()
    house.finish(operation)
    told = {step.step: step.detail for step in house.steps(operation) if step.step.startswith("switch ports")}
    assert told == {
        "switch ports: provisioning": "tor1 1 (provisioning): access VLAN 1 -> access VLAN 99; "
        "tor2 1 (quarantine): access VLAN 1 -> access VLAN 666",
        "switch ports: tenant": "tor2 1 (quarantine): access VLAN 666 -> access VLAN 666, disabled; "
        "tor1 1 (NIC 0): access VLAN 99 -> access VLAN 1577",
    }


@pytest.mark.parametrize("told", [{"booted": True, "failure": "EIO"}, {"booted": False}], ids=["gave up", "silent"])
def test_a_machine_that_fails_is_isolated(house: House, told: dict[str, object]) -> None:
    """Off, and on no network, whatever it was that failed."""
    operation = house.create()
    ended = house.finish(operation, **told)
    assert ended.state is OperationState.FAILED
    assert (house.port(1), house.port(1, 1)) == (CLOSED, CLOSED)
    assert house.machine().reading.power is Power.OFF
    assert house.machine().state is State.ERROR


def test_a_cancelled_deployment_leaves_nothing_on_and_nothing_open(house: House) -> None:
    """CloudStack gives up while the ramdisk works; `delete` ends the rest."""
    operation = house.create()
    house.advance(operation)
    assert not house.chassis["m1"].is_off
    house.orders.cancel(operation.id, CLOUD)
    assert house.advance(operation).state is OperationState.CANCELLED
    assert (house.port(1), house.machine().reading.power) == (CLOSED, Power.OFF)
    assert house.delete().state is OperationState.SUCCEEDED


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", range(4), ids=["provisioning 1", "provisioning 2", "tenant 1", "tenant 2"])
def test_a_worker_that_is_killed_in_a_move(house: House, when: str, at: int) -> None:
    """The next one ends in the same world, whether or not the switch had done it, and no port is forgotten."""
    operation = house.create(networks=("vlan://1577", "vlan://1501"))
    house.failures = [*((when, None) for _ in range(at)), (when, Killed())]
    done = house.finish(operation)
    assert not house.failures
    assert done.state is OperationState.SUCCEEDED, done.error
    assert (house.port(1), house.port(1, 1)) == (tenant(1577), tenant(1501))
    assert house.delete().state is OperationState.SUCCEEDED
    assert (house.port(1), house.port(1, 1), house.open_ports()) == (CLOSED, CLOSED, [])


def test_a_switch_that_restarts_is_waited_for(house: House) -> None:
    """Some minutes are no reason to give up a deployment."""
    operation = house.create()
    house.failures = [("before", SwitchUnreachable("switch fake://tor1 does not answer")) for _ in range(10)]
    done = house.finish(operation)
    assert done.state is OperationState.SUCCEEDED, done.error
    assert house.port(1) == tenant(1577)


def test_a_switch_that_is_gone_ends_a_deployment(house: House) -> None:
    """With its words; the store still knows what is open, and the next release closes it."""
    operation = house.create()
    house.advance(operation)
    house.ramdisk(operation, booted=True, written=True)
    house.failures = [("before", SwitchUnreachable("switch fake://tor1 does not answer")) for _ in range(150)]
    ended = house.finish(operation)
    assert ended.state is OperationState.FAILED
    assert "does not answer" in ended.error
    assert "its switch ports are not closed" in ended.check
    assert house.open_ports() == ["tor1 1", "tor2 1"]
    house.failures.clear()
    assert house.delete().state is OperationState.SUCCEEDED
    assert (house.port(1), house.open_ports()) == (CLOSED, [])


def test_a_switch_that_refuses_ends_a_deployment_at_once(house: House) -> None:
    """Nothing is booted."""
    operation = house.create()
    house.failures = [("before", SwitchRefused("switch fake://tor1 has no port 1"))]
    assert house.advance(operation).error == "tor1 1: switch fake://tor1 has no port 1"
    assert house.machine().reading.power is Power.OFF


def test_lldp_that_says_another_port(house: House) -> None:
    """The machine is cabled elsewhere than entered: it is not booted into the tenant's network, and no port is open."""
    operation = house.create()
    house.advance(operation)
    house.now += 10
    with house.store.write() as transaction:
        transaction.cabling.hear([Neighbour(mac_of(1), "tor1", "", "3")])
    ended = house.finish(operation)
    assert ended.state is OperationState.FAILED
    assert f"NIC {mac_of(1)}: LLDP says tor1 3" in ended.error
    assert (house.port(1), house.machine().reading.power) == (CLOSED, Power.OFF)
    assert house.delete().state is OperationState.SUCCEEDED
    with pytest.raises(NoCapacity, match="LLDP says tor1 3"):
        house.orders.prepare(payload(3, machine="m1"), CLOUD)


def test_a_cable_that_is_entered_anew_moves_both_ports(house: House) -> None:
    """The port that was open before is closed with the rest, though no cable leads there any more."""
    house.finish(house.create())
    with house.store.write() as transaction:
        transaction.cabling.enter(Cable(mac_of(1), "tor1", "3"))
    assert house.delete().state is OperationState.SUCCEEDED
    assert (house.port(1), house.port(3)) == (CLOSED, CLOSED)


def test_a_port_that_is_open_for_another_machine(house: House) -> None:
    """Two machines on one port cannot both be right."""
    house.finish(house.create())
    second = house.create(2)
    with house.store.write() as transaction:
        transaction.cabling.enter(Cable(mac_of(1), "tor1", "3"))
        transaction.cabling.enter(Cable(mac_of(2), "tor1", "1"))
    ended = house.finish(second)
    assert ended.state is OperationState.FAILED
    assert "port tor1 1 is open for machine 'm1'" in ended.error
    assert house.port(1) == tenant(1577), "the first machine keeps what it has"


@pytest.mark.parametrize(
    ("network", "why"),
    [
        ("vlan://99", "VLAN 99 of NIC 0 is not one that switch tor1 has for tenants"),
        ("vlan://2000", r"VLAN 2000 of NIC 0 is not one that switch tor1 has for tenants \(1500-1599\)"),
        ("vxlan://7000", "a switch port cannot be put onto the network vxlan://7000"),
        ("vlan://untagged", "a switch port cannot be put onto the network vlan://untagged"),
        ("", "a network that CloudStack gives no VLAN"),
    ],
)
def test_a_network_that_no_port_may_carry(house: House, network: str, why: str) -> None:
    """CloudStack is told at once, before a machine is taken."""
    with pytest.raises((Invalid, NoCapacity), match=why):
        house.orders.prepare(payload(networks=(network,)), CLOUD)
    assert house.machine().state is State.AVAILABLE


def test_a_nic_whose_port_nobody_knows(house: House) -> None:
    """It is not booted on a network that nobody chose; when LLDP has told the port meanwhile, it is."""
    with house.store.write() as transaction:
        for machine in (1, 2):
            transaction.cabling.forget(mac_of(machine))
    ended = house.finish(house.create(1))
    assert ended.state is OperationState.FAILED
    assert ended.error == f"the switch port of NIC {mac_of(1)} of m1 is not known: LLDP did not tell it"
    assert f"bmprov cable set m1 {mac_of(1)} SWITCH PORT" in ended.check
    second = house.create(2)
    house.advance(second)
    with house.store.write() as transaction:
        transaction.cabling.hear([Neighbour(mac_of(2), "tor1.hall.example", "", "2")])
    assert house.finish(second).state is OperationState.SUCCEEDED
    assert house.port(2) == tenant(1577)


def test_a_bmc_that_is_silent_at_release(house: House) -> None:
    """The machine may still run: at least it is no longer on the tenant's network, which CloudStack gives to others."""
    house.finish(house.create())
    house.chassis["m1"].silent = True
    assert house.delete().state is OperationState.FAILED
    assert house.machine().state is State.ERROR
    assert (house.port(1), house.open_ports()) == (CLOSED, [])


def test_a_stopped_instance_is_on_no_network(house: House) -> None:
    """CloudStack frees the VLAN of a network whose instances are all stopped, and issues another when one starts."""
    house.finish(house.create())
    stopped = house.orders.stop(payload(), CLOUD)
    assert isinstance(stopped, Operation)
    assert house.finish(stopped).state is OperationState.SUCCEEDED
    assert (house.port(1), house.open_ports()) == (CLOSED, [])
    started = house.orders.start(payload(networks=("vlan://1512",)), CLOUD)
    assert isinstance(started, Operation)
    assert house.finish(started).state is OperationState.SUCCEEDED
    assert house.port(1) == tenant(1512)
    assert not house.chassis["m1"].is_off


def test_a_start_on_a_network_that_no_port_may_carry(house: House) -> None:
    """It is refused, and the machine stays off."""
    house.finish(house.create())
    house.finish(house.orders.stop(payload(), CLOUD))  # type: ignore[arg-type] # an operation, as above
    with pytest.raises(Invalid, match="VLAN 99 of NIC 0 is not one that switch tor1 has for tenants"):
        house.orders.start(payload(networks=("vlan://99",)), CLOUD)
    assert house.chassis["m1"].is_off


def test_a_switch_that_is_gone_when_an_instance_is_stopped(house: House) -> None:
    """The machine is off, which is what was asked for; that its ports are still open is told."""
    house.finish(house.create())
    house.failures = [("before", SwitchUnreachable("switch fake://tor1 does not answer"))]
    stopped = house.orders.stop(payload(), CLOUD)
    assert isinstance(stopped, Operation)
    ended = house.finish(stopped)
    assert ended.state is OperationState.SUCCEEDED
    assert ended.message == "m1 is off"
    told = "its switch ports are not closed: tor1 1: switch fake://tor1 does not answer"
    assert house.steps(ended)[-1].detail == told
    assert house.open_ports() == ["tor1 1"]
