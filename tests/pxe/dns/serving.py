"""A DNS server that runs in a thread, on loopback."""

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address, IPv4Network

from bmprov.settings import PxeSettings
from pxe.dns.forwarder import Forwarder
from pxe.dns.gate import Gate
from pxe.dns.process import listen
from pxe.dns.resolver import Resolver
from pxe.dns.server import DnsServer
from pxe.dns.zone import Hosts, Zone

NETWORK = IPv4Network("127.0.0.0/16")
SERVER, ADDRESS = IPv4Address("127.0.0.1"), IPv4Address("127.0.3.9")
HOSTS = Hosts({"rack1-07": ADDRESS, "idle": None}, {ADDRESS: "rack1-07"})


class Site:
    """Machines that are known, or are not."""

    def __init__(self, hosts: Hosts | None = HOSTS) -> None:
        self.hosts = hosts

    async def now(self) -> Hosts | None:
        return self.hosts


def free_port() -> int:
    """A port that is free for UDP and for TCP."""
    for _ in range(20):
        tcp, udp = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with tcp, udp, suppress(OSError):
            udp.bind(tcp.getsockname())
            return int(udp.getsockname()[1])
    raise AssertionError("of twenty ports none is free for both UDP and TCP")


@contextmanager
def serving(forwarders: Sequence[tuple[str, int]] = (), site: Site | None = None) -> Iterator[int]:
    """The port of a running server; at its end it must stop by itself."""
    pxe = PxeSettings(listen="127.0.0.1", dns_port=free_port())
    forwarder = Forwarder(forwarders, try_s=0.4, all_s=1.0) if forwarders else None
    resolver = Resolver(Zone("bmprov.internal", [NETWORK], SERVER), site or Site(), forwarder)
    udp, tcp = listen(pxe)
    stopping = threading.Event()
    server = DnsServer(resolver, Gate([NETWORK]))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(udp, tcp, stopping)))
    thread.start()
    try:
        yield pxe.dns_port
    finally:
        stopping.set()
        thread.join(10)
        assert not thread.is_alive()
        udp.close()
        tcp.close()
