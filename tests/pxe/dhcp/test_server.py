"""The DHCP server and a client that nobody here wrote: busybox udhcpc, in a network namespace of its own."""

import os
import subprocess
import sys
from pathlib import Path

from tests import debian

ROOT = Path(__file__).parents[3]

SERVER = """
import threading
from ipaddress import IPv4Address, IPv4Network
from pxe.dhcp.policy import Policy, Terms, Wanted
from pxe.dhcp.server import DhcpServer

class Site:
    def lookup(self, mac):
        return Wanted("m", "op", "http://x/y") if mac == "52:54:00:00:00:01" else "no machine has this MAC"
    def offer(self, mac, operation_id): return IPv4Address("10.9.0.10")
    def confirm(self, mac, address, operation_id): print("confirmed", mac, address, flush=True)
    def release(self, mac): print("released", mac, flush=True)
    def decline(self, mac, address): pass

terms = Terms(IPv4Address("10.9.0.1"), IPv4Network("10.9.0.0/24"), "http://10.9.0.1", dns=(IPv4Address("10.9.0.1"),))
DhcpServer(Policy(terms, Site(), Site()), "0.0.0.0", interface="veth0").run(threading.Event())
"""

SCRIPT = """
set -e
ip link set lo up
ip link add veth0 type veth peer name veth1
ip link set veth1 address {mac}
ip addr add 10.9.0.1/24 dev veth0
ip link set veth0 up
ip link set veth1 up
{python} {server} &
server=$!
trap 'kill $server' EXIT
busybox udhcpc -i veth1 -n -q -f -t {tries} -T 1 -s {event} || echo "udhcpc failed"
sleep 0.3
"""

EVENT = """#!/bin/sh
echo "event $1 ip=$ip mask=$subnet dns=$dns lease=$lease server=$serverid"
"""


def run(tmp_path: Path, mac: str, tries: int = 20) -> str:
    debian.program("ip", "iproute2")
    debian.program("busybox", "busybox-static")
    server, event = tmp_path / "server.py", tmp_path / "event.sh"
    server.write_text(SERVER)
    event.write_text(EVENT)
    event.chmod(0o755)
    script = SCRIPT.format(mac=mac, tries=tries, python=sys.executable, server=server, event=event)
    own = debian.own_network()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
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
