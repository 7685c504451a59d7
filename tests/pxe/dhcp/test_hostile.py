"""The DHCP server with a real store, asked by what is broken, forged, or too many."""

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bmprov.model import NOTE, Operation
from bmprov.subnet import Subnet
from pxe.datagram import bind
from pxe.dhcp.notes import Notes
from pxe.dhcp.packet import MessageType, Option, Packet, serialise
from pxe.dhcp.policy import Policy
from pxe.dhcp.refusals import Refusals
from pxe.dhcp.server import DhcpServer
from pxe.dhcp.terms import Terms
from pxe.directory import StoreDirectory, StoreLeases
from pxe.seats import Seats
from tests.pxe.dhcp.asking import Relay, asked
from tests.pxe.provisioning import Site

SERVER = IPv4Address("127.0.0.1")
HERE = IPv4Network("127.0.0.0/24")
RACK = Subnet(IPv4Network("127.8.0.0/24"), IPv4Address("127.8.0.10"), IPv4Address("127.8.0.20"), "127.8.0.1")
FIRST, SECOND = IPv4Address("127.0.0.100"), IPv4Address("127.0.0.101")
FIELDS = (1, 1, 1, 1, 4, 2, 2, 4, 4, 4, 4, 16, 64, 128, 4)  # their lengths in bytes (RFC 2131, figure 1)
PLACES = [slice(end - size, end) for size, end in zip(FIELDS, itertools.accumulate(FIELDS), strict=True)]


@dataclass
class Rack:
    """Machines behind one relay, which take their addresses from the server."""

    relay: Relay
    xids: Iterator[int] = field(default_factory=lambda: itertools.count(100))

    def ask(self, number: int, kind: MessageType, more: dict[int, bytes] | None = None) -> Packet:
        """The answer to one request; what comes to other requests meanwhile is not looked at."""
        xid = next(self.xids)
        self.relay.pass_on(replace(asked(kind, more=more), mac=mac(number), xid=xid))
        return next(told for told in iter(self.relay.hear, None) if told.xid == xid)

    def boot(self, number: int) -> IPv4Address:
        """The address that a machine gets, from its first request to the acknowledgement."""
        offer = self.ask(number, MessageType.DISCOVER)
        chosen = {Option.SERVER_ID: SERVER.packed, Option.REQUESTED_ADDRESS: offer.yiaddr.packed}
        given = self.ask(number, MessageType.REQUEST, chosen)
        assert (offer.kind, given.kind) == (MessageType.OFFER, MessageType.ACK)
        return given.yiaddr

    def ask_in_vain(self, number: int, kind: MessageType, more: dict[int, bytes] | None = None) -> None:
        """A request that is not answered: the answer to machine 1, which asks after it, is the first to come."""
        self.relay.pass_on(replace(asked(kind, more=more), mac=mac(number)))
        self.relay.pass_on(replace(asked(MessageType.DISCOVER), mac=mac(1), xid=(xid := next(self.xids))))
        assert self.relay.hear().xid == xid


def mac(number: int) -> str:
    return f"52:54:00:00:{number:02x}:00"


def notes(site: Site, operation: Operation) -> list[str]:
    """What the timeline has beside steps, and beside the addresses that were given."""
    with site.store.read() as transaction:
        told = [step.detail for step in transaction.operations.steps_of(operation.id) if step.outcome == NOTE]
    return [words for words in told if " was given " not in words]


@pytest.fixture
def port(site: Site) -> Iterator[int]:
    """A server's port. Its own network has two addresses."""
    pxe = replace(site.settings.pxe, network=HERE, range_first=FIRST, range_last=SECOND, networks=(RACK,))
    terms = Terms(SERVER, HERE, "http://127.0.0.1:8080", loaders=frozenset({"snponly.efi"}), relayed=(RACK,))
    directory = StoreDirectory(Seats(site.store), site.vault, pxe, "default")
    policy = Policy(terms, directory, StoreLeases(Seats(site.store), pxe, "default"))
    server = DhcpServer(policy, "", 0, witnesses=(Refusals(Notes(site.store).refused),))
    stopping = threading.Event()
    with bind("127.0.0.1", 0) as bound:
        thread = threading.Thread(target=server.serve, args=(bound, stopping))
        thread.start()
        yield bound.getsockname()[1]
        stopping.set()
        thread.join(5)
        assert not thread.is_alive()


@pytest.fixture
def rack(port: int) -> Iterator[Rack]:
    built = Rack(Relay(port))
    with built.relay.socket:
        yield built


