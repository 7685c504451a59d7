"""DHCP behind relays: several networks, and what relays say of the ports; busybox udhcpc behind ISC's dhcrelay."""

import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from sqlalchemy import text

from bmprov.cabling import RelaySighting
from bmprov.subnet import Subnet
from pxe.dhcp.others import Others
from pxe.dhcp.packet import MessageType, Option, Packet
from pxe.dhcp.policy import Answer, Idle, Ignored, Policy, Wanted
from pxe.dhcp.relay import RelayBook
from pxe.dhcp.server import destination
from pxe.dhcp.terms import Terms
from tests import debian
from tests.pxe.provisioning import Site

ROOT = Path(__file__).parents[3]
MAC = "52:54:00:00:01:00"
SERVER = IPv4Address("10.1.0.1")
RACK2 = Subnet(IPv4Network("10.2.0.0/25"), IPv4Address("10.2.0.10"), IPv4Address("10.2.0.20"), "10.2.0.1")
RACK3 = Subnet(IPv4Network("10.3.0.0/16"), IPv4Address("10.3.0.10"), IPv4Address("10.3.0.20"), "10.3.0.1")
TERMS = Terms(SERVER, IPv4Network("10.1.0.0/24"), "http://10.1.0.1:8080", relayed=(RACK2, RACK3))


@dataclass
class Ranges:
    """Wants the machine, and gives the tenth address of each network."""

    confirmed: list[IPv4Address] = field(default_factory=list)

    def lookup(self, mac: str) -> Wanted | Idle | str:
        return Wanted("rack2-01", "op", "http://10.1.0.1:8080/x") if mac == MAC else "no machine has this MAC"

    def offer(self, mac: str, operation_id: str, network: IPv4Network) -> IPv4Address:
        assert (mac, operation_id) == (MAC, "op")
        return network[10]

    def confirm(self, mac: str, address: IPv4Address, operation_id: str) -> None:
        assert (mac, operation_id) == (MAC, "op")
        self.confirmed.append(address)

    def release(self, mac: str) -> None:
        raise AssertionError(mac)

    def decline(self, mac: str, address: IPv4Address) -> None:
        raise AssertionError(mac, address)


def asked(kind: MessageType, giaddr: str = "0.0.0.0", **more: object) -> Packet:
    options = {Option.MESSAGE_TYPE: bytes([kind]), Option.RELAY_AGENT: b"\1\6Gi1/07\2\4\0\4\0\1"}
    return replace(Packet(1, 7, MAC, options), giaddr=IPv4Address(giaddr), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("giaddr", "address", "mask", "router"),
    [
        ("10.2.0.1", "10.2.0.10", "255.255.255.128", "10.2.0.1"),
        ("10.3.255.254", "10.3.0.10", "255.255.0.0", "10.3.0.1"),
        ("10.1.0.254", "10.1.0.10", "255.255.255.0", None),
        ("0.0.0.0", "10.1.0.10", "255.255.255.0", None),
    ],
)
def test_each_network_has_its_own_terms(giaddr: str, address: str, mask: str, router: str | None) -> None:
    """Range, mask and router are the relay's network's; the answer goes to the relay, with its option unchanged."""
    site = Ranges()
    told = Policy(TERMS, site, site).answer(request := asked(MessageType.DISCOVER, giaddr))
    assert isinstance(told, Answer)
    assert str(told.packet.yiaddr) == address
    assert told.packet.options[Option.SUBNET_MASK] == IPv4Address(mask).packed
    assert told.packet.options.get(Option.ROUTER) == (IPv4Address(router).packed if router else None)
    assert told.packet.options[Option.RELAY_AGENT] == request.options[Option.RELAY_AGENT]
    to = destination(request, told.packet, (giaddr, 67))
    assert to == ((giaddr, 67) if giaddr != "0.0.0.0" else ("255.255.255.255", 68))


def test_a_machine_that_renews_asks_without_the_relay() -> None:
    """It is where its address is, and is answered there."""
    site = Ranges()
    policy, request = Policy(TERMS, site, site), asked(MessageType.REQUEST, ciaddr=IPv4Address("10.2.0.10"))
    told = policy.answer(request)
    assert isinstance(told, Answer)
    assert told.packet.kind is MessageType.ACK
    assert destination(request, told.packet, ("10.2.0.10", 68)) == ("10.2.0.10", 68)
    moved = policy.answer(replace(request, ciaddr=IPv4Address("10.3.0.99")))
    assert isinstance(moved, Answer)
    assert moved.packet.kind is MessageType.NAK
    assert site.confirmed == [IPv4Address("10.2.0.10")]


