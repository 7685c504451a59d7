"""What the answers say on each provisioning network, and on which of them a machine asks.

RFC 2131, 4.3.1 (giaddr), RFC 3527 (a relay that is not on the machine's network), RFC 5107 (a relay that wants to be
asked itself, and so names itself as the server). A machine that renews its address asks without the relay otherwise,
and is where that address is.
"""

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network

from bmprov.subnet import Subnet
from pxe.dhcp.packet import ANY, Option, Packet

_LINK_SELECTION = 5  # sub-options of the relay's: the machine's network, when giaddr is elsewhere
_SERVER_ID_OVERRIDE = 11


@dataclass(frozen=True)
class Terms:
    """What the answers say. `proxy` leaves addresses to another DHCP server and only tells what to boot.

    `network` and `router` are of the network that this host is on, `relayed` are those behind relays. `loaders` are the
    files that TFTP has; `boots_disks` says that idle machines are told to boot their disks. `override` is the address
    that a relay wants to stand as the server's identifier.
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
    override: IPv4Address | None = None

    @property
    def identifier(self) -> IPv4Address:
        """The server's identifier (option 54): where machines send what is meant for this server alone."""
        return self.override or self.server

    def where(self, asked: Packet) -> "Terms | str":
        """The terms of the network on which the machine asks; else why nobody there is answered."""
        told = _told_by_relay(asked)
        at = asked.ciaddr if told == ANY else told
        subnet = next((subnet for subnet in self.relayed if at in subnet.network), None)
        if subnet is not None:
            router = IPv4Address(subnet.router)
            return replace(self, network=subnet.network, router=router, override=identifier_override(asked))
        if told == ANY or told in self.network:
            return replace(self, override=identifier_override(asked))
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


def identifier_override(asked: Packet) -> IPv4Address | None:
    """The address by which the relay wants the server to be known; None when it does not, or when there is no relay."""
    return _address(asked, _SERVER_ID_OVERRIDE) if asked.giaddr != ANY else None


def _told_by_relay(asked: Packet) -> IPv4Address:
    """An address of the machine's network; ANY when the request came without a relay."""
    return _address(asked, _LINK_SELECTION) or asked.giaddr


def _address(asked: Packet, kind: int) -> IPv4Address | None:
    told = asked.relay_told.get(kind, b"")
    return IPv4Address(told) if len(told) == len(ANY.packed) else None
