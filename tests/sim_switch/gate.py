"""What lies between a worker and a switch: a way that can be closed, or swallow every packet."""

import asyncio
import socket
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from tests.sim_switch.ssh import SwitchServers

_QUEUE = 2
_PIECE = 65_536
_T = TypeVar("_T")


class Gate:
    """A port of 127.0.0.1 behind which a switch is. It is open at first; sessions that stand are left alone."""

    def __init__(self, servers: SwitchServers, behind: int) -> None:
        self._loop = servers.loop
        self._behind = behind
        self._server: asyncio.Server | None = None
        self._stuffed: list[socket.socket] = []
        self.port = 0
        self.open()

    def open(self) -> None:
        """Let connections through."""
        self.close()
        self._server = self._run(asyncio.start_server(self._forward, "127.0.0.1", self.port))
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Refuse them."""
        if self._server is not None:
            self._run(self._closed(self._server))
            self._server = None
        while self._stuffed:
            self._stuffed.pop().close()

    def swallow(self) -> None:
        """Answer nothing at all: Linux drops a SYN for a port whose queue is full."""
        self.close()
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        deaf.bind(("127.0.0.1", self.port))
        deaf.listen(0)
        self._stuffed.append(deaf)
        for _ in range(_QUEUE):
            one = socket.socket()
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect(("127.0.0.1", self.port))
            self._stuffed.append(one)

    def _run(self, what: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()

    @staticmethod
    async def _closed(server: asyncio.Server) -> None:
        server.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, onward = await asyncio.open_connection("127.0.0.1", self._behind)
        await asyncio.gather(_pipe(reader, onward), _pipe(back, writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    writer.close()
