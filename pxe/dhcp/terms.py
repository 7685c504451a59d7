"""What the answers say on each provisioning network, and on which of them a machine asks.

RFC 2131, 4.3.1 (giaddr), RFC 3527 (a relay that is not on the machine's network). A machine that renews its address
asks without the relay, and is where that address is.
"""

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network

from bmprov.subnet import Subnet
from pxe.dhcp.packet import ANY, Option, Packet

_LINK_SELECTION = 5  # sub-option of the relay's: the machine's network, when giaddr is elsewhere


@dataclass(frozen=True)
class Terms:
    """What the answers say. `proxy` leaves addresses to another DHCP server and only tells what to boot.

    `network` and `router` are of the network that this host is on, `relayed` are those behind relays. `loaders` are the
    files that TFTP has; `boots_disks` says that idle machines are told to boot their disks.
    """

    server: IPv4Address
    network: IPv4Network
    http_url: str
    router: IPv4Address | None = None
    dns: tuple[IPv4Address, ...] = ()
    lease_s: int = 600
    proxy: bool = False
    loaders: frozenset[str] = frozenset()
    boots_disks: bool = False
    relayed: tuple[Subnet, ...] = ()

    def where(self, asked: Packet) -> "Terms | str":
        """The terms of the network on which the machine asks; else why nobody there is answered."""
        told = _told_by_relay(asked)
        at = asked.ciaddr if told == ANY else told
        subnet = next((subnet for subnet in self.relayed if at in subnet.network), None)
        if subnet is not None:
            return replace(self, network=subnet.network, router=IPv4Address(subnet.router))
        if told == ANY or told in self.network:
            return self
        networks = ", ".join(map(str, (self.network, *(subnet.network for subnet in self.relayed))))
        return f"relay {told} is in none of the provisioning networks ({networks})"

    def network_options(self, address: IPv4Address) -> dict[int, bytes]:
        """What a machine with this address must know of its network."""
        if self.proxy:
            return {}
        options: dict[int, bytes] = {Option.SUBNET_MASK: self.network.netmask.packed}
        if address != ANY:  # RFC 2131, 4.3.5: who only informs itself is told no lease time
            options[Option.LEASE_TIME] = self.lease_s.to_bytes(4)
        if self.router is not None:
            options[Option.ROUTER] = self.router.packed
        if self.dns:
            options[Option.DNS] = b"".join(address.packed for address in self.dns)
        return options


def _told_by_relay(asked: Packet) -> IPv4Address:
    """An address of the machine's network; ANY when the request came without a relay."""
    selected = asked.relay_told.get(_LINK_SELECTION, b"")
    return IPv4Address(selected) if len(selected) == len(ANY.packed) else asked.giaddr
