"""What people and cables get wrong around a machine that is deployed: told in words, and nothing stays open."""

from pathlib import Path

import pytest

from bmprov.cabling import Cable, ManagedSwitch, Neighbour
from bmprov.errors import Conflict, NoCapacity, SwitchHeld, SwitchRefused, SwitchUnreachable
from bmprov.lifecycle import State
from bmprov.model import Operation, OperationState
from bmprov.power import Power
from bmprov.switch import PortSetting
from bmprov.vlans import VlanRanges
from tests.worker.ports.house import CLOSED, CLOUD, LIMITS, PROVISIONING, QUARANTINE, House, mac_of, payload
from worker.runner import CLEAR_UP_S

TENANT = (True, PortSetting.access(1577))
_NEW_PROVISIONING = 98


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def change(house: House, switch: str, **values: object) -> None:
    """An operator changes a switch's entry."""
    with house.store.write() as transaction:
        transaction.switches.change(switch, **values)


def tor(house: House, name: str) -> ManagedSwitch:
    with house.store.read() as transaction:
        switch = transaction.switches.named(name)
    assert switch is not None
    return switch


def test_two_machines_that_claim_a_port_by_lldp(house: House) -> None:
    """Neither is deployed, and no port moves, until a person has looked."""
    with house.store.write() as transaction:
        for machine in (1, 2):
            transaction.cabling.forget(mac_of(machine))
        transaction.cabling.hear([Neighbour(mac_of(machine), "tor1", "", "3") for machine in (1, 2)])
    for number in (1, 2):
        with pytest.raises(NoCapacity, match=f"NIC {mac_of(3 - number)} of m{3 - number} is said to be on tor1 3 too"):
            house.orders.prepare(payload(machine=f"m{number}"), CLOUD)
    assert house.port(3) == (True, PortSetting.access(1))


def test_lldp_that_says_another_switch_while_the_ramdisk_runs(house: House) -> None:
    """A switch that nobody has entered may be another one: the machine gets no tenant's network."""
    operation = house.create()
    house.advance(operation)
    house.now += 10
    with house.store.write() as transaction:
        transaction.cabling.hear([Neighbour(mac_of(1), "tor9.hall.example", "", "1")])
    ended = house.finish(operation)
    assert ended.state is OperationState.FAILED
    assert "LLDP says tor9.hall.example 1, which is no port of a switch known here" in ended.error
    assert (house.port(1), house.port(1, 1), house.machine().reading.power) == (CLOSED, CLOSED, Power.OFF)


def test_a_switch_cannot_be_removed_while_its_ports_are_open(house: House) -> None:
    """Its cables may be gone: a port that a machine uses is not forgotten."""
    house.finish(house.create())
    with house.store.write() as transaction:
        for machine in (1, 2):
            transaction.cabling.forget(mac_of(machine))
    with (
        pytest.raises(Conflict, match="ports of switch 'tor1' are open for machine m1"),
        house.store.write() as writing,
    ):
        writing.switches.remove(tor(house, "tor1"))
    assert house.delete().state is OperationState.SUCCEEDED
    assert house.port(1) == CLOSED
    with house.store.write() as transaction:
        transaction.switches.remove(tor(house, "tor1"))


@pytest.mark.parametrize("moved", [("tor1",), ("tor1", "tor2")], ids=["one of two", "all of them"])
def test_a_switch_that_moves_to_another_site_under_a_machine(house: House, moved: tuple[str, ...]) -> None:
    """What is open there is closed there; the machine is not deployed again over a cable to another site."""
    house.finish(house.create(networks=("vlan://1577", "vlan://1501")))
    for switch in moved:
        change(house, switch, site="b")
    assert house.open_ports() == ["tor1 1", "tor2 1"]
    assert house.delete().state is OperationState.SUCCEEDED
    assert (house.port(1), house.port(1, 1), house.open_ports()) == (CLOSED, CLOSED, [])
    if len(moved) == 1:
        with pytest.raises(NoCapacity, match=f"NIC {mac_of(1)}: it is entered for port 1 of a switch of another site"):
            house.orders.prepare(payload(machine="m1"), CLOUD)