def test_a_full_range_stands_in_the_timeline_and_is_got_over(site: Site, rack: Rack) -> None:
    """Of the machine that gets no address, once; it boots as soon as another has given its own back."""
    operations = [site.deploy(number) for number in (1, 2, 3)]
    why = f"no address is left in the range {FIRST} to {SECOND}: make it larger"
    with capture_logs() as logs:
        assert [rack.boot(1), rack.boot(2)] == [FIRST, SECOND]
        for _ in range(3):
            rack.ask_in_vain(3, MessageType.DISCOVER)
    refused = [(told["log_level"], told["machine"]) for told in logs if told.get("why") == why]
    assert refused == [("warning", "rack1-03")] * 3
    assert [notes(site, one) for one in operations] == [[], [], [f"{mac(3)} was not answered: {why}"]]
    assert site.operation(operations[2]).report.unanswered == why
    site.cancel(operations[1])
    rack.ask_in_vain(2, MessageType.RELEASE, {Option.SERVER_ID: SERVER.packed})
    assert rack.boot(3) == SECOND


def test_a_tenant_who_forges_a_machine_gets_no_token(site: Site, rack: Rack, port: int) -> None:
    """From a network that is none of ours, or from another rack while the machine boots; both are told of."""
    operation = site.deploy(1)
    strangers, elsewhere = Relay(port, "127.9.0.1"), Relay(port, "127.8.0.1")
    request = replace(asked(MessageType.DISCOVER, more={Option.USER_CLASS: b"iPXE"}), mac=mac(1))
    with strangers.socket, elsewhere.socket, capture_logs() as logs:
        strangers.pass_on(request)
        assert rack.boot(1) == FIRST
        elsewhere.pass_on(request)
        assert rack.boot(1) == FIRST  # and when it has, both requests before were heard
        for forger in (strangers, elsewhere):
            forger.socket.setblocking(False)
            with pytest.raises(BlockingIOError):
                forger.hear()
    assert site.operation(operation).boot_ip == str(FIRST)
    told = [(one["log_level"], one["why"]) for one in logs if one["event"] == "DHCP ignored"]
    forged = f"it asks from 127.8.0.0/24, and has {FIRST} in this operation: forged, or cabled anew meanwhile"
    assert told[0][1].startswith("relay 127.9.0.1 is in none of the provisioning networks")
    assert told[1] == ("warning", forged)
    assert notes(site, operation) == [f"{mac(1)} was not answered: {forged}"]


def test_a_tenant_who_gives_addresses_back_frees_none_that_is_in_use(site: Site, rack: Rack) -> None:
    """Releases and refusals with the MAC of a machine that boots: its token's address is nobody else's."""
    operations = [site.deploy(number) for number in (1, 2)]
    assert rack.boot(2) == FIRST
    rack.ask_in_vain(2, MessageType.RELEASE, {Option.SERVER_ID: SERVER.packed})
    assert rack.boot(1) == SECOND
    rack.ask_in_vain(2, MessageType.DECLINE, {Option.SERVER_ID: SERVER.packed, Option.REQUESTED_ADDRESS: SECOND.packed})
    assert [site.operation(one).boot_ip for one in operations] == [str(SECOND), str(FIRST)]
    assert rack.boot(2) == FIRST


options = st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=40)), max_size=8)
"""Options by their codes, with lengths that are often not theirs."""


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A request with one to three fields of anything, with options of anything, or cut off somewhere."""
    kind, more = draw(st.sampled_from(MessageType)), draw(st.dictionaries(st.integers(1, 254), st.binary(max_size=300)))
    packet = bytearray(serialise(replace(asked(kind, more=more), mac=mac(1), giaddr=IPv4Address("127.0.0.2"))))
    for place in draw(st.lists(st.sampled_from(PLACES), max_size=3)):
        size = place.stop - place.start
        packet[place] = draw(st.binary(min_size=size, max_size=size))
    if draw(st.booleans()):
        packet[PLACES[-1].stop :] = b"".join(bytes([code, size]) + value for code, size, value in draw(options))
    return bytes(packet[: draw(st.none() | st.integers(0, len(packet)))])


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=damaged())
def test_nothing_that_comes_in_ends_the_service(site: Site, rack: Rack, data: bytes) -> None:
    """Damaged in any field: the machine that asks after it is answered, and no fault was unforeseen."""
    with site.store.read() as transaction:
        begun = transaction.machines.with_mac(mac(1))
    if begun is None:
        site.deploy(1)
    with capture_logs() as logs:
        rack.relay.socket.sendto(data, rack.relay.server)
        assert rack.ask(1, MessageType.DISCOVER).kind is MessageType.OFFER
    assert [told for told in logs if told["log_level"] == "error"] == []
