"""Whether a deployed machine's interfaces are what they were made to be. Pure.

MAAS changes interfaces while it deploys (the one that boots, see `carriers`), and says Deployed all the same.
"""

from collections.abc import Iterable
from ipaddress import ip_interface

from bmprov.maas import LinkMode, MaasLink, MaasMachine, MaasNic, MaasVlanNic
from bmprov.payload import NicRequest
from worker.maas.carriers import boots, tagged_on


def difference(wanted: NicRequest, nic: MaasNic, machine: MaasMachine, *, by_dhcp: bool) -> str:
    """What is wrong with the interface that carries a NIC of the instance; empty if nothing is."""
    told = [one for one in (wanted.address, wanted.address6) if one]
    addresses = {_wanted(one, by_dhcp=by_dhcp) for one in (told[:1] if by_dhcp else told)}
    if wanted.vlan is None or wanted.vlan == nic.vid or not boots(nic, machine):
        return _compared(nic, nic.vid if wanted.vlan is None else wanted.vlan, addresses)
    tagged = next((one for one in tagged_on(nic, machine) if one.vid == wanted.vlan), None)
    if tagged is None:
        return _compared(nic, wanted.vlan, addresses)
    if left := _found(nic.links):
        return f"interface {nic.name} was to have no address beside {tagged.name}, and has {_words(left)}"
    return _compared(tagged, wanted.vlan, addresses)


def _compared(on: MaasNic | MaasVlanNic, vid: int | None, addresses: set[str]) -> str:
    """A NIC for which CloudStack has no address is as MAAS has it."""
    found = _found(on.links)
    if on.vid == vid and (not addresses or found == addresses):
        return ""
    meant = f" with {_words(addresses)}" if addresses else ""
    is_on = f"VLAN {on.vid}" if on.vid is not None else "no VLAN"
    return f"interface {on.name} was to be on VLAN {vid}{meant}, and is on {is_on} with {_words(found)}"


def _wanted(address: str, *, by_dhcp: bool) -> str:
    whole = ip_interface(address)
    return f"DHCP in {whole.network}" if by_dhcp else f"{whole.ip} in {whole.network}"


def _found(links: Iterable[MaasLink]) -> set[str]:
    """MAAS writes down an address of DHCP's too."""
    configured = [link for link in links if link.mode != LinkMode.LINK_UP]
    return {
        f"{'DHCP' if one.mode == LinkMode.DHCP else one.ip_address or one.mode} in {one.cidr}" for one in configured
    }


def _words(addresses: set[str]) -> str:
    return " and ".join(sorted(addresses)) or "no address"