def test_ranges_that_shrink_under_a_machine(house: House) -> None:
    """A release needs the quarantine VLAN only; the tenant's next machine is refused in words."""
    house.finish(house.create())
    for switch in ("tor1", "tor2"):
        change(house, switch, vlans=VlanRanges.parse("1600-1699"))
    assert house.delete().state is OperationState.SUCCEEDED
    assert (house.port(1), house.open_ports()) == (CLOSED, [])
    with pytest.raises(
        NoCapacity, match=r"VLAN 1577 of NIC 0 is not one that switch tor1 has for tenants \(1600-1699\)"
    ):
        house.orders.prepare(payload(), CLOUD)


def test_ranges_that_shrink_under_a_deployment(house: House) -> None:
    """The machine, whose image is written, gets no network that it may not have, and is isolated."""
    operation = house.create()
    house.advance(operation)
    change(house, "tor1", vlans=VlanRanges.parse("1600-1699"))
    ended = house.finish(operation)
    assert "VLAN 1577 of NIC 0 is not one that switch tor1 has for tenants" in ended.error
    assert (house.port(1), house.open_ports()) == (CLOSED, [])


def test_a_cable_that_names_an_uplink(house: House) -> None:
    """No machine is deployed there, and the uplink is not touched."""
    with house.store.write() as transaction:
        transaction.cabling.enter(Cable(mac_of(1), "tor1", "48"))
    with pytest.raises(NoCapacity, match="tor1 48 is an uplink"):
        house.orders.prepare(payload(machine="m1"), CLOUD)
    assert house.port(48) == (True, PortSetting.access(1))


def test_a_port_that_becomes_an_uplink_under_a_machine(house: House) -> None:
    """It is not touched any more: the release fails, names it, and goes through once that is put right."""
    house.finish(house.create())
    change(house, "tor1", uplinks=("1", "48"))
    ended = house.delete()
    assert ended.state is OperationState.FAILED
    assert "port 1 is an uplink" in ended.error
    assert (house.port(1), house.open_ports()) == (TENANT, ["tor1 1"])
    change(house, "tor1", uplinks=("48",))
    assert house.delete().state is OperationState.SUCCEEDED
    assert (house.port(1), house.open_ports()) == (CLOSED, [])


def test_a_provisioning_vlan_that_changes_while_machines_deploy(house: House) -> None:
    """The ramdisk that runs ends its work where it is; the next machine is in the new VLAN, and the old one is left."""
    first, second = house.create(1), house.create(2)
    house.advance(first)
    change(house, "tor1", provisioning_vlan=_NEW_PROVISIONING)
    house.advance(second)
    seen = (house.port(1), house.port(2))
    assert seen == ((True, PortSetting.access(PROVISIONING)), (True, PortSetting.access(_NEW_PROVISIONING)))
    for operation in (first, second):
        assert house.finish(operation).state is OperationState.SUCCEEDED
    assert (house.port(1), house.port(2)) == (TENANT, TENANT)


def test_two_networks_on_one_link_aggregation(house: House) -> None:
    """Two NICs that share an aggregate cannot be in two VLANs: refused, instead of the last one's for both."""
    with house.store.write() as transaction:
        transaction.cabling.enter(Cable(mac_of(1), "tor1", "1", aggregate="po1"))
        transaction.cabling.enter(Cable(mac_of(1, 1), "tor1", "3", aggregate="po1"))
    wanted = payload(networks=("vlan://1577", "vlan://1501"), machine="m1")
    with pytest.raises(NoCapacity, match="NIC 0 and NIC 1 share tor1 po1, and want two VLANs"):
        house.orders.prepare(wanted, CLOUD)


def test_one_of_two_switches_is_gone_at_release(house: House) -> None:
    """The ports of the other one are closed all the same, at once."""
    house.finish(house.create(networks=("vlan://1577", "vlan://1501")))
    operation = house.orders.delete(payload(), CLOUD)
    house.failures = [("before", SwitchUnreachable("switch fake://tor1 does not answer", "check its port"))]
    waiting = house.advance(operation)
    assert waiting.waiting_for == "tor1 1: switch fake://tor1 does not answer: check its port"
    assert (house.port(1), house.port(1, 1), house.open_ports()) == (TENANT, CLOSED, ["tor1 1"])
    assert house.finish(operation).state is OperationState.SUCCEEDED
    assert (house.port(1), house.open_ports()) == (CLOSED, [])