def test_a_relay_that_wants_to_be_the_server_is(site: Site) -> None:
    """RFC 5107: machines send it what is for the server alone, renewals and releases, and no other server is seen."""
    ranges, relay = Ranges(), IPv4Address("10.2.0.1")
    policy, others = Policy(TERMS, ranges, ranges), Others(lambda: frozenset({str(SERVER)}), site.store, site.clock)
    wish = {Option.MESSAGE_TYPE: b"\3", Option.RELAY_AGENT: b"\1\2ab\x0b\4" + relay.packed}
    chosen = {Option.SERVER_ID: relay.packed, Option.REQUESTED_ADDRESS: IPv4Address("10.2.0.10").packed}
    selecting = Packet(1, 7, MAC, wish | chosen, giaddr=relay)
    renewing = Packet(1, 7, MAC, wish, giaddr=relay, ciaddr=IPv4Address("10.2.0.10"))
    for request in (selecting, renewing):
        told = policy.answer(request)
        assert isinstance(told, Answer)
        assert (told.packet.kind, told.packet.siaddr) == (MessageType.ACK, SERVER)
        assert told.packet.options[Option.SERVER_ID] == relay.packed
        assert destination(request, told.packet, ("10.2.0.1", 67)) == ("10.2.0.1", 67)
        others.saw(request, told)
    with site.store.read() as transaction:
        assert list(transaction.events.newest()) == []


def test_nobody_but_a_relay_renames_the_server() -> None:
    """The sub-option of a switch that is no relay would send the machine's requests somewhere else."""
    wish = {Option.RELAY_AGENT: b"\x0b\4\12\1\0\x63", Option.SERVER_ID: bytes([10, 1, 0, 0x63])}
    told = Policy(TERMS, Ranges(), Ranges()).answer(Packet(1, 7, MAC, wish | {Option.MESSAGE_TYPE: b"\3"}))
    assert isinstance(told, Ignored)
    assert "server 10.1.0.99 was chosen" in told.why


def test_a_relay_of_an_unknown_network_is_told_in_the_log() -> None:
    """With the networks that there are."""
    told = Policy(TERMS, Ranges(), Ranges()).answer(asked(MessageType.DISCOVER, "10.2.0.129"))
    assert told == Ignored(
        "relay 10.2.0.129 is in none of the provisioning networks (10.1.0.0/24, 10.2.0.0/25, 10.3.0.0/16)"
    )


def saw(book: RelayBook, request: Packet, told: Answer | Ignored | None = None) -> None:
    book.saw(request, told or Ignored("no operation wants it", Idle("rack1-01")))


def test_what_a_relay_says_of_our_machine_is_kept(site: Site) -> None:
    """As text where it is text; a stranger's is not kept; a later one takes the place of the one before."""
    book = RelayBook(site.store, site.clock)
    saw(book, asked(MessageType.DISCOVER, "10.2.0.1"))
    saw(book, replace(asked(MessageType.DISCOVER, "10.2.0.1"), mac="52:54:00:00:09:00"), Ignored("no machine"))
    first = RelaySighting(MAC, "10.2.0.1", "Gi1/07", "0x00040001", site.clock.now)
    with site.store.read() as transaction:
        assert transaction.sightings.of(MAC) == first
        assert transaction.sightings.of("52:54:00:00:09:00") is None
    site.clock.now += 5
    saw(book, asked(MessageType.DISCOVER))
    with site.store.read() as transaction:
        assert transaction.sightings.of(MAC) == replace(first, relay="", seen_at=site.clock.now)


def test_what_was_said_before_is_not_written_again(site: Site) -> None:
    """A machine asks often, and a write each time would cost a boot storm dearly; within an hour it is as new."""
    book, at = RelayBook(site.store, site.clock), site.clock.now
    for _ in range(3):
        saw(book, asked(MessageType.DISCOVER, "10.2.0.1"))
        site.clock.now += 100
    with site.store.read() as transaction:
        assert transaction.sightings.of(MAC) == RelaySighting(MAC, "10.2.0.1", "Gi1/07", "0x00040001", at)
    site.clock.now += 3600
    saw(book, asked(MessageType.DISCOVER, "10.2.0.1"))
    with site.store.read() as transaction:
        assert (transaction.sightings.of(MAC) or RelaySighting(MAC, "", "", "")).seen_at == site.clock.now


@pytest.mark.parametrize("option", [None, b"", b"\1", b"\1\5Gi", b"\1\0\2\0", b"\5\4\12\2\0\0"])
def test_an_option_that_says_nothing_writes_nothing(site: Site, option: bytes | None) -> None:
    """Cut off, empty, or about other things; the table is gone, so a write would be heard."""
    with site.store.write() as transaction:
        transaction.connection.execute(text("DROP TABLE relay_sightings"))
    options = {Option.MESSAGE_TYPE: b"\1"} | ({Option.RELAY_AGENT: option} if option is not None else {})
    book = RelayBook(site.store, site.clock)
    saw(book, Packet(1, 7, MAC, options, giaddr=IPv4Address("10.2.0.1")))
    assert not book._written


