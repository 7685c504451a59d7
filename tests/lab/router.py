"""CloudStack's virtual router: on the tenant's network it gives each instance the address that CloudStack issued.

A dnsmasq with the settings of CloudStack's own (its template `dnsmasq.conf.tmpl` and `CsDhcp.py`), and an HTTP server
for instances to phone home to, in a network namespace of their own: on a tenant's VLAN, or on the lab's one bridge.
There machines under deployment are not to hear it, so it is started when they are deployed.
"""

import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from pathlib import Path

from tests import debian
from tests.lab.calls import heard
from tests.lab.network import Network

ADDRESS = IPv4Interface("192.0.2.1/24")
"""The tenants' gateway."""

PHONE_HOME_PORT = 8080
_DNSMASQ_S = 10
_OPTIONS = {15: "cs1cloud.internal", 6: ADDRESS.ip, 3: ADDRESS.ip, 1: ADDRESS.netmask}


@dataclass(frozen=True)
class Home:
    """What instances have said when they phoned home, where they can be reached from, and what dnsmasq has to tell."""

    namespace: str
    log: Path
    _calls: list[dict[str, str]] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def called(self, call: dict[str, str]) -> None:
        """An instance has phoned home."""
        with self._changed:
            self._calls.append(call)
            self._changed.notify_all()

    def wait(self, host: str, within_s: float) -> dict[str, str]:
        """The first call of an instance that was not waited for yet: its words, and `address`, where it came from."""
        with self._changed:
            found = self._changed.wait_for(lambda: [one for one in self._calls if one["host"] == host], within_s)
            assert found, f"{host} has not phoned home within {within_s:g} s, only {self._calls}"
            self._calls.remove(found[0])
            return found[0]

    def run(self, *command: str, told: str = "", timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a program on the tenants' network, with `told` as its input."""
        inside = [debian.program("ip", "iproute2"), "netns", "exec", self.namespace, *command]
        return subprocess.run(inside, input=told, capture_output=True, text=True, timeout=timeout_s, check=False)


@contextmanager
def router(network: Network, place: Path, addresses: Mapping[str, str], vlan: int = 0) -> Iterator[Home]:
    """The router while the block lasts; `addresses` are those that CloudStack issued, by MAC. VLAN 0 is the bridge."""
    host = network.taken(f"vlan{vlan}", ADDRESS) if vlan else network.neighbour("router", ADDRESS)
    with host as namespace:
        home, address = Home(namespace, place / f"{namespace}.log"), (str(ADDRESS.ip), PHONE_HOME_PORT)
        with _dnsmasq(home, place, addresses), heard(address, home.called, network.inside(namespace)):
            yield home


@contextmanager
def _dnsmasq(home: Home, place: Path, addresses: Mapping[str, str]) -> Iterator[None]:
    hosts, leases = (place / f"{home.namespace}.{what}" for what in ("hosts", "leases"))
    hosts.write_text("".join(f"{mac},{address},infinite\n" for mac, address in addresses.items()))
    leases.unlink(missing_ok=True)
    command = [
        *(debian.program("ip", "iproute2"), "netns", "exec", home.namespace),
        *(debian.program("dnsmasq", "dnsmasq-base"), "--keep-in-foreground", "--conf-file=/dev/null", "--port=0"),
        *("--user=root", "--pid-file=", f"--dhcp-leasefile={leases}", "--log-dhcp", f"--log-facility={home.log}"),
        *("--except-interface=lo", f"--listen-address={ADDRESS.ip}", f"--dhcp-hostsfile={hosts}"),
        *(f"--dhcp-range=set:interface-eth0-0,{ADDRESS.ip},static", "--dhcp-ignore=tag:!known"),
        *(f"--dhcp-option=tag:interface-eth0-0,{number},{value}" for number, value in _OPTIONS.items()),
    ]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        _wait_until_listening(home)
        yield
    finally:
        process.terminate()
        process.wait()


def _wait_until_listening(home: Home) -> None:
    until = time.monotonic() + _DNSMASQ_S
    while ":67 " not in home.run("ss", "--udp", "--listening", "--numeric").stdout:
        assert time.monotonic() < until, "dnsmasq does not listen"
        time.sleep(0.05)  # nothing tells when it does
