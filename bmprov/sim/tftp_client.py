"""TFTP as a network-boot ROM speaks it: read a file into memory (RFC 1350, RFC 2348)."""

import asyncio
from dataclasses import dataclass

_RRQ, _DATA, _ACK, _ERROR, _OACK = 1, 3, 4, 5, 6
_BLOCK_BYTES, _PLAIN_BLOCK_BYTES = 1432, 512
_ANSWER_S = 2.0
_TRIES = 5
_WRAP = 65536


class TftpFailed(Exception):
    """The server refused, or did not answer."""


@dataclass(frozen=True)
class Fetched:
    """A file, and how many packets had to be sent once more because nothing came in time."""

    content: bytes
    resent: int


async def fetch(name: str, server: tuple[str, int], source: str) -> Fetched:
    """The file `name` of a TFTP server, asked for from the local address `source`.

    Raises:
        TftpFailed: the server refused, or did not answer.
    """
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_datagram_endpoint(lambda: _Client(name, server), local_addr=(source, 0))
    try:
        return await client.fetched
    finally:
        client.stop()
        transport.close()


class _Client(asyncio.DatagramProtocol):
    """One transfer. It acts on each packet as it comes: a thousand machines share one core with what they test."""

    def __init__(self, name: str, server: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        self.fetched: asyncio.Future[Fetched] = loop.create_future()
        self._request = b"\0".join(
            [_RRQ.to_bytes(2) + name.encode(), b"octet", b"blksize", str(_BLOCK_BYTES).encode(), b""]
        )
        self._sent, self._peer = self._request, server
        self._content, self._expected, self._block_bytes = bytearray(), 1, _PLAIN_BLOCK_BYTES
        self._tries, self._resent, self._heard_at = 1, 0, loop.time()
        self._alarm = loop.call_later(_ANSWER_S, self._look)

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override] # a datagram's
        """Ask for the file."""
        self._transport = transport
        transport.sendto(self._sent, self._peer)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take a packet in, and answer it."""
        if self.fetched.done():
            return
        self._peer, self._tries, self._heard_at = addr, 1, asyncio.get_running_loop().time()
        kind, number = int.from_bytes(data[:2]), int.from_bytes(data[2:4])
        if kind == _ERROR:
            told = data[4:].rstrip(bytes(1)).decode(errors="replace")
            self.fetched.set_exception(TftpFailed(f"error {number}: {told}"))
            return
        if kind == _OACK:
            self._block_bytes, number = _BLOCK_BYTES, 0
        elif kind == _DATA and number == self._expected % _WRAP:
            self._content += data[4:]
            self._expected += 1
        self._sent = _ACK.to_bytes(2) + number.to_bytes(2)
        self._transport.sendto(self._sent, self._peer)
        if kind == _DATA and len(data) - 4 < self._block_bytes:
            self.fetched.set_result(Fetched(bytes(self._content), self._resent))

    def stop(self) -> None:
        """Look no more."""
        self._alarm.cancel()

    def _look(self) -> None:
        """Send again what was not answered. One timer that runs on, and not one for each packet."""
        loop = asyncio.get_running_loop()
        left_s = self._heard_at + self._tries * _ANSWER_S - loop.time()
        if left_s <= 0:
            if self._tries == _TRIES:
                self.fetched.set_exception(TftpFailed("the server does not answer"))
                return
            self._tries, self._resent, left_s = self._tries + 1, self._resent + 1, _ANSWER_S
            self._transport.sendto(self._sent, self._peer)
        self._alarm = loop.call_later(left_s, self._look)