SERVER_PROGRAM = """
import threading
from ipaddress import IPv4Address, IPv4Network
from bmprov.subnet import Subnet
from pxe.dhcp.policy import Policy, Wanted
from pxe.dhcp.relay import sighting
from pxe.dhcp.server import DhcpServer
from pxe.dhcp.terms import Terms

class Site:
    def lookup(self, mac): return Wanted("m", "op", "http://x/y")
    def offer(self, mac, operation_id, network): return network[10]
    def confirm(self, mac, address, operation_id): print("confirmed", mac, address, flush=True)
    def saw(self, asked, told): print("option 82 says", sighting(asked), flush=True)
    def tick(self): pass

rack = Subnet(IPv4Network("10.8.0.0/25"), IPv4Address("10.8.0.10"), IPv4Address("10.8.0.20"), "10.8.0.1")
terms = Terms(IPv4Address("10.9.0.1"), IPv4Network("10.9.0.0/24"), "http://10.9.0.1", relayed=({networks}))
DhcpServer(Policy(terms, Site(), Site()), "0.0.0.0", witnesses=(Site(),)).run(threading.Event())
"""

SCRIPT = """
set -e
unshare --net sleep 60 & relay=$!
unshare --net sleep 60 & rack=$!
in_relay() {{ nsenter --net=/proc/$relay/ns/net "$@"; }}
in_rack() {{ nsenter --net=/proc/$rack/ns/net "$@"; }}
until [ "$(readlink /proc/$relay/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
until [ "$(readlink /proc/$rack/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
ip link set lo up
ip link add core0 type veth peer name core1
ip link add rack0 type veth peer name rack1
ip link set core1 netns $relay
ip link set rack0 netns $relay
ip link set rack1 netns $rack
ip addr add 10.9.0.1/24 dev core0
ip link set core0 up
ip route add 10.8.0.0/25 via 10.9.0.2
in_relay ip addr add 10.9.0.2/24 dev core1
in_relay ip addr add 10.8.0.1/25 dev rack0
in_relay ip link set core1 up
in_relay ip link set rack0 up
in_rack ip link set rack1 address {mac}
in_rack ip link set rack1 up
{python} {server} >{log} 2>&1 & serving=$!
in_relay {dhcrelay} -4 -d -q -a -iu core1 -id rack0 -pf /dev/null 10.9.0.1 >{log}.relay 2>&1 & relaying=$!
trap 'kill $serving $relaying $relay $rack 2>&1 || true; wait; cat {log} {log}.relay' EXIT
until grep -q "DHCP server ready" {log}; do sleep 0.05; done
in_rack busybox udhcpc -i rack1 -n -q -f -t {tries} -T 1 -s {event} || echo "udhcpc failed"
"""

EVENT = """#!/bin/sh
echo "event $1 ip=$ip mask=$subnet router=$router server=$serverid"
"""


def behind_dhcrelay(tmp_path: Path, networks: str, tries: int) -> str:
    """What server, relay and client say."""
    for name, package in (("ip", "iproute2"), ("busybox", "busybox-static"), ("nsenter", "util-linux")):
        debian.program(name, package)
    server, event = tmp_path / "server.py", tmp_path / "event.sh"
    server.write_text(SERVER_PROGRAM.replace("{networks}", networks))
    event.write_text(EVENT)
    event.chmod(0o755)
    words = {"mac": MAC, "tries": tries, "python": sys.executable, "server": server, "event": event}
    dhcrelay = debian.program("dhcrelay", "isc-dhcp-relay")
    script = SCRIPT.format(**words, dhcrelay=dhcrelay, log=tmp_path / "server.log")
    command = [*debian.own_network(), "sh", "-c", script]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    return done.stdout + done.stderr


def test_udhcpc_behind_dhcrelay_gets_its_network(tmp_path: Path) -> None:
    """The relay fills in giaddr and option 82, which it wants back, and hands the answer to the client."""
    said = behind_dhcrelay(tmp_path, "rack,", 20)
    assert "event bound ip=10.8.0.10 mask=255.255.255.128 router=10.8.0.1 server=10.9.0.1" in said, said
    assert f"confirmed {MAC} 10.8.0.10" in said
    assert f"option 82 says RelaySighting(mac='{MAC}', relay='10.8.0.1', circuit_id='rack0'" in said


def test_udhcpc_behind_a_relay_that_nobody_knows_gets_nothing(tmp_path: Path) -> None:
    """And the log says which relay that is."""
    said = behind_dhcrelay(tmp_path, "", 3)
    assert "udhcpc failed" in said, said
    assert "event bound" not in said
    assert "relay 10.8.0.1 is in none of the provisioning networks (10.9.0.0/24)" in said
