"""A host on a port of the lab's switch that is no more than a network namespace, and what it reaches from there.

It is as bad as a tenant can be: it has addresses of bmprov's network and of the tenants', asks for an address as a
machine's firmware does, asks bmprov's servers for whatever they have, and sends frames with the tag of another VLAN.
"""

import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address

from tests import debian
from tests.lab import router
from tests.lab.network import ADDRESS, Network

_TRIES = ("-c", "3", "-w", "3")  # one a second
_FIRMWARE = ("-V", "PXEClient:Arch:00000:UNDI:002001", "-x", "0x5d:0000")
_EVERYBODY, _ARP, _TAGGED = b"\xff" * 6, b"\x08\x06", b"\x81\x00"
_WHO_HAS = bytes.fromhex("0001 0800 06 04 0001")


@dataclass(frozen=True)
class Guest:
    """A host in this namespace, whose NIC is `eth0` with this MAC. Make one with `on_a_port`."""

    net: Network
    namespace: str
    mac: str
    address: IPv4Address

    @classmethod
    def on_a_port(cls, net: Network, namespace: str, mac: str, number: int) -> "Guest":
        """A host with this number on each network."""
        made = cls(net, namespace, mac, router.ADDRESS.network[number])
        made._run("ip", "iproute2", "link", "set", "eth0", "address", mac)
        for own in (router.ADDRESS.network, ADDRESS.network):
            made._run("ip", "iproute2", "address", "add", f"{own[number]}/{own.prefixlen}", "dev", "eth0")
        return made

    def reaches(self, *others: "Guest") -> set[str]:
        """Who answers it: of bmprov and its services, the tenant's router, and other hosts by their MAC."""
        neighbours = {"bmprov": ADDRESS.ip, "router": router.ADDRESS.ip, **{one.mac: one.address for one in others}}
        tftp = ("timeout", "3", debian.program("busybox", "busybox-static"), "tftp", "-g", "-l", "/dev/null")
        probes = {
            **{name: ("arping", "-f", "-I", "eth0", *_TRIES, str(at)) for name, at in neighbours.items()},
            "TFTP": (*tftp, "-r", "undionly.kpxe", str(ADDRESS.ip)),
        }
        with ThreadPoolExecutor(len(probes) + 2) as pool:
            answered = {name: pool.submit(self._works, "busybox", "busybox-static", *do) for name, do in probes.items()}
            answered["HTTP"] = pool.submit(self._works, "curl", "curl", "--max-time", "3", f"http://{ADDRESS.ip}/")
            leased = pool.submit(self._asks_for_an_address)
        return {name for name, answer in answered.items() if answer.result()} | leased.result()

    def hops(self, vlan: int, inner: int = 0) -> None:
        """Ask for bmprov with a frame that has the tag of a VLAN, and another tag within it."""
        tags = b"".join(_TAGGED + tag.to_bytes(2, "big") for tag in (vlan, inner) if tag)
        own, sought = bytes.fromhex(self.mac.replace(":", "")), ADDRESS.ip.packed
        asks = _WHO_HAS + own + self.address.packed + bytes(6) + sought
        with self.net.inside(self.namespace), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
            sender.bind(("eth0", 0))
            sender.send(_EVERYBODY + own + tags + _ARP + asks)

    def _asks_for_an_address(self) -> set[str]:
        """The server that gives one, as `DHCP of 10.77.0.1`."""
        asks = ("udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", "3", "-T", "1", "-s", "/bin/true", *_FIRMWARE)
        told = self._run("busybox", "busybox-static", *asks).stderr
        return {f"DHCP of {told.partition(' obtained from ')[2].partition(',')[0]}"} if "obtained" in told else set()

    def _works(self, program: str, package: str, *arguments: str) -> bool:
        return self._run(program, package, *arguments).returncode == 0

    def _run(self, program: str, package: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        inside = [debian.program("ip", "iproute2"), "netns", "exec", self.namespace]
        command = [*inside, debian.program(program, package), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
