"""Puts a machine's interfaces where CloudStack wants its NICs: the VLAN, the subnet, the address. And back.

Every change is made only where something differs, so that all of it may run twice. MAAS forgets an interface's links
when its VLAN changes, and lets nothing be changed while a machine is deployed.

The interface that boots stays on its own VLAN, since MAAS would put it back: another one is a tagged VLAN interface on
it, and it has no address itself then, so that the tenant has none on the provisioning network.
"""

from collections.abc import Sequence
from functools import cached_property
from ipaddress import ip_address, ip_interface

from bmprov.deadline import Deadline
from bmprov.errors import Fatal
from bmprov.maas import LinkMode, MaasLink, MaasMachine, MaasNic, MaasSubnet, MaasVlan, MaasVlanNic
from bmprov.model import Nic
from bmprov.payload import NicRequest
from worker.maas.carriers import OURS, boots, tagged_on
from worker.maas.errors import MaasInvalid
from worker.maas.network_calls import NewLink
from worker.maas.place import Place

_OURS = (LinkMode.STATIC, LinkMode.DHCP)


class Networks:
    """The networks of a region as one step sees them; each list is asked for once."""

    def __init__(self, place: Place, by: Deadline) -> None:
        self._place = place
        self._calls = place.calls
        self._by = by
        self._vlans: dict[int, list[MaasVlan]] = {}

    def vids_of(self, fabric_id: int) -> frozenset[int]:
        """The VLAN numbers that a fabric has."""
        return frozenset(vlan.vid for vlan in self._vlans_of(fabric_id))

    def settle(self, machine: MaasMachine, nic: MaasNic, wanted: NicRequest, *, by_dhcp: bool) -> str:
        """Put an interface of a machine on its VLAN and give it its addresses; what it is now, in words.

        Raises:
            Fatal: MAAS has no such network, and bmprov may not make it; or its gateway is another one.
        """
        vlan_id = self._vlan_for(nic, wanted)
        told = _told(wanted)[:1] if by_dhcp else _told(wanted)  # MAAS takes one link by DHCP
        links = [self._link(address, gateway, vlan_id, wanted, by_dhcp=by_dhcp) for address, gateway in told]
        on = self._at_boot(machine, nic, vlan_id) if boots(nic, machine) else self._moved(nic, vlan_id)
        if not links:
            return f"{on.name} as MAAS has it"
        self._put_on(on, links)
        return f"{on.name} {' and '.join(address for address, _ in told)}{' by DHCP' if by_dhcp else ''}"

    def _moved(self, nic: MaasNic, vlan_id: int) -> MaasNic:
        if nic.vlan_id == vlan_id:
            return nic
        return self._calls.set_interface_vlan(self._place.system_id, nic.id, vlan_id, self._by)

    def _at_boot(self, machine: MaasMachine, nic: MaasNic, vlan_id: int) -> MaasNic | MaasVlanNic:
        """What carries a VLAN on the interface that boots: itself, or the only VLAN interface of ours on it.

        There is one of ours as long as its own addresses are away, so that `take_home` knows.
        """
        ours, on = tagged_on(nic, machine), nic if nic.vlan_id == vlan_id else None
        tagged = next((one for one in ours if on is None and one.vlan_id == vlan_id), None)
        if on is None:
            system_id = self._place.system_id
            tagged = tagged or self._calls.create_vlan_interface(system_id, nic.id, vlan_id, [OURS], self._by)
            self._put_on(nic, [])
        for one in ours:
            if one is not tagged:
                self._calls.delete_interface(self._place.system_id, one.id, self._by)
        return tagged or nic

    def _put_on(self, on: MaasNic | MaasVlanNic, links: Sequence[NewLink]) -> None:
        """Put an interface on these subnets, and on no other."""
        there = {_key(link): link.id for link in on.links}
        for key, link_id in there.items():
            if key not in map(_key, links) and key[0] != LinkMode.LINK_UP:
                self._calls.unlink_subnet(self._place.system_id, on.id, link_id, self._by)
        for link in links:
            if _key(link) not in there:
                self._calls.link_subnet(self._place.system_id, on.id, link, self._by)

    def _link(self, address: str, gateway: str | None, vlan_id: int, wanted: NicRequest, *, by_dhcp: bool) -> NewLink:
        subnet = self._subnet_for(address, gateway, vlan_id, wanted)
        if by_dhcp:
            return NewLink(LinkMode.DHCP, subnet.id)
        _check_gateway(subnet, gateway, wanted)
        way_out = bool(gateway and wanted.is_default)
        return NewLink(LinkMode.STATIC, subnet.id, str(ip_interface(address).ip), default_gateway=way_out)

    def take_home(self, machine: MaasMachine, nic: MaasNic, home: Nic) -> bool:
        """Put an interface back to where it was while nobody had the machine; whether anything was to be done.

        Our VLAN interfaces go last: while one is there, a run that ended half-way is known. So it is by a machine that
        is bare, none of whose NICs is on a subnet: MAAS would not deploy it.
        """
        tagged = tagged_on(nic, machine)
        bare = all(link.mode == LinkMode.LINK_UP for one in machine.nics for link in one.links)
        moved = home.home_vlan is not None and nic.vlan_id != home.home_vlan
        ours = [link for link in nic.links if link.mode in _OURS]
        if not moved and not ours and not tagged and not (bare and home.netboot):
            return False
        if moved and home.home_vlan is not None:
            self._calls.set_interface_vlan(self._place.system_id, nic.id, home.home_vlan, self._by)
        else:
            for link in ours:
                self._calls.unlink_subnet(self._place.system_id, nic.id, link.id, self._by)
        vlan_id = home.home_vlan if home.home_vlan is not None else nic.vlan_id
        subnet = next((one for one in self._subnets if one.vlan.id == vlan_id), None)
        there = not moved and any(link.mode == LinkMode.AUTO for link in nic.links)
        if home.netboot and subnet is not None and not there:
            self._calls.link_subnet(self._place.system_id, nic.id, NewLink(LinkMode.AUTO, subnet.id), self._by)
        for one in tagged:
            self._calls.delete_interface(self._place.system_id, one.id, self._by)
        return True

    @cached_property
    def _subnets(self) -> list[MaasSubnet]:
        return list(self._calls.subnets(self._by))

    def _vlans_of(self, fabric_id: int) -> list[MaasVlan]:
        if fabric_id not in self._vlans:
            self._vlans[fabric_id] = list(self._calls.vlans(fabric_id, self._by))
        return self._vlans[fabric_id]

    def _vlan_for(self, nic: MaasNic, wanted: NicRequest) -> int:
        if nic.vlan_id is None or nic.fabric_id is None:
            raise Fatal(f"interface {nic.name} of {self._place} is in no fabric", "connect it in MAAS")
        if wanted.vlan is None:
            return nic.vlan_id
        found = next((vlan.id for vlan in self._vlans_of(nic.fabric_id) if vlan.vid == wanted.vlan), None)
        if found is not None:
            return found
        if not self._place.region.create_networks:
            raise Fatal(
                f"fabric {nic.fabric} of MAAS region '{self._place.region.name}', where interface {nic.name} is,"
                f" has no VLAN {wanted.vlan}",
                "make it in MAAS, or let bmprov: `bmprov maas set REGION --create-networks`",
            )
        return self._make_vlan(nic.fabric_id, wanted.vlan).id

    def _make_vlan(self, fabric_id: int, vid: int) -> MaasVlan:
        try:
            made = self._calls.create_vlan(fabric_id, vid, f"cloudstack-{vid}", self._by)
        except MaasInvalid:
            del self._vlans[fabric_id]  # another worker may have made it meanwhile, for an instance beside this one
            found = next((vlan for vlan in self._vlans_of(fabric_id) if vlan.vid == vid), None)
            if found is None:
                raise
            return found
        self._vlans_of(fabric_id).append(made)
        return made

    def _subnet_for(self, address: str, gateway: str | None, vlan_id: int, wanted: NicRequest) -> MaasSubnet:
        cidr = str(ip_interface(address).network)
        found = self._subnet(cidr, vlan_id)
        if found is None and self._place.region.create_networks:
            found = self._make_subnet(cidr, vlan_id, gateway or "", wanted)
        if found is None:
            raise Fatal(
                f"MAAS region '{self._place.region.name}' has no subnet {cidr} on VLAN {wanted.vlan or 'untagged'}",
                "make it in MAAS, or let bmprov: `bmprov maas set REGION --create-networks`",
            )
        return found

    def _subnet(self, cidr: str, vlan_id: int) -> MaasSubnet | None:
        return next((one for one in self._subnets if (one.cidr, one.vlan.id) == (cidr, vlan_id)), None)

    def _make_subnet(self, cidr: str, vlan_id: int, gateway: str, wanted: NicRequest) -> MaasSubnet:
        try:
            made = self._calls.create_subnet(cidr, vlan_id, gateway, wanted.dns, self._by)
        except MaasInvalid:
            del self._subnets  # as for a VLAN
            found = self._subnet(cidr, vlan_id)
            if found is None:
                raise
            return found
        self._subnets.append(made)
        return made


def _told(wanted: NicRequest) -> list[tuple[str, str | None]]:
    """CloudStack's addresses with their prefix lengths, and the gateways of their networks."""
    both = ((wanted.address, wanted.gateway), (wanted.address6, wanted.gateway6))
    return [(address, gateway) for address, gateway in both if address]


def _key(link: MaasLink | NewLink) -> tuple[str, int | None, str]:
    """What makes two links the same; MAAS writes down an address of DHCP's too."""
    return link.mode, link.subnet_id, link.ip_address if link.mode == LinkMode.STATIC else ""


def _check_gateway(subnet: MaasSubnet, gateway: str | None, wanted: NicRequest) -> None:
    """MAAS writes its own gateway into the system; a tenant would be cut off by a wrong one."""
    if not (gateway and wanted.is_default):
        return
    if not subnet.gateway or ip_address(subnet.gateway) != ip_address(gateway):
        raise Fatal(
            f"the gateway of subnet {subnet.cidr} is {subnet.gateway or 'none'} in MAAS, and CloudStack says {gateway}",
            "make both the same in MAAS",
        )
