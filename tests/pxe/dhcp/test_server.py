"""The DHCP server and what nobody here wrote, in a network namespace of their own: busybox udhcpc, and dnsmasq."""

import os
import subprocess
import sys
from pathlib import Path

from tests import debian

ROOT = Path(__file__).parents[3]

SERVER = """
import os, threading, time
from ipaddress import IPv4Address, IPv4Network
from pxe.dhcp.policy import Policy, Wanted
from pxe.dhcp.terms import Terms
from pxe.dhcp.server import DhcpServer

class Site:
    def lookup(self, mac):
        return Wanted("m", "op", "http://x/y") if mac == "52:54:00:00:00:01" else "no machine has this MAC"
    def offer(self, mac, operation_id, network):
        time.sleep(float(os.environ["OFFER_S"]))
        return IPv4Address("10.9.0.10")
    def confirm(self, mac, address, operation_id): print("confirmed", mac, address, flush=True)
    def release(self, mac): print("released", mac, flush=True)
    def decline(self, mac, address): pass

terms = Terms(IPv4Address("10.9.0.1"), IPv4Network("10.9.0.0/24"), "http://10.9.0.1", dns=(IPv4Address("10.9.0.1"),))
DhcpServer(Policy(terms, Site(), Site()), "0.0.0.0", interface="veth0").run(threading.Event())
"""

SCRIPT = """
set -e
ip link set lo up
ip link add switch type bridge
for host in 0 1 2; do
    ip link add veth$host type veth peer name port$host
    ip link set port$host master switch up
done
ip link set veth1 address {mac}
ip addr add 10.9.0.1/24 dev veth0
ip addr add 10.9.0.2/24 dev veth2
ip link set switch up
for host in 0 1 2; do ip link set veth$host up; done
{python} {server} >{log} 2>&1 &
running=$!
{other} &
trap 'kill $running $! 2>&1 || true; wait; cat {log}' EXIT
until grep -q "DHCP server ready" {log}; do sleep 0.05; done
busybox udhcpc -i veth1 -n -q -f -t {tries} -T 1 -s {event} || echo "udhcpc failed"
sleep {settle_s}
"""

EVENT = """#!/bin/sh
echo "event $1 ip=$ip mask=$subnet dns=$dns lease=$lease server=$serverid"
"""


OTHER = """{dnsmasq} --keep-in-foreground --conf-file=/dev/null --port=0 --user=root --interface=veth2 --bind-interfaces
 --no-ping --dhcp-range=10.9.0.20,10.9.0.30 --dhcp-leasefile={leases} --pid-file= --dhcp-authoritative"""


def run(tmp_path: Path, mac: str, tries: int = 20, other: str = "true", offer_s: float = 0) -> str:
    """What server and client say; `other` is another server's command, `offer_s` how long ours takes for an offer."""
    debian.program("ip", "iproute2")
    debian.program("busybox", "busybox-static")
    server, event = tmp_path / "server.py", tmp_path / "event.sh"
    server.write_text(SERVER)
    event.write_text(EVENT)
    event.chmod(0o755)
    names = {"mac": mac, "tries": tries, "python": sys.executable, "server": server, "event": event, "other": other}
    script = SCRIPT.format(**names, log=tmp_path / "server.log", settle_s=0.3 + 3 * offer_s)
    own = debian.own_network()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OFFER_S": str(offer_s)}
    done = subprocess.run(
        [*own, "sh", "-c", script], capture_output=True, text=True, timeout=60, env=environment, check=False
    )
    return done.stdout + done.stderr


def test_udhcpc_gets_its_lease(tmp_path: Path) -> None:
    """Discover, offer, request and acknowledgement by broadcast on a real interface."""
    said = run(tmp_path, "52:54:00:00:00:01")
    assert "event bound ip=10.9.0.10 mask=255.255.255.0 dns=10.9.0.1 lease=600 server=10.9.0.1" in said, said
    assert "confirmed 52:54:00:00:00:01 10.9.0.10" in said


def test_a_stranger_gets_nothing(tmp_path: Path) -> None:
    """A machine that nobody wants booted is not answered at all."""
    said = run(tmp_path, "52:54:00:00:00:99", tries=4)
    assert "event bound" not in said
    assert "udhcpc failed" in said
    assert "no machine has this MAC" in said


def test_a_machine_that_another_server_has_caught_is_told_of(tmp_path: Path) -> None:
    """Another server was faster with its offer: a warning says whose address the machine took."""
    dnsmasq = debian.program("dnsmasq", "dnsmasq-base")
    other = OTHER.format(dnsmasq=dnsmasq, leases=tmp_path / "leases").replace("\n", "")
    said = run(tmp_path, "52:54:00:00:00:01", other=other, offer_s=0.3)
    assert "server=10.9.0.2" in said, said
    assert "confirmed" not in said
    assert "warning" in said
    assert "server 10.9.0.2 was chosen, another DHCP server on this network" in said
