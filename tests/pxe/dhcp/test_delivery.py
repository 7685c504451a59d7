"""The DHCP server over real UDP on loopback, behind a relay that tells its source port (RFC 8357)."""

import socket
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from structlog.testing import capture_logs

from bmprov.errors import Retryable
from pxe.datagram import bind
from pxe.dhcp.packet import BadPacket, MessageType, Option, parse, serialise
from pxe.dhcp.policy import Policy, Wanted
from pxe.dhcp.server import DhcpServer
from pxe.dhcp.terms import Terms
from tests.pxe.dhcp.asking import Relay, asked

SERVER = IPv4Address("127.0.0.1")
LOADERS = frozenset({"snponly.efi"})
TERMS = Terms(SERVER, IPv4Network("127.0.0.0/8"), "http://127.0.0.1:8080", loaders=LOADERS)
URL = "http://127.0.0.1:8080/boot/v1/a-secret/script.ipxe"


@dataclass
class Site:
    """Wants every machine but 99, and fails in each way for the ones named so."""

    confirmed: list[tuple[str, IPv4Address]] = field(default_factory=list)

    def lookup(self, mac: str) -> Wanted | str:
        if mac.endswith("99"):
            return "no machine has this MAC"
        if mac.endswith("aa"):
            raise Retryable("the database is restarting")
        if mac.endswith("bb"):
            raise RuntimeError("a fault that nobody foresaw")
        return Wanted("rack1-07", "op-1", URL)

    def offer(self, mac: str, operation_id: str, network: IPv4Network) -> IPv4Address | None:
        assert network == TERMS.network
        assert operation_id == "op-1"
        return IPv4Address(f"127.66.0.{int(mac[-2:], 16)}")

    def confirm(self, mac: str, address: IPv4Address, operation_id: str) -> None:
        assert operation_id == "op-1"
        self.confirmed.append((mac, address))

    def release(self, mac: str) -> None:
        raise AssertionError(mac)

    def decline(self, mac: str, address: IPv4Address) -> None:
        raise AssertionError(mac, address)


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture(params=[False])
def proxy(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def ports(site: Site, *, proxy: bool) -> Iterator[tuple[int, int]]:
    """A running server's ports: DHCP's, and the proxy's."""
    server = DhcpServer(Policy(replace(TERMS, proxy=proxy), site, site), "", 0)
    stopping = threading.Event()
    with bind("127.0.0.1", 0) as bound, bind("127.0.0.1", 0) as second:
        thread = threading.Thread(target=server.serve, args=(bound, stopping, second))
        thread.start()
        yield bound.getsockname()[1], second.getsockname()[1]
        stopping.set()
        thread.join(5)
        assert not thread.is_alive()


@pytest.fixture
def relay(ports: tuple[int, int]) -> Iterator[Relay]:
    built = Relay(ports[0])
    with built.socket:
        yield built


def test_a_machine_behind_a_relay_gets_its_lease(relay: Relay, site: Site) -> None:
    """Offer and acknowledgement come to the relay's own port, with its option unchanged."""
    offer = relay.ask(asked(MessageType.DISCOVER))
    assert (offer.kind, offer.giaddr) == (MessageType.OFFER, relay.giaddr)
    assert offer.options[Option.RELAY_AGENT] == b"\1\2ab\x13\2\0\0"
    chosen = {Option.SERVER_ID: SERVER.packed, Option.REQUESTED_ADDRESS: offer.yiaddr.packed}
    given = relay.ask(asked(MessageType.REQUEST, more=chosen))
    assert (given.kind, given.yiaddr) == (MessageType.ACK, IPv4Address("127.66.0.1"))
    assert site.confirmed == [("52:54:00:00:00:01", IPv4Address("127.66.0.1"))]


def test_a_storm_of_doubles_is_answered_alike(relay: Relay) -> None:
    """Thirty machines, each heard three times in a jumble: each is answered at least once, always the same."""
    for number in [*range(30), *range(29, -1, -1), *range(30)]:
        relay.pass_on(asked(MessageType.DISCOVER, number))
    relay.pass_on(asked(MessageType.DISCOVER, 0x42))
    heard = []
    while not heard or heard[-1].mac != "52:54:00:00:00:42":
        heard.append(relay.hear())
    assert 31 <= len(heard) <= 91
    assert len({(reply.mac, reply.yiaddr) for reply in heard}) == 31
    assert all(reply.kind is MessageType.OFFER for reply in heard)


@pytest.mark.parametrize("fault", [Retryable("the database is restarting"), RuntimeError("nobody foresaw this")])
def test_a_crowd_that_cannot_be_looked_up_asks_again(site: Site, fault: Exception) -> None:
    """The database is away for a moment, or worse: who asked meanwhile is not answered, whoever asks next is."""
    looked_up: list[set[str]] = []

    def expect(macs: Collection[str]) -> None:
        looked_up.append(set(macs))
        if len(looked_up) == 1:
            raise fault

    server, stopping = DhcpServer(Policy(TERMS, site, site), "", 0, expect=expect), threading.Event()
    with bind("127.0.0.1", 0) as bound:
        thread = threading.Thread(target=server.serve, args=(bound, stopping))
        relay = Relay(bound.getsockname()[1])
        with relay.socket:
            relay.pass_on(asked(MessageType.DISCOVER, 1))
            thread.start()
            while not looked_up:
                stopping.wait(0.01)
            relay.only_the_next_is_answered()
            stopping.set()
            thread.join(5)
    assert looked_up == [{"52:54:00:00:00:01"}, {"52:54:00:00:00:42"}]


@pytest.mark.parametrize("garbage", [b"", b"\1", b"\xff" * 2000, bytes(300)])
def test_garbage_does_not_end_the_service(relay: Relay, garbage: bytes) -> None:
    """The next machine is served."""
    with pytest.raises(BadPacket):
        parse(garbage)
    relay.socket.sendto(garbage, relay.server)
    relay.only_the_next_is_answered()


@pytest.mark.parametrize("number", [0xAA, 0xBB])
def test_a_fault_costs_one_answer(relay: Relay, number: int) -> None:
    """A database that is away, or a fault that nobody foresaw: that machine asks again, the others notice nothing."""
    relay.pass_on(asked(MessageType.DISCOVER, number))
    relay.only_the_next_is_answered()


def test_a_reply_that_the_network_refuses_does_not_end_the_service(relay: Relay) -> None:
    """Such as one to a forged address that no packet can be sent to."""
    relay.socket.sendto(
        serialise(replace(asked(MessageType.INFORM), ciaddr=IPv4Address("255.255.255.255"))), relay.server
    )
    relay.socket.sendto(serialise(replace(asked(MessageType.INFORM), ciaddr=IPv4Address("240.0.0.1"))), relay.server)
    relay.only_the_next_is_answered()


def test_the_log_names_machine_and_operation_and_no_secret(relay: Relay) -> None:
    """One event for each request; the script's URL carries the token, so it is never logged."""
    ipxe = {Option.USER_CLASS: b"iPXE"}
    with capture_logs() as logs:
        relay.ask(asked(MessageType.DISCOVER, more=ipxe))
        relay.pass_on(asked(MessageType.DISCOVER, 0x99))
        relay.only_the_next_is_answered()  # and when it is, those before are logged
    first, second = [told for told in logs if "mac" in told][:2]
    assert first == {
        "event": "DHCP",
        "log_level": "info",
        "mac": "52:54:00:00:00:01",
        "message": "DISCOVER",
        "machine": "rack1-07",
        "operation": "op-1",
        "client": "ipxe",
        "answer": "OFFER",
        "address": "127.66.0.1",
    }
    assert (second["event"], second["why"]) == ("DHCP ignored", "no machine has this MAC")


@pytest.mark.parametrize("proxy", [True], indirect=True)
def test_the_proxys_port_answers_where_it_was_asked_from(ports: tuple[int, int]) -> None:
    """A ROM asks port 4011 from a port of its own choice (PXE 2.1)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rom:
        rom.settimeout(10)
        request = replace(asked(MessageType.REQUEST), ciaddr=IPv4Address("127.0.0.7"))
        rom.sendto(serialise(request), ("127.0.0.1", ports[1]))
        told = parse(rom.recv(4096))
    assert (told.kind, told.yiaddr, told.file) == (MessageType.ACK, IPv4Address(0), b"snponly.efi")


def test_a_port_that_is_taken_is_told() -> None:
    """At once, as an error, and not later as silence."""
    with bind("127.0.0.1", 0) as bound:
        server = DhcpServer(Policy(TERMS, Site(), Site()), "127.0.0.1", bound.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            server.run(threading.Event())
