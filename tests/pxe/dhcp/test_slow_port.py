"""Switch ports that take long to forward; a bridge that really speaks STP, with busybox udhcpc behind it."""

import os
import subprocess
import sys
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bmprov.model import StepRun
from pxe.dhcp.client import Client
from pxe.dhcp.notes import Notes
from pxe.dhcp.packet import MessageType, Option, Packet, parse
from pxe.dhcp.policy import Answer, Idle, Ignored, Wanted
from pxe.dhcp.slow_port import REMEDY, SlowPort, SlowPorts, asked_in_vain_s
from tests import debian
from tests.pxe.provisioning import Clock, Site

ROOT = Path(__file__).parents[3]
SAMPLES = Path(__file__).parents[1] / "samples"
MAC = "52:54:00:00:01:00"
UEFI = {Option.CLIENT_ARCH: b"\0\7"}
IPXE = UEFI | {Option.USER_CLASS: b"iPXE"}
WANTED = Wanted("rack1-01", "op", "http://10.1.0.1/TOKEN")


def asked(secs: int, options: dict[int, bytes] | None = None, kind: MessageType = MessageType.DISCOVER) -> Packet:
    return Packet(1, 1, MAC, (options or UEFI) | {Option.MESSAGE_TYPE: bytes([kind])}, secs=secs)


@pytest.mark.parametrize(
    ("packet", "lost_s"),
    [
        (asked(0), 0),
        (asked(28), 28),
        (asked(28 << 8), 28),
        (asked(1 << 2, IPXE), 0),
        (asked(3 << 2, IPXE), 3),
        (asked(4 << 2, IPXE), 7),
        (asked(5 << 2, IPXE), 15),
        (asked(4 << 2 | 2, IPXE), 0),
        (asked(60 << 2, IPXE), 0),
        (asked(0, IPXE), 0),
        (asked(28, kind=MessageType.REQUEST), 0),
    ],
)
def test_clients_say_how_long_they_have_asked(packet: Packet, lost_s: float) -> None:
    """In seconds, some with the bytes swapped; iPXE counts its packets there, and says whether it has an offer."""
    assert asked_in_vain_s(packet) == lost_s


@pytest.mark.parametrize("name", ["ipxe-snponly", "ipxe-undionly", "ovmf-pxe", "seabios-ipxe-rom", "udhcpc"])
def test_no_recorded_boot_says_that_anything_was_lost(name: str) -> None:
    """Those were of machines whose ports forward at once; iPXE's `secs` are 4 then."""
    lines = [line.split() for line in (SAMPLES / f"{name}.txt").read_text().splitlines() if not line.startswith("#")]
    packets = [parse(bytes.fromhex(line[1])) for line in lines if line[:1] == ["discover"]]
    assert [asked_in_vain_s(packet) for packet in packets] == [0]


class Port:
    """A server that has listened for a while, and what it was told of."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.seen: list[SlowPort] = []
        self.slow = SlowPorts(self.seen.append, self.clock)
        self.clock.now += 1000

    def hear(self, packet: Packet, told: Answer | Ignored | None = None) -> None:
        reply = Packet(2, 1, MAC, {Option.MESSAGE_TYPE: bytes([MessageType.OFFER])})
        self.slow.saw(packet, told or Answer(reply, WANTED))


@pytest.fixture
def port() -> Port:
    return Port()


def test_a_slow_port_is_told_of_once_an_operation(port: Port) -> None:
    """With how long it took and what helps; the next loader's loss is no news."""
    with capture_logs() as logs:
        port.hear(asked(28))
        port.clock.now += 30
        port.hear(asked(4 << 2, IPXE))
    assert port.seen == [SlowPort(WANTED, MAC, Client.UEFI_X64, 28, REMEDY)]
    assert [(one["log_level"], one["event"], one["lost_s"]) for one in logs] == [
        ("warning", "the switch port forwards late", 28)
    ]


def test_a_relay_may_have_waited(port: Port) -> None:
    """Some pass on only what has been asked for a while (RFC 1542, 4.1.1)."""
    port.hear(replace(asked(28), giaddr=IPv4Address("10.2.0.1")))
    assert port.seen[0].remedy.endswith("; or the relay waits by itself: set its minimum of seconds to 0")


@pytest.mark.parametrize(
    ("packet", "told"),
    [
        (asked(4), None),
        (asked(3 << 2, IPXE), None),
        (asked(40_001), None),
        (asked(28), Ignored("no address is left", WANTED)),
        (asked(28), Answer(Packet(2, 1, MAC, {}), Idle("rack1-01"))),
    ],
)
def test_what_is_no_evidence_is_not_told(port: Port, packet: Packet, told: Answer | Ignored | None) -> None:
    """One lost request, a clock of another kind, a machine that is not answered or that nothing is done to."""
    port.hear(packet, told)
    assert port.seen == []


