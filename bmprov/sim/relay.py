"""The DHCP side of simulated machines: one relay agent for a whole hall (RFC 2131, RFC 3046, RFC 8357).

A real firmware broadcasts from port 68, which takes root and a network of its own. A relay agent that tells its source
port (RFC 8357) is a client that every correct server answers on any port, so the hall needs neither.
"""

import asyncio
import random
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from pxe.dhcp.packet import BadPacket, MessageType, Option, Packet, parse, serialise

_RELAY_PORT_SUBOPTION = bytes([19, 2, 0, 0])
_TRIES = 4
_FIRST_S, _CAP_S = 4.0, 16.0  # RFC 2131, 4.1: a second sooner or later, so that a rack does not ask in step
_RECEIVE_BYTES = 2**22  # a whole hall's answers come to one socket
_UUID = bytes(17)
_ANSWERS = {MessageType.DISCOVER: (MessageType.OFFER,), MessageType.REQUEST: (MessageType.ACK, MessageType.NAK)}
IPXE_CLASS: dict[int, bytes] = {Option.USER_CLASS: b"iPXE", Option.IPXE: bytes([1, 1, 1])}


@dataclass(frozen=True)
class Lease:
    """What DHCP has given: an address, and what to boot from where."""

    address: str
    server: str
    boot_file: str


class NoAnswer(Exception):
    """No DHCP server answered."""


@dataclass(frozen=True)
class _Question:
    """A request on its way, and the kinds of reply that answer it."""

    awaited: tuple[MessageType, ...]
    answer: asyncio.Future[Packet]


class Relay(asyncio.DatagramProtocol):
    """One socket for all machines; answers find their machine by the transaction's id.

    `resent` counts the requests that had no answer in time and were sent once more.
    """

    def __init__(self, server: tuple[str, int], address: str = "127.0.0.1") -> None:
        self.resent = 0
        self._server = server
        self._giaddr = IPv4Address(address)
        self._transport: asyncio.DatagramTransport | None = None
        self._asking: dict[int, _Question] = {}

    async def open(self, bound: socket.socket | None = None) -> "Relay":
        """Bind the socket, or use one that is bound already: to port 67, for servers that know no other."""
        loop, local = asyncio.get_running_loop(), None if bound else (str(self._giaddr), 0)
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=local, sock=bound)
        own: socket.socket = self._transport.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        return self

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002 - asyncio's signature
        """Hand a reply to the machine that asked; one that comes late, twice or broken is nobody's."""
        try:
            reply = parse(data)
        except BadPacket:
            return
        question = self._asking.get(reply.xid)
        if question is not None and reply.kind in question.awaited and not question.answer.done():
            question.answer.set_result(reply)

    async def lease(self, mac: str, options: Mapping[int, bytes]) -> Lease:
        """Discover, request, and be acknowledged.

        Raises:
            NoAnswer: nobody did.
        """
        xid = random.getrandbits(32)
        common: dict[int, bytes] = {Option.CLIENT_UUID: _UUID, Option.RELAY_AGENT: _RELAY_PORT_SUBOPTION, **options}
        offer = await self._exchange(mac, xid, MessageType.DISCOVER, common)
        chosen: dict[int, bytes] = {
            Option.SERVER_ID: offer.options[Option.SERVER_ID],
            Option.REQUESTED_ADDRESS: offer.yiaddr.packed,
        }
        given = await self._exchange(mac, xid, MessageType.REQUEST, {**common, **chosen})
        if given.kind is not MessageType.ACK:
            raise NoAnswer(f"the server refused {offer.yiaddr}")
        boot_file = given.options.get(Option.BOOT_FILE, given.file).decode()
        return Lease(str(given.yiaddr), str(given.siaddr), boot_file)

    async def _exchange(self, mac: str, xid: int, kind: MessageType, options: Mapping[int, bytes]) -> Packet:
        told = {**options, Option.MESSAGE_TYPE: bytes([kind])}
        request = serialise(Packet(1, xid, mac, told, hops=1, giaddr=self._giaddr))
        question = self._asking[xid] = _Question(_ANSWERS[kind], asyncio.get_running_loop().create_future())
        pause_s = _FIRST_S
        try:
            for number in range(_TRIES):
                if self._transport is not None:
                    self._transport.sendto(request, self._server)
                    self.resent += number > 0
                waited_s = pause_s * random.uniform(0.75, 1.25)  # noqa: S311 - not cryptography
                await asyncio.wait([question.answer], timeout=waited_s)
                if question.answer.done():
                    return question.answer.result()
                pause_s = min(_CAP_S, 2 * pause_s)
            raise NoAnswer("no DHCP server answered")
        finally:
            self._asking.pop(xid, None)
