"""A provisioning network of the lab's own: a network namespace with a bridge, and a tap for each machine.

Nothing in it reaches the host's network. Needs root.
"""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from tests import debian

ADDRESS = IPv4Interface("10.77.0.1/24")
"""Where the services of the lab are."""

BRIDGE = "provisioning"
_CLONE_NEWNET = 0x40000000  # setns(2)
_LLDP = "0x4000"  # the multicast group 01:80:c2:00:00:0e
_DEAF = {"ipv4/conf/{}/arp_ignore": "8", "ipv4/conf/{}/rp_filter": "1", "ipv6/conf/{}/disable_ipv6": "1"}
_OWN = Path("/proc/thread-self/ns/net")


@dataclass(frozen=True)
class Network:
    """The namespace, by its name."""

    name: str

    def tap(self, number: int) -> str:
        """A switch port for a machine; the name of its tap."""
        tap = f"tap{number}"
        self._ip("tuntap", "add", "dev", tap, "mode", "tap")
        self._ip("link", "set", tap, "master", BRIDGE, "up")
        return tap

    def cable(self, number: int) -> tuple[str, str]:
        """A machine's tap that is not plugged in, and the plug that is: `lossy.py` carries the frames between them.

        Both belong to a bridge that is down, so that the kernel itself takes nothing from them. What the bridge sends
        to the plug is cut into Ethernet frames.
        """
        tap, plug, port, own = (f"{what}{number}" for what in ("tap", "plug", "port", "cable"))
        self._ip("link", "add", own, "type", "bridge")
        self._ip("tuntap", "add", "dev", tap, "mode", "tap")
        self._ip("link", "add", port, "type", "veth", "peer", "name", plug)
        for end, bridge in ((tap, own), (plug, own), (port, BRIDGE)):
            self._ip("link", "set", end, "master", bridge, "up")
        self._ip("link", "set", port, "gso_max_segs", "1")
        return tap, plug

    def patch(self, name: str) -> tuple[str, str]:
        """A cable to a port of a switch that is a machine itself: the tap of who is plugged in, and that of the port.

        A bridge of these two alone, which lets LLDP through (IEEE 802.1D keeps it from other bridges). It is in the
        namespace of bmprov's addresses, and the kernel answers for them wherever it is asked unless it is told not to.
        """
        ends, own = (f"{name}-far", f"{name}-near"), f"{name}-cable"
        self._ip("link", "add", own, "type", "bridge", "group_fwd_mask", _LLDP)
        for end in ends:
            self._ip("tuntap", "add", "dev", end, "mode", "tap")
        for interface in (*ends, own):
            self._ip("link", "set", interface, "addrgenmode", "none", "up")
        for end in ends:
            self._ip("link", "set", end, "master", own)
        with self.inside():
            for setting, value in _DEAF.items():
                Path("/proc/sys/net", setting.format(own)).write_text(value)
        return ends

    @contextmanager
    def neighbour(self, name: str, address: IPv4Interface | None, bridge: str = BRIDGE) -> Iterator[str]:
        """Another host on a bridge while the block lasts: the name of its own namespace."""
        with self._namespace(name) as namespace:
            self._ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", namespace)
            self._ip("link", "set", name, "master", bridge, "up")
            try:
                _bring_up(namespace, address)
                yield namespace
            finally:
                self._ip("link", "delete", name)  # the namespace itself lives on while a process of it ends

    @contextmanager
    def taken(self, interface: str, address: IPv4Interface) -> Iterator[str]:
        """Another host with this interface of the network's as its own while the block lasts: its namespace's name."""
        with self._namespace(interface) as namespace:
            self._ip("link", "set", interface, "netns", namespace, "name", "eth0")
            try:
                _bring_up(namespace, address)
                yield namespace
            finally:  # an interface dies with its namespace
                back = ("link", "set", "eth0", "down", "netns", self.name, "name", interface)
                _run(debian.program("ip", "iproute2"), "-netns", namespace, *back)

    @contextmanager
    def _namespace(self, name: str) -> Iterator[str]:
        ip, namespace = debian.program("ip", "iproute2"), f"{self.name}-{name}"
        _run(ip, "netns", "add", namespace)
        try:
            yield namespace
        finally:
            _run(ip, "netns", "delete", namespace)

    @contextmanager
    def inside(self, name: str = "") -> Iterator[None]:
        """This thread, and what it starts, are in the namespace, or a neighbour's, while the block lasts."""
        with _OWN.open() as before, Path("/run/netns", name or self.name).open() as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())

    def _ip(self, *arguments: str) -> None:
        _run(debian.program("ip", "iproute2"), "-netns", self.name, *arguments)


@contextmanager
def network() -> Iterator[Network]:
    """A network that is gone after the block, whatever happens in it."""
    if os.geteuid() != 0:
        debian.missing("a network with taps", "run as root")
    ip, made = debian.program("ip", "iproute2"), Network(f"bmprov-lab-{os.getpid()}")
    _run(ip, "netns", "add", made.name)
    try:
        made._ip("link", "set", "lo", "up")
        made._ip("link", "add", BRIDGE, "type", "bridge")
        made._ip("link", "add", "uplink", "type", "veth", "peer", "name", "switch")
        for end in ("uplink", "switch"):  # so that the bridge has a carrier, and its IPv6 address, before any machine
            made._ip("link", "set", end, "up")
        made._ip("link", "set", "uplink", "master", BRIDGE)
        made._ip("address", "add", str(ADDRESS), "dev", BRIDGE)
        made._ip("link", "set", BRIDGE, "up")
        yield made
    finally:
        _run(ip, "netns", "delete", made.name)


def address(number: int) -> IPv4Address:
    """The host with this number on the network."""
    return ADDRESS.network[number]


def _bring_up(namespace: str, address: IPv4Interface | None) -> None:
    inside = (debian.program("ip", "iproute2"), "-netns", namespace)
    if address:
        _run(*inside, "address", "add", str(address), "dev", "eth0")
    for interface in ("lo", "eth0"):
        _run(*inside, "link", "set", interface, "up")


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
