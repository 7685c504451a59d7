"""`bmprov pxe dns`: builds the DNS server from the settings and runs it."""

import asyncio
import socket
from contextlib import closing
from ipaddress import IPv4Address

from bmprov.errors import Fatal
from bmprov.heartbeat import Heart
from bmprov.settings import PxeSettings, Settings
from bmprov.signs import Part
from bmprov.store import Store
from pxe.dns.forwarder import Forwarder
from pxe.dns.gate import Gate
from pxe.dns.hosts import StoreHosts
from pxe.dns.resolver import Resolver
from pxe.dns.server import DnsServer
from pxe.dns.zone import Zone
from pxe.stopping import stop_signals

_BACKLOG = 64
_RECEIVE_BYTES = 2**20


def run(settings: Settings) -> None:
    """Serve DNS until SIGTERM.

    Raises:
        Fatal: no port is set for it.
        OSError: the port cannot be bound.
    """
    pxe = settings.pxe
    if not pxe.dns_port:
        raise Fatal("the setting pxe.dns_port is 0", "set it to 53 for a DNS server on the provisioning network")
    networks = tuple(subnet.network for subnet in pxe.subnets)
    zone = Zone(pxe.domain, networks, IPv4Address(pxe.address))
    forwarder = Forwarder(pxe.forwarder_addresses) if pxe.forwarders else None
    resolver = Resolver(zone, StoreHosts(Store(settings.database, pool_size=1), settings.site), forwarder)
    udp, tcp = listen(pxe)
    Heart(settings.redis, Part.DNS, settings.site).start()
    with closing(udp), closing(tcp):
        asyncio.run(DnsServer(resolver, Gate(networks)).serve(udp, tcp, stop_signals()))


def listen(pxe: PxeSettings) -> tuple[socket.socket, socket.socket]:
    """The UDP and the TCP socket.

    Raises:
        OSError: the port is taken, or the address is not this host's.
    """
    at = (pxe.dns_listen, pxe.dns_port)
    udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        udp.bind(at)
        tcp.bind(at)
        tcp.listen(_BACKLOG)
    except OSError:
        udp.close()
        tcp.close()
        raise
    return udp, tcp