def test_a_machine_that_was_heard_meanwhile_has_lost_nothing(port: Port) -> None:
    """It asked before an operation wanted it, or our answer did not reach it."""
    port.hear(asked(0), Ignored("nobody wants it", Idle("rack1-01")))
    port.clock.now += 28
    port.hear(asked(28))
    assert port.seen == []


def test_a_server_that_has_just_started_blames_nobody() -> None:
    """It was not there to hear the first requests."""
    port = Port()
    young = SlowPorts(port.seen.append, port.clock)
    port.clock.now += 20
    young.saw(asked(28), Answer(Packet(2, 1, MAC, {}), WANTED))
    assert port.seen == []


def test_it_stands_in_the_timeline(site: Site) -> None:
    """Of an operation that has not ended, with the time since power-on."""
    operation = site.deploy(1)
    seen = SlowPort(replace(WANTED, operation_id=operation.id), MAC, Client.BIOS, 31, REMEDY)
    with site.store.write() as transaction:
        at = transaction.now - 75
        transaction.operations.record(operation, StepRun("power cycle", 2, at, at, "done"))
    Notes(site.store).slow_port(seen)
    with site.store.read() as transaction:
        last = transaction.operations.steps_of(operation.id)[-1]
    assert (last.step, last.outcome, last.ended_at - last.started_at) == ("switch port", "note", 31)
    assert last.detail == (
        "the port took 31 s to forward: bios had asked DHCP for so long when its first request arrived"
        f" ({MAC}, 75 s after power-on); {REMEDY}"
    )
    site.cancel(operation)
    Notes(site.store).slow_port(seen)
    with site.store.read() as transaction:
        assert len(transaction.operations.steps_of(operation.id)) == 4


SERVER = """
import threading
from ipaddress import IPv4Address, IPv4Network
from pxe.dhcp.policy import Policy, Wanted
from pxe.dhcp.server import DhcpServer
from pxe.dhcp.slow_port import SlowPorts
from pxe.dhcp.terms import Terms

class Site:
    def lookup(self, mac): return Wanted("m", "op", "http://x/y")
    def offer(self, mac, operation_id, network): return network[10]
    def confirm(self, mac, address, operation_id): pass

slow = SlowPorts(lambda seen: print("slow", seen.client, seen.lost_s, flush=True))
slow._since -= 100
terms = Terms(IPv4Address("10.9.0.1"), IPv4Network("10.9.0.0/24"), "http://10.9.0.1")
DhcpServer(Policy(terms, Site(), Site()), "0.0.0.0", interface="veth0", witnesses=[slow]).run(threading.Event())
"""

SCRIPT = """
set -e
ip link set lo up
ip link add switch type bridge stp_state 1 forward_delay {delay} hello_time 100 max_age 600
for host in 0 1; do ip link add veth$host type veth peer name port$host; ip link set port$host master switch up; done
ip addr add 10.9.0.1/24 dev veth0
ip link set switch up
ip link set veth0 up
{python} {server} >{log} 2>&1 & running=$!
trap 'kill $running; wait; cat {log}' EXIT
until grep -q "DHCP server ready" {log}; do sleep 0.05; done
ip link set veth1 up
busybox udhcpc -i veth1 -n -q -f -t 20 -T 2 -s /bin/true
"""


@pytest.mark.parametrize(("delay", "is_slow"), [(500, True), (200, False)])
def test_a_bridge_with_stp_is_found_out(tmp_path: Path, delay: int, is_slow: bool) -> None:  # noqa: FBT001
    """It listens and learns for twice its delay (in hundredths) before it forwards: 10 s are told of, 4 s are not."""
    debian.program("ip", "iproute2")
    debian.program("busybox", "busybox-static")
    server = tmp_path / "server.py"
    server.write_text(SERVER)
    words = {"delay": delay, "python": sys.executable, "server": server, "log": tmp_path / "log"}
    done = subprocess.run(
        [*debian.own_network(), "sh", "-c", SCRIPT.format(**words)],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert "answer=ACK" in done.stdout, done.stdout + done.stderr
    told = [line.split() for line in done.stdout.splitlines() if line.startswith("slow")]
    assert len(told) == is_slow, done.stdout
    if is_slow:
        assert told[0][1] == "system"
        assert 8 <= float(told[0][2]) <= 13
