"""Which NIC or bond of a machine carries which NIC of an instance."""

import pytest

from bmprov.adoption import adopt
from bmprov.carrier import Carrier, carriers
from bmprov.errors import NoCapacity
from bmprov.model import BondMode, Nic
from bmprov.payload import NicRequest

ALONE = Nic("52:54:00:00:00:01", 0, "front")
FIRST = Nic("52:54:00:00:00:02", 1, "back", bond="bond0", bond_mode=BondMode.LACP)
THIRD = Nic("52:54:00:00:00:03", 2)
SECOND = Nic("52:54:00:00:00:04", 3, "fast", netboot=True, bond="bond0", bond_mode=BondMode.LACP)
NICS = (ALONE, FIRST, THIRD, SECOND)
BOND = Carrier((FIRST, SECOND))


def wanted(number: int, mac: str = "02:01:00:00:00:01", tag: str = "") -> NicRequest:
    return NicRequest(number, f"nic-{number}", "net", number == 0, mac, tag=tag)


def test_a_bond_stands_where_its_first_member_does() -> None:
    """It has the MAC of the member that boots, and every member's tag."""
    assert carriers(NICS) == [Carrier((ALONE,)), BOND, Carrier((THIRD,))]
    assert (BOND.mac, BOND.bond, BOND.bond_mode) == (SECOND.mac, "bond0", BondMode.LACP)
    assert BOND.tags == {"back", "fast"}
    assert (Carrier((ALONE,)).bond, Carrier((ALONE,)).bond_mode) == ("", None)


def test_a_bond_none_of_whose_members_boots_has_the_first_ones_mac() -> None:
    """The machine boots from another NIC then, or from the first of all, which is that member."""
    assert carriers([ALONE, FIRST, THIRD])[1].mac == FIRST.mac


def test_nics_are_carried_in_order() -> None:
    """One bond carries one NIC."""
    found = adopt([wanted(0), wanted(1, "02:01:00:00:00:02"), wanted(2, "02:01:00:00:00:03")], NICS)
    assert found == {"nic-0": Carrier((ALONE,)), "nic-1": BOND, "nic-2": Carrier((THIRD,))}
    with pytest.raises(NoCapacity, match="no free NIC for NIC 3"):
        adopt([wanted(number, f"02:01:00:00:00:0{number}") for number in range(4)], NICS)


@pytest.mark.parametrize("member", [FIRST, SECOND])
def test_a_members_mac_means_the_bond(member: Nic) -> None:
    """Whichever CloudStack was told, before or after the two became a bond."""
    found = adopt([wanted(0), wanted(1, member.mac)], NICS)
    assert found == {"nic-0": Carrier((ALONE,)), "nic-1": BOND}


@pytest.mark.parametrize("tag", ["back", "fast"])
def test_a_members_tag_means_the_bond(tag: str) -> None:
    """Tags come before the order."""
    found = adopt([wanted(0), wanted(1, "02:01:00:00:00:02", tag=tag)], NICS)
    assert found == {"nic-0": Carrier((ALONE,)), "nic-1": BOND}
