"""What the ports of bonded NICs must carry; the moves of a machine's life are in tests/worker/ports."""

from typing import Any

import pytest

from bmprov.cabling import ManagedSwitch, NicCabling, PortPlace
from bmprov.errors import Invalid
from bmprov.model import Bmc, BondMode, Machine, Nic
from bmprov.payload import parse_request
from bmprov.port_orders import PortView, provisioning, tenants
from bmprov.vlan_map import VlanMap
from bmprov.vlans import VlanRanges

LEFT, RIGHT = (
    ManagedSwitch(name, name, f"fake://{name}", "", b"", b"", 99, 666, VlanRanges.parse("1500-1599"))
    for name in ("left", "right")
)
MACS = ("52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03")


def view(*places: PortPlace) -> PortView:
    cabling = {mac: NicCabling(mac, place=place) for mac, place in zip(MACS, places, strict=True)}
    return PortView((LEFT, RIGHT), cabling)


def machine(mode: BondMode) -> Machine:
    """One whose last two NICs are a bond."""
    bond: dict[str, Any] = {"bond": "bond0", "bond_mode": mode}
    nics = (Nic(MACS[0], 0), Nic(MACS[1], 1, netboot=True, **bond), Nic(MACS[2], 2, **bond))
    return Machine("m", "m", Bmc("fake://m", "", b""), nics)


APART = view(PortPlace(LEFT, "1"), PortPlace(LEFT, "2"), PortPlace(RIGHT, "2"))
TOGETHER = view(PortPlace(LEFT, "1"), PortPlace(LEFT, "2", "po7"), PortPlace(LEFT, "3", "po7"))
REQUEST = parse_request(
    {
        "virtualmachineid": "7d2b8e34-4f0c-4a57-9a5e-2f4f0a1b2c3d",
        "cloudstack.vm.details": {
            "nics": [
                {"deviceId": number, "nicUuid": f"n{number}", "broadcastUri": f"vlan://{1500 + number}"}
                for number in range(2)
            ]
        },
    }
)


def carried(of: PortView, mode: BondMode = BondMode.ACTIVE_BACKUP, *, boots: bool = False) -> dict[str, str]:
    bonded = machine(mode)
    orders = provisioning(bonded, of) if boots else tenants(bonded, of, REQUEST, VlanMap.parse(()))
    return {str(order.interface): str(order) for order in orders}


def test_every_member_of_a_bond_is_on_its_network() -> None:
    """On two switches each by its own port, on one by the aggregate that they are in."""
    assert carried(APART) == {
        "left 1": "access VLAN 1500",
        "left 2": "access VLAN 1501",
        "right 2": "access VLAN 1501",
    }
    for mode in BondMode:
        assert carried(TOGETHER, mode) == {"left 1": "access VLAN 1500", "left po7": "access VLAN 1501"}


def test_a_bond_by_lacp_needs_its_link_aggregation() -> None:
    """Without one on the switch it would come up on no port."""
    with pytest.raises(Invalid, match="bond0 is by LACP, and left 2 is in no link aggregation"):
        carried(APART, BondMode.LACP)


def test_one_member_boots_alone() -> None:
    """The others hear LLDP and no more; where the switch has them in one aggregate, that is on the boot network."""
    assert carried(APART, boots=True) == {
        "left 1": "access VLAN 666",
        "left 2": "access VLAN 99",
        "right 2": "access VLAN 666",
    }
    assert carried(TOGETHER, boots=True) == {"left 1": "access VLAN 666", "left po7": "access VLAN 99"}
