"""`bmprov network`: what it finds, and what it makes of it."""

from pathlib import Path
from typing import Any

import pytest

from bmprov.cabling import Neighbour
from bmprov.deadline import Deadline
from bmprov.errors import SwitchUnreachable
from bmprov.model import Operation, OperationState, Role
from bmprov.orders import Caller
from bmprov.switch import Change, PortSetting
from tests.worker.ports.house import CLOSED, House, mac_of

OPERATOR = Caller("ann", Role.OPERATOR, "", "127.0.0.1")
_SOON = Deadline.after(3600)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def check(house: House, machine: str = "m1") -> list[dict[str, Any]]:
    ended = house.finish(house.orders.check_network(machine, OPERATOR))
    assert ended.state is OperationState.SUCCEEDED, ended.error
    told: list[dict[str, Any]] = ended.answer
    return told


def meddle(house: House, port: str, setting: PortSetting, switch: str = "tor1") -> None:
    """Somebody logs in to a switch and sets a port."""
    with house.store.read() as transaction:
        found = transaction.switches.named(switch)
    assert found is not None
    house.bare(found).apply([Change(port, setting, enabled=True)], _SOON)


def test_all_is_well(house: House) -> None:
    """Of a machine that an instance has: its VLAN here, and nothing on the NIC that it does not use."""
    house.finish(house.create())
    first, second = check(house)
    assert first == {
        "nic": mac_of(1),
        "network": "vlan://1577",
        "port": "tor1 1",
        "known_from": "hand: tor1 1",
        "wanted": "access VLAN 1577",
        "found": "access VLAN 1577",
        "verdict": "good",
        "finding": "as it should be",
    }
    assert (second["network"], second["wanted"], second["verdict"]) == ("", "access VLAN 666, disabled", "good")


def test_a_port_that_somebody_has_set(house: House) -> None:
    """It is told; the plan has the commands; apply makes it right again."""
    house.finish(house.create())
    meddle(house, "1", PortSetting.trunk([1500, 1577], native=1501))
    first, second = check(house)
    assert first["verdict"] == "bad"
    assert first["finding"] == ("port 1 is a trunk of VLANs 1500,1577 with native VLAN 1501, not access VLAN 1577")
    assert second["verdict"] == "good"
    planned = house.finish(house.orders.apply_network("m1", OPERATOR, dry_run=True))
    assert planned.answer == [
        {"switch": "tor2", "commands": []},
        {"switch": "tor1", "commands": ['port 1: access VLAN 1577, ""']},
    ]
    assert house.port(1) == (True, PortSetting.trunk([1500, 1577], native=1501)), "a plan changes nothing"
    house.repairs = True
    done = house.finish(house.orders.apply_network("m1", OPERATOR, dry_run=False))
    assert "tor1 1 (NIC 0): a trunk of VLANs 1500,1577 with native VLAN 1501 -> access VLAN 1577" in done.message
    assert house.port(1) == (True, PortSetting.access(1577))


def test_a_machine_that_nobody_has(house: House) -> None:
    """Its ports must be closed, which those of a machine that was never deployed are not."""
    assert [one["verdict"] for one in check(house)] == ["bad", "bad"]
    assert house.finish(house.orders.apply_network("m1", OPERATOR, dry_run=False)).state is OperationState.SUCCEEDED
    assert (house.port(1), house.port(1, 1)) == (CLOSED, CLOSED)
    assert [one["verdict"] for one in check(house)] == ["good", "good"]


def test_lldp_that_says_otherwise(house: House) -> None:
    """Both are told, and nothing is chosen between them."""
    house.finish(house.create())
    with house.store.write() as transaction:
        transaction.cabling.hear([Neighbour(mac_of(1), "tor2", "", "3")])
    first, _ = check(house)
    assert (first["verdict"], first["finding"]) == ("bad", "LLDP says tor2 3")
    assert first["known_from"] == "hand: tor1 1; lldp: tor2 3"
    ended = house.finish(house.orders.apply_network("m1", OPERATOR, dry_run=False))
    assert ended.state is OperationState.FAILED
    assert "LLDP says tor2 3" in ended.error


def test_a_switch_that_does_not_answer(house: House) -> None:
    """The others are told all the same."""
    house.finish(house.create(networks=("vlan://1577", "vlan://1501")))
    house.deaf["tor2"] = SwitchUnreachable("switch fake://tor2 does not answer", "check its management port and SSH")
    first, second = check(house)
    assert first["verdict"] == "good"
    assert second["finding"] == "switch fake://tor2 does not answer: check its management port and SSH"


def test_no_switches(house: House) -> None:
    """A site of which bmprov sets no switch."""
    with house.store.write() as transaction:
        for machine in (1, 2):
            for nic in (0, 1):
                transaction.cabling.forget(mac_of(machine, nic))
        for switch in transaction.switches.all():
            transaction.switches.remove(switch)
    ended: Operation = house.finish(house.orders.check_network("m1", OPERATOR))
    assert (ended.error, ended.check) == ("bmprov sets no switches here", "add the switch with `bmprov switch add`")
