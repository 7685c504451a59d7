"""TFTP as a network-boot ROM speaks it: read a file into memory (RFC 1350, RFC 2348)."""

import asyncio

_RRQ, _DATA, _ACK, _ERROR, _OACK = 1, 3, 4, 5, 6
_BLOCK_BYTES = 1432
_ANSWER_S = 2.0
_TRIES = 5
_WRAP = 65536


class TftpFailed(Exception):
    """The server refused, or did not answer."""


class _Inbox(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.packets: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.packets.put_nowait((data, addr))


async def fetch(name: str, server: tuple[str, int], source: str) -> bytes:
    """The file `name` of a TFTP server, asked for from the local address `source`.

    Raises:
        TftpFailed: the server refused, or did not answer.
    """
    loop = asyncio.get_running_loop()
    transport, inbox = await loop.create_datagram_endpoint(_Inbox, local_addr=(source, 0))
    try:
        request = b"\0".join([_RRQ.to_bytes(2) + name.encode(), b"octet", b"blksize", str(_BLOCK_BYTES).encode(), b""])
        return await _receive(transport, inbox, request, server)
    finally:
        transport.close()


async def _receive(
    transport: asyncio.DatagramTransport, inbox: _Inbox, request: bytes, server: tuple[str, int]
) -> bytes:
    content, expected, block_bytes = bytearray(), 1, 512
    sent, peer = request, server
    transport.sendto(sent, peer)
    for _ in range(_TRIES * _WRAP):
        packet, peer = await _next(transport, inbox, sent, peer)
        kind, number = int.from_bytes(packet[:2]), int.from_bytes(packet[2:4])
        if kind == _ERROR:
            raise TftpFailed(f"error {number}: {packet[4:].rstrip(bytes(1)).decode(errors='replace')}")
        if kind == _OACK:
            block_bytes, number = _BLOCK_BYTES, 0
        elif kind == _DATA and number == expected % _WRAP:
            content += packet[4:]
            expected += 1
        sent = _ACK.to_bytes(2) + number.to_bytes(2)
        transport.sendto(sent, peer)
        if kind == _DATA and len(packet) - 4 < block_bytes:
            return bytes(content)
    raise TftpFailed("the file has no end")


async def _next(
    transport: asyncio.DatagramTransport, inbox: _Inbox, sent: bytes, peer: tuple[str, int]
) -> tuple[bytes, tuple[str, int]]:
    for _ in range(_TRIES):
        try:
            return await asyncio.wait_for(inbox.packets.get(), _ANSWER_S)
        except TimeoutError:
            transport.sendto(sent, peer)
    raise TftpFailed("the server does not answer")
