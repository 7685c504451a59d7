"""Fabrics, VLANs and subnets, and which addresses are free."""

import ipaddress
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

from tests.maas.answers import Document, invalid, missing, refused

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_HIGHEST_VID = 4094


@dataclass(frozen=True)
class Fabric:
    id: int
    name: str


@dataclass(frozen=True)
class Vlan:
    id: int
    vid: int
    fabric: Fabric
    name: str
    dhcp_on: bool = False
    mtu: int = 1500
    space: str = "undefined"


@dataclass(frozen=True)
class Subnet:
    id: int
    name: str
    vlan: Vlan
    network: Network
    gateway: str | None
    dns_servers: tuple[str, ...] = ()

    def addresses(self) -> Iterator[str]:
        """Those that MAAS may give to a machine, lowest first."""
        yield from (str(host) for host in self.network.hosts() if str(host) != self.gateway)


@dataclass
class Networks:
    """What a region knows of the network. Nothing in it changes; more may come."""

    fabrics: dict[int, Fabric] = field(default_factory=dict)
    vlans: dict[int, Vlan] = field(default_factory=dict)
    subnets: dict[int, Subnet] = field(default_factory=dict)

    def add_fabric(self, name: str = "", *, dhcp_on: bool = False) -> Fabric:
        """Add a fabric with its untagged VLAN."""
        number = len(self.fabrics)
        fabric = self.fabrics[number] = Fabric(number, name or f"fabric-{number}")
        self.add_vlan(fabric, 0, "untagged", dhcp_on=dhcp_on)
        return fabric

    def add_vlan(
        self, fabric: Fabric, vid: int, name: str = "", *, dhcp_on: bool = False, mtu: int = 1500, space: str = ""
    ) -> Vlan:
        """Add a VLAN.

        Raises:
            Refusal: 400, the VID is none or is taken in this fabric.
        """
        if not 0 <= vid <= _HIGHEST_VID:
            raise invalid(vid=f"VLAN ID must be between 0 and {_HIGHEST_VID}.")
        if any(vlan.fabric == fabric and vlan.vid == vid for vlan in self.vlans.values()):
            raise invalid(__all__="A VLAN with the specified VID already exists in the destination fabric.")
        number = 5001 + len(self.vlans)
        vlan = Vlan(number, vid, fabric, name or str(vid), dhcp_on, mtu, space or "undefined")
        self.vlans[number] = vlan
        return vlan

    def add_subnet(self, vlan: Vlan, cidr: str, name: str = "", *, gateway: str | None = None) -> Subnet:
        """Add a subnet; the first address is the gateway when none is told."""
        network = ipaddress.ip_network(cidr)
        number = 1 + len(self.subnets)
        subnet = Subnet(number, name or cidr, vlan, network, gateway or str(next(network.hosts())))
        self.subnets[number] = subnet
        return subnet

    def new_subnet(self, vlan: Vlan, cidr: str, name: str, *, gateway: str, servers: tuple[str, ...]) -> Subnet:
        """Add what a caller asks for, without a gateway if none is told.

        Raises:
            Refusal: 400, the CIDR is none or is there already.
        """
        try:
            network = ipaddress.ip_network(cidr)
        except ValueError:
            raise invalid(cidr="Required format: <network>/<prefixlen>.") from None
        if any(subnet.network == network for subnet in self.subnets.values()):
            raise invalid(cidr="Subnet with this CIDR already exists.")
        number = 1 + len(self.subnets)
        subnet = Subnet(number, name or cidr, vlan, network, gateway or None, servers)
        self.subnets[number] = subnet
        return subnet

    def fabric(self, id_: str) -> Fabric:
        """A fabric by its number or name.

        Raises:
            Refusal: 404.
        """
        for fabric in self.fabrics.values():
            if id_ in (str(fabric.id), fabric.name):
                return fabric
        raise missing("Fabric")

    def vlan(self, fabric: Fabric, vid: str) -> Vlan:
        """A VLAN of a fabric by its VID.

        Raises:
            Refusal: 404.
        """
        for vlan in self.vlans.values():
            if vlan.fabric == fabric and str(vlan.vid) == vid:
                return vlan
        raise missing("VLAN")

    def subnet(self, id_: str) -> Subnet:
        """A subnet by its number, name or CIDR.

        Raises:
            Refusal: 404.
        """
        for subnet in self.subnets.values():
            if id_ in (str(subnet.id), subnet.name, str(subnet.network)):
                return subnet
        raise missing("Subnet")


def free_address(subnet: Subnet, taken: Collection[str]) -> str:
    """The lowest free address.

    Raises:
        Refusal: 503, there is none.
    """
    for address in subnet.addresses():
        if address not in taken:
            return address
    raise refused(HTTPStatus.SERVICE_UNAVAILABLE, f"No more IPs available in subnet: {subnet.network}.")


def fabric_document(fabric: Fabric, networks: Networks) -> Document:
    return {
        "name": fabric.name,
        "class_type": None,
        "id": fabric.id,
        "vlans": [vlan_document(vlan) for vlan in networks.vlans.values() if vlan.fabric == fabric],
        "resource_uri": f"/MAAS/api/2.0/fabrics/{fabric.id}/",
    }


def vlan_document(vlan: Vlan) -> Document:
    return {
        "vid": vlan.vid,
        "mtu": vlan.mtu,
        "dhcp_on": vlan.dhcp_on,
        "external_dhcp": None,
        "relay_vlan": None,
        "primary_rack": "rack01" if vlan.dhcp_on else None,
        "secondary_rack": None,
        "space": vlan.space,
        "fabric_id": vlan.fabric.id,
        "fabric": vlan.fabric.name,
        "name": vlan.name,
        "id": vlan.id,
        "resource_uri": f"/MAAS/api/2.0/vlans/{vlan.id}/",
    }


def subnet_document(subnet: Subnet) -> Document:
    return {
        "name": subnet.name,
        "description": "",
        "vlan": vlan_document(subnet.vlan),
        "cidr": str(subnet.network),
        "rdns_mode": 2,
        "gateway_ip": subnet.gateway,
        "dns_servers": list(subnet.dns_servers),
        "allow_dns": True,
        "allow_proxy": True,
        "active_discovery": False,
        "managed": True,
        "disabled_boot_architectures": [],
        "space": subnet.vlan.space,
        "id": subnet.id,
        "resource_uri": f"/MAAS/api/2.0/subnets/{subnet.id}/",
    }
