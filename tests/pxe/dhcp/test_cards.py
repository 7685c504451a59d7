"""A server with two network cards and no default route: busybox udhcpc behind each, in a network namespace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import debian

ROOT = Path(__file__).parents[3]

SERVER = """
import threading
from ipaddress import IPv4Address, IPv4Network
from pxe.dhcp.policy import Policy, Wanted
from pxe.dhcp.terms import Terms
from pxe.dhcp.server import DhcpServer

class Site:
    def lookup(self, mac): return Wanted("rack1-07", "op", "http://10.9.0.1/script.ipxe")
    def offer(self, mac, operation_id, network): return IPv4Address("10.9.0.10")
    def confirm(self, mac, address, operation_id): pass

terms = Terms(IPv4Address("10.9.0.1"), IPv4Network("10.9.0.0/24"), "http://10.9.0.1:8080")
DhcpServer(Policy(terms, Site(), Site()), "0.0.0.0").run(threading.Event())
"""

SCRIPT = """
set -e
ip link set lo up
for number in 0 1; do
    ip link add card$number type veth peer name rack$number
    ip addr add 10.$number.0.1/24 dev card$number
    ip link set card$number up
    ip link set rack$number up
done
{python} {server} &
server=$!
trap 'kill $server' EXIT
busybox udhcpc -i rack{number} -n -q -f -t 20 -T 1 -s {event}
"""


@pytest.mark.parametrize("number", [0, 1])
def test_the_answer_goes_out_on_the_card_that_heard_the_question(tmp_path: Path, number: int) -> None:
    """A broadcast has no route: without being told, the kernel would choose one card for all, or refuse.

    Needs no root: `unshare` gives a network of its own.
    """
    debian.program("ip", "iproute2")
    debian.program("busybox", "busybox-static")
    server, event = tmp_path / "server.py", tmp_path / "event.sh"
    server.write_text(SERVER)
    event.write_text('#!/bin/sh\necho "event $1 ip=$ip interface=$interface"\n')
    event.chmod(0o755)
    script = SCRIPT.format(number=number, python=sys.executable, server=server, event=event)
    own = debian.own_network()
    done = subprocess.run(
        [*own, "sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert f"event bound ip=10.9.0.10 interface=rack{number}" in done.stdout, done.stdout + done.stderr
