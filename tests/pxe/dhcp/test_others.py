"""Other DHCP servers on the provisioning network: told of in the log and as an event; dnsmasq as the other."""

import os
import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pxe.dhcp.others import Others, Overheard
from pxe.dhcp.overhear import overheard
from pxe.dhcp.packet import MessageType, Option, Packet, serialise
from pxe.dhcp.policy import Idle, Ignored
from tests import debian
from tests.pxe.provisioning import Site

ROOT = Path(__file__).parents[3]
CLIENT, MAC = "52:54:00:00:01:00", "52:54:00:aa:bb:cc"
OTHER, SIBLING, OURS = "10.1.0.9", "10.1.0.2", "10.1.0.1"


@pytest.fixture
def others(site: Site) -> Others:
    return Others(lambda: frozenset({OURS, SIBLING}), site.store, site.clock)


def answer(kind: MessageType, server: str | None = OTHER, address: str = "10.1.0.77", sender: str = OTHER) -> Overheard:
    options = {Option.MESSAGE_TYPE: bytes([kind])} | ({Option.SERVER_ID: IPv4Address(server).packed} if server else {})
    return Overheard(serialise(Packet(2, 1, CLIENT, options, yiaddr=IPv4Address(address))), sender, MAC)


def events(site: Site) -> list[tuple[str, str, str]]:
    with site.store.read() as transaction:
        return [(told.what, told.origin, told.detail) for told in transaction.events.newest()]


def test_another_server_is_told_of_once_an_hour(site: Site, others: Others) -> None:
    """With its address and its MAC, and what it does, however many it answers."""
    with capture_logs() as logs:
        for kind in (MessageType.OFFER, MessageType.ACK, MessageType.OFFER):
            others.overheard(answer(kind))
    assert [(one["log_level"], one["server"], one["mac"], one["client"]) for one in logs] == [
        ("warning", OTHER, MAC, CLIENT)
    ]
    ((what, origin, detail),) = events(site)
    assert (what, origin) == ("another DHCP server", OTHER)
    assert detail.startswith(f"DHCP server {OTHER} (MAC {MAC}) gives addresses such as 10.1.0.77, seen from {OTHER}; ")
    site.clock.now += 3601
    others.overheard(answer(MessageType.OFFER))
    assert len(events(site)) == 2


def test_a_proxy_is_one_too(site: Site, others: Others) -> None:
    """It gives no address, and would tell our machines what to boot; some name themselves in the frame alone."""
    others.overheard(answer(MessageType.OFFER, None, "0.0.0.0"))
    assert "tells what to boot, seen from 10.1.0.9" in events(site)[0][2]


@pytest.mark.parametrize(
    "frame",
    [
        answer(MessageType.OFFER, SIBLING, sender=SIBLING),
        answer(MessageType.OFFER, OURS, sender=OURS),
        answer(MessageType.OFFER, OURS, sender="10.1.0.254"),
        answer(MessageType.DISCOVER),
        answer(MessageType.NAK),
        Overheard(b"garbage", OTHER, MAC),
        Overheard(b"", OTHER, MAC),
    ],
)
def test_ours_and_what_is_no_answer_are_not_told_of(site: Site, others: Others, frame: Overheard) -> None:
    """This server, its siblings, an answer of ours that a relay passes on, questions, garbage."""
    with capture_logs() as logs:
        others.overheard(frame)
    assert (logs, events(site)) == ([], [])


@pytest.mark.parametrize("server", [OTHER, SIBLING, OURS])
def test_a_client_that_chose_another_server_tells_of_it(site: Site, others: Others, server: str) -> None:
    """Where frames cannot be overheard, this is what is left; the choice of a sibling is none of another."""
    options = {Option.MESSAGE_TYPE: b"\3", Option.SERVER_ID: IPv4Address(server).packed}
    for mac, told in ((CLIENT, Ignored("why", Idle("rack1-01"))), ("52:54:00:00:09:09", Ignored("a stranger"))):
        others.saw(Packet(1, 1, mac, options), told)
    expected = [f"DHCP server {OTHER} (MAC not seen) was chosen by rack1-01; "] if server == OTHER else []
    assert [detail.partition("switch")[0] for _, _, detail in events(site)] == expected


@pytest.mark.parametrize("data", [b"", b"\x45", b"\x4f" + bytes(40), bytes(7)])
def test_a_frame_that_is_cut_off_is_nothing(data: bytes) -> None:
    """The kernel hands on whatever has passed the filter."""
    assert overheard(data, bytes(6)) is None


PROGRAM = """
import sys, threading
from pxe.dhcp import overhear
from pxe.dhcp.packet import parse
def heard(frame):
    packet = parse(frame.payload)
    print("overheard", packet.kind.name, frame.sender, frame.mac, packet.mac, packet.yiaddr, flush=True)
overhear.run("veth0", heard, threading.Event())
"""

SCRIPT = """
set -e
ip link set lo up
ip link add switch type bridge
for host in 0 1 2; do
    ip link add veth$host type veth peer name port$host
    ip link set port$host master switch up
done
ip link set veth1 address {client}
ip link set veth2 address {mac}
ip addr add 10.1.0.1/24 dev veth0
ip addr add 10.1.0.9/24 dev veth2
ip link set switch up
for host in 0 1 2; do ip link set veth$host up; done
{python} {program} >{log} 2>&1 & listening=$!
{dnsmasq} --keep-in-foreground --conf-file=/dev/null --port=0 --user=root --interface=veth2 --bind-interfaces \
    --no-ping --dhcp-range=10.1.0.77,10.1.0.77 --dhcp-leasefile={leases} --pid-file= --dhcp-authoritative \
    >{log}.dnsmasq 2>&1 & serving=$!
trap 'kill $listening $serving 2>&1 || true; wait; cat {log}' EXIT
until grep -q "are listened for" {log}; do sleep 0.05; done
echo "not DHCP" | busybox nc -u -w 1 10.1.0.9 68 || true
busybox udhcpc -i veth1 -B -n -q -f -t 20 -T 1 -s /bin/true
sleep 0.3
"""


def test_dnsmasq_is_overheard(tmp_path: Path) -> None:
    """Its broadcasts to others, with its MAC, on a card on which nobody has port 68."""
    for name, package in (("ip", "iproute2"), ("busybox", "busybox-static")):
        debian.program(name, package)
    program = tmp_path / "overhear.py"
    program.write_text(PROGRAM)
    words = {"client": CLIENT, "mac": MAC, "python": sys.executable, "program": program, "log": tmp_path / "log"}
    dnsmasq = debian.program("dnsmasq", "dnsmasq-base")
    script = SCRIPT.format(**words, dnsmasq=dnsmasq, leases=tmp_path / "leases")
    command = [*debian.own_network(), "sh", "-c", script]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    said = [line for line in done.stdout.splitlines() if line.startswith("overheard")]
    about = f"10.1.0.9 {MAC} {CLIENT} 10.1.0.77"
    assert said == [f"overheard OFFER {about}", f"overheard ACK {about}"], done.stdout + done.stderr
