"""Asks other servers what is not ours. No cache: they have one.

Each question has a port and an id of its own, and only an answer that fits both, the server's address and the question
is taken (RFC 5452, 9); what does not is dropped without ending the wait. What UDP cuts off is fetched by TCP.
"""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress

from pxe.dns.message import (
    NOT_IMPLEMENTED,
    REFUSED,
    SERVER_FAILURE,
    Query,
    answers,
    code_of,
    is_truncated,
    question_for_another,
)

_UNHELPFUL = (SERVER_FAILURE, NOT_IMPLEMENTED, REFUSED)


class Forwarder:
    """Several servers, the one that answered last first. A server that is silent for `try_s` is passed over."""

    def __init__(self, servers: Sequence[tuple[str, int]], try_s: float = 1.5, all_s: float = 4.0) -> None:
        self._servers = list(servers)
        self._try_s = try_s
        self._all_s = all_s

    async def ask(self, query: Query) -> bytes | None:
        """The first answer that helps, else one that does not, with an id of its own; None when there is none."""
        told: list[bytes] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(self._all_s):
                for server in tuple(self._servers):
                    answer = await self._one(server, query)
                    if answer is not None:
                        told.append(answer)
                    if answer is not None and code_of(answer) not in _UNHELPFUL:
                        self._prefer(server)
                        break
        return told[-1] if told else None

    async def _one(self, server: tuple[str, int], query: Query) -> bytes | None:
        with suppress(TimeoutError, OSError, asyncio.IncompleteReadError):
            async with asyncio.timeout(self._try_s):
                answer = await _by_udp(server, query)
                return await _by_tcp(server, query) if is_truncated(answer) else answer
        return None

    def _prefer(self, server: tuple[str, int]) -> None:
        if self._servers[0] != server:
            self._servers = [server, *(other for other in self._servers if other != server)]


class _Ear(asyncio.DatagramProtocol):
    """Waits for the answer to one question on a socket that is connected to the server that was asked."""

    def __init__(self, query: Query, number: int) -> None:
        self._query = query
        self._number = number
        self.heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002 - the kernel has checked it
        if not self.heard.done() and answers(data, self._query, self._number):
            self.heard.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.heard.done():
            self.heard.set_exception(exc)


async def _by_udp(server: tuple[str, int], query: Query) -> bytes:
    number = secrets.randbelow(2**16)
    loop = asyncio.get_running_loop()
    wire, ear = await loop.create_datagram_endpoint(lambda: _Ear(query, number), remote_addr=server)
    try:
        wire.sendto(question_for_another(query, number))
        return await ear.heard
    finally:
        wire.close()


async def _by_tcp(server: tuple[str, int], query: Query) -> bytes | None:
    number = secrets.randbelow(2**16)
    reader, writer = await asyncio.open_connection(*server)
    try:
        asked = question_for_another(query, number)
        writer.write(len(asked).to_bytes(2) + asked)
        answer = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
    finally:
        writer.close()
    return answer if answers(answer, query, number) else None
