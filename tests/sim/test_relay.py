"""The DHCP side of simulated machines, against a server that does as a test says."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from bmprov.sim import relay as relay_module
from bmprov.sim.relay import Lease, NoAnswer, Relay
from pxe.dhcp.packet import MessageType, Option, Packet, parse, serialise

MAC = "52:54:00:00:00:01"
SERVER = IPv4Address("127.0.0.1")
Answer = Callable[[Packet], Sequence[bytes]]


def reply(asked: Packet, kind: MessageType, address: str = "127.66.0.10") -> bytes:
    options: dict[int, bytes] = {Option.MESSAGE_TYPE: bytes([kind]), Option.SERVER_ID: SERVER.packed}
    packet = Packet(2, asked.xid, asked.mac, options, yiaddr=IPv4Address(address), siaddr=SERVER, file=b"loader")
    return serialise(packet)


class Server(asyncio.DatagramProtocol):
    """Answers each request with what `answer` gives for it, on the port that the relay told (RFC 8357)."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[Packet] = []
        self._answer = answer
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override] # a datagram's
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked.append(parse(data))
        for answer in self._answer(self.asked[-1]):
            assert self._transport is not None
            self._transport.sendto(answer, addr)


def lease(answer: Answer) -> tuple[Lease, list[Packet]]:
    """What a machine gets from such a server, and what it asked."""

    async def ask() -> tuple[Lease, list[Packet]]:
        loop = asyncio.get_running_loop()
        transport, server = await loop.create_datagram_endpoint(lambda: Server(answer), local_addr=("127.0.0.1", 0))
        relay = await Relay(transport.get_extra_info("sockname")).open()
        try:
            return await relay.lease(MAC, {Option.CLIENT_ARCH: b"\0\7"}), server.asked
        finally:
            relay.close()
            transport.close()

    return asyncio.run(ask())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "_FIRST_S", 0.02)
    monkeypatch.setattr(relay_module, "_TRIES", 3)


def by_the_book(asked: Packet) -> list[bytes]:
    return [reply(asked, MessageType.OFFER if asked.kind is MessageType.DISCOVER else MessageType.ACK)]


def test_a_lease_takes_four_packets() -> None:
    """Discover and request, with the server that offered, its address, and the firmware's kind."""
    given, (discover, request) = lease(by_the_book)
    assert given == Lease("127.66.0.10", "127.0.0.1", "loader")
    assert (discover.kind, request.kind) == (MessageType.DISCOVER, MessageType.REQUEST)
    assert request.address(Option.REQUESTED_ADDRESS) == IPv4Address("127.66.0.10")
    assert request.address(Option.SERVER_ID) == SERVER
    assert (discover.options[Option.CLIENT_ARCH], discover.mac, discover.giaddr) == (b"\0\7", MAC, SERVER)


def test_late_doubled_and_broken_packets_do_no_harm() -> None:
    """An offer that comes again while the request waits is no answer to it, nor is what is no DHCP or a stranger's."""

    def noisy(asked: Packet) -> list[bytes]:
        stranger = replace(asked, xid=asked.xid ^ 1)
        noise = [b"", b"x" * 300, reply(stranger, MessageType.NAK), reply(asked, MessageType.OFFER)]
        return noise + by_the_book(asked) + by_the_book(asked)

    assert lease(noisy)[0].address == "127.66.0.10"


def test_a_lost_packet_is_sent_again() -> None:
    """The same transaction goes on."""
    heard: list[Packet] = []

    def deaf_at_first(asked: Packet) -> list[bytes]:
        heard.append(asked)
        return by_the_book(asked) if len(heard) in (2, 4) else []

    given, asked = lease(deaf_at_first)
    assert given.address == "127.66.0.10"
    assert len({one.xid for one in asked}) == 1


def test_silence_and_refusal_are_told_apart() -> None:
    """A server that does not answer, and one that takes its offer back."""
    with pytest.raises(NoAnswer, match="no DHCP server answered"):
        lease(lambda _: [])
    with pytest.raises(NoAnswer, match=r"refused 127\.66\.0\.10"):
        lease(lambda asked: [reply(asked, MessageType.NAK if len(asked.options) > 4 else MessageType.OFFER)])
