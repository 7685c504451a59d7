"""The DNS server's sockets, UDP and TCP (RFC 7766). Whatever comes in, it goes on serving."""

import asyncio
import socket
import threading
from collections import Counter
from contextlib import suppress

import structlog

from pxe.dns.gate import Gate
from pxe.dns.resolver import Resolver

log = structlog.get_logger()

_LARGEST_QUERY = 4096
_A_TURN = 256  # datagrams
_AT_ONCE = 1024  # questions under way
_CONNECTIONS, _CONNECTIONS_OF_ONE = 64, 8
_IDLE_S, _SEND_S = 10.0, 5.0
_LOOK_UP_S = 0.2
_TELL_S = 60.0


class DnsServer:
    """Answers on one UDP and one TCP socket, which are bound already."""

    def __init__(self, resolver: Resolver, gate: Gate) -> None:
        self._resolver = resolver
        self._gate = gate
        self._under_way: set[asyncio.Task[None]] = set()
        self._connected: Counter[str] = Counter()

    async def serve(self, udp: socket.socket, tcp: socket.socket, stopping: threading.Event) -> None:
        """Serve until `stopping` is set."""
        loop = asyncio.get_running_loop()
        udp.setblocking(False)
        loop.add_reader(udp, self._hear, udp)
        listener = await asyncio.start_server(self._converse, sock=tcp)
        address, port = udp.getsockname()
        log.info("DNS server ready", listen=address, port=port)
        told_at = loop.time()
        while not stopping.is_set():
            await asyncio.sleep(_LOOK_UP_S)
            if loop.time() > told_at + _TELL_S:
                told_at = loop.time()
                self.tell()
        loop.remove_reader(udp)
        listener.close()
        for task in tuple(self._under_way):
            task.cancel()
        self.tell()

    def tell(self) -> None:
        """Log what became of the questions since the last time: one line for all, because there are many."""
        told, gate = self._resolver.told, self._gate
        dropped = {"from_elsewhere": gate.strangers, "too_many": gate.too_many}
        if told or any(dropped.values()):
            say = log.warning if any(dropped.values()) else log.info
            say("DNS", **{key.replace(" ", "_"): count for key, count in told.items()}, **dropped)
        told.clear()
        gate.strangers = gate.too_many = 0

    def _hear(self, udp: socket.socket) -> None:
        """Take in what has come: in a flood, faster than one datagram a turn, so that the others' find room."""
        for _ in range(_A_TURN):
            try:
                data, sender = udp.recvfrom(_LARGEST_QUERY)
            except OSError:
                return  # none any more, or one of ours could not be delivered
            if not self._gate.admits(sender[0]):
                continue
            if len(self._under_way) >= _AT_ONCE:
                self._gate.too_many += 1
                continue
            task = asyncio.get_running_loop().create_task(self._tell(udp, data, sender))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _tell(self, udp: socket.socket, data: bytes, sender: tuple[str, int]) -> None:
        answer = await self._answer(data, sender[0], by_tcp=False)
        if answer is not None:
            with suppress(OSError):  # the client will ask again
                udp.sendto(answer, sender)

    async def _answer(self, data: bytes, client: str, *, by_tcp: bool) -> bytes | None:
        try:
            return await self._resolver.answer(data, client, by_tcp=by_tcp)
        except Exception:  # the outermost loop: one packet must not end the service for all
            log.exception("DNS question met an unexpected fault", client=client)
            return None

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client: str = writer.get_extra_info("peername")[0]
        if self._connected[client] >= _CONNECTIONS_OF_ONE or self._connected.total() >= _CONNECTIONS:
            self._gate.too_many += 1
            writer.transport.abort()
            return
        self._connected[client] += 1
        try:
            await self._questions(reader, writer, client)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # it went away, or said nothing more
        finally:
            self._connected[client] -= 1
            if not self._connected[client]:
                del self._connected[client]
            writer.close()

    async def _questions(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: str) -> None:
        while self._gate.admits(client):
            async with asyncio.timeout(_IDLE_S):
                length = int.from_bytes(await reader.readexactly(2))
                if length > _LARGEST_QUERY:
                    return
                data = await reader.readexactly(length)
            answer = await self._answer(data, client, by_tcp=True)
            if answer is None:
                return
            writer.write(len(answer).to_bytes(2) + answer)
            async with asyncio.timeout(_SEND_S):
                await writer.drain()
