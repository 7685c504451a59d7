"""Interfaces of a deployed machine, and what was wanted of them."""

from dataclasses import replace

import pytest

from bmprov.maas import LinkMode, MaasLink, MaasMachine, MaasNic, MaasVlanNic, NodeStatus
from bmprov.payload import NicRequest
from worker.maas.read_back import difference

_ADDRESS = MaasLink(7, LinkMode.STATIC, "10.9.1.45", 3, "10.9.1.0/24")
_AUTO = MaasLink(8, LinkMode.AUTO, "10.1.0.2", 1, "10.1.0.0/16")
_UP = MaasLink(9, LinkMode.LINK_UP)
_SIX = MaasLink(10, LinkMode.STATIC, "fd00:9::45", 4, "fd00:9::/64")
_DHCP = MaasLink(11, LinkMode.DHCP, "10.9.1.99", 3, "10.9.1.0/24")
_BOOT = MaasNic(1, "eth0", "52:54:00:00:00:01", 5001, 0, links=(_UP,))
_SECOND = MaasNic(2, "eth1", "52:54:00:00:00:02", 5002, 1577, links=(_ADDRESS,))
_TAGGED = MaasVlanNic(3, "eth0.1577", "eth0", 5002, 1577, ("bmprov",), (_ADDRESS,))
_WANTED = NicRequest(0, "nic-0", "net-0", is_default=True, mac="", address="10.9.1.45/24", vlan=1577)
_UNTAGGED = "interface eth0 was to be on VLAN 1577 with 10.9.1.45 in 10.9.1.0/24, and is on VLAN 0 with no address"
_BY_DHCP = (
    "interface eth0.1577 was to be on VLAN 1577 with 10.9.1.45 in 10.9.1.0/24,"
    " and is on VLAN 1577 with DHCP in 10.9.1.0/24"
)


def told(wanted: NicRequest, boot: MaasNic, *tagged: MaasVlanNic, by_dhcp: bool = False) -> str:
    """What is wrong with the interface that boots."""
    machine = MaasMachine("abc123", "node", NodeStatus.DEPLOYED, nics=(boot, _SECOND), vlan_nics=tagged)
    return difference(wanted, boot, machine, by_dhcp=by_dhcp)


@pytest.mark.parametrize(
    ("tagged", "boot", "words"),
    [
        ((_TAGGED,), _BOOT, ""),
        ((), _BOOT, _UNTAGGED),
        ((replace(_TAGGED, tags=()),), _BOOT, _UNTAGGED),
        ((replace(_TAGGED, parent="eth1"),), _BOOT, _UNTAGGED),
        (
            (_TAGGED,),
            replace(_BOOT, links=(_AUTO,)),
            "interface eth0 was to have no address beside eth0.1577, and has 10.1.0.2 in 10.1.0.0/16",
        ),
        (
            (replace(_TAGGED, links=(_DHCP,)),),
            _BOOT,
            _BY_DHCP,
        ),
    ],
)
def test_a_vlan_on_the_interface_that_boots(tagged: tuple[MaasVlanNic, ...], boot: MaasNic, words: str) -> None:
    """It must be tagged, with the address, and the interface itself without one."""
    assert told(_WANTED, boot, *tagged) == words


def test_addresses() -> None:
    """All that are wanted and no other; by DHCP whichever it is; none are compared when none are wanted."""
    six = replace(_WANTED, address6="fd00:9:0::45/64")
    assert told(six, _BOOT, replace(_TAGGED, links=(_SIX, _ADDRESS))) == ""
    assert told(six, _BOOT, _TAGGED).startswith(
        "interface eth0.1577 was to be on VLAN 1577 with 10.9.1.45 in 10.9.1.0/24 and fd00:9::45 in fd00:9::/64,"
    )
    assert told(_WANTED, _BOOT, replace(_TAGGED, links=(_DHCP,)), by_dhcp=True) == ""
    assert told(replace(_WANTED, address=None), _BOOT, _TAGGED) == ""


def test_an_untagged_network() -> None:
    """The interface is on whichever VLAN it is; its address is what was wanted."""
    wanted = replace(_WANTED, vlan=None, address="10.1.0.2/16")
    assert told(wanted, replace(_BOOT, links=(_AUTO,))) == ""
    assert told(wanted, _BOOT).endswith(
        "was to be on VLAN 0 with 10.1.0.2 in 10.1.0.0/16, and is on VLAN 0 with no address"
    )


def test_another_interface() -> None:
    """It is on the VLAN untagged."""
    machine = MaasMachine("abc123", "node", NodeStatus.DEPLOYED, nics=(_BOOT, _SECOND))
    assert difference(_WANTED, _SECOND, machine, by_dhcp=False) == ""
    lost = replace(_SECOND, vlan_id=None, vid=None, links=())
    assert difference(replace(_WANTED, address=None), lost, machine, by_dhcp=False) == (
        "interface eth1 was to be on VLAN 1577, and is on no VLAN with no address"
    )