def test_a_switch_without_room_for_the_quarantine_vlan(house: House) -> None:
    """The port is at least disabled, the release says so, and `delete` ends the rest when there is room."""
    house.finish(house.create())
    no_room = SwitchRefused(f"switch fake://tor1 lacks VLAN {QUARANTINE}", "make room")
    passes = ("before", None)  # the port alone is disabled; then the other switch's
    house.failures = [("before", no_room), passes, passes] * 2  # the step's, and once more to clear up
    ended = house.delete()
    assert ended.state is OperationState.FAILED
    assert ended.error == f"tor1 1: switch fake://tor1 lacks VLAN {QUARANTINE}"
    assert ended.check.startswith("make room; until then they are disabled, and still in the VLANs that they had")
    assert house.port(1) == (False, PortSetting.access(1577))
    assert house.machine().state is State.ERROR
    assert house.open_ports() == ["tor1 1"]
    house.failures.clear()
    assert house.delete().state is OperationState.SUCCEEDED
    assert (house.port(1), house.open_ports()) == (CLOSED, [])


def test_a_cancelled_deployment_tells_what_it_could_not_close(house: House) -> None:
    """The switch is gone when CloudStack gives up: the operation ends, and names what is left."""
    operation = house.create()
    house.advance(operation)
    house.orders.cancel(operation.id, CLOUD)
    house.failures = [("before", SwitchUnreachable("switch fake://tor1 does not answer"))]
    ended = house.advance(operation)
    assert ended.state is OperationState.CANCELLED
    assert ended.check == "its switch ports are not closed: tor1 1: switch fake://tor1 does not answer"
    assert house.open_ports() == ["tor1 1"]
    assert house.delete().state is OperationState.SUCCEEDED
    assert (house.port(1), house.open_ports()) == (CLOSED, [])


def test_a_machine_that_fails_while_others_are_on_the_switch(house: House) -> None:
    """It is isolated once they have done."""
    operation = house.create()
    house.advance(operation)
    house.ramdisk(operation, booted=True, failure="EIO")
    house.failures = [("before", SwitchHeld("another session of ours holds switch fake://tor1"))] * 5
    ended = house.advance(operation)
    assert ended.state is OperationState.FAILED
    assert "not closed" not in ended.check
    assert (house.port(1), house.port(1, 1), house.open_ports()) == (CLOSED, CLOSED, [])


def test_a_machine_that_is_stopped_while_others_are_on_the_switch(house: House) -> None:
    """The stop waits for its turn, and only a switch that stays busy leaves a stopped machine on its network."""
    house.finish(house.create())
    stopping = house.orders.stop(payload(), CLOUD)
    assert isinstance(stopping, Operation)
    house.advance(stopping)
    house.now += LIMITS.shutdown_s  # its system does not obey
    house.failures = [("before", SwitchHeld("another session of ours holds switch fake://tor1"))]
    waiting = house.advance(stopping)
    assert waiting.waiting_for == "tor1 1: another session of ours holds switch fake://tor1"
    ended = house.finish(stopping)
    assert ended.state is OperationState.SUCCEEDED
    assert (house.port(1), house.open_ports()) == (CLOSED, [])


def test_a_bmc_that_takes_all_its_time_to_be_silent(house: House) -> None:
    """The switches have a time of their own when a failed deployment is cleared up."""
    operation = house.create()
    house.advance(operation)
    house.chassis["m1"].silent = True
    house.ramdisk(operation, booted=True, failure="EIO")
    ended = house.advance(operation)
    assert ended.state is OperationState.FAILED
    assert "the machine could not be switched off" in ended.check
    assert 0 < house.chassis["m1"].patience_s <= CLEAR_UP_S / 2
    assert (house.port(1), house.open_ports()) == (CLOSED, [])
