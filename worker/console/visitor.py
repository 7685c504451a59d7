"""Somebody at a console: a browser's web socket. Fulfils `Person`.

Binary messages are the terminal's bytes, both ways. Text messages are JSON objects about the console.
"""

import asyncio
import json
from typing import Any

from aiohttp import web

from bmprov.console import Admission

_MOST_WAITING = 1 << 20


class Visitor:
    """A web socket with what its ticket was for. Nothing waits for a slow browser: it is left behind."""

    def __init__(self, socket: web.WebSocketResponse, admission: Admission, origin: str) -> None:
        self.who = admission.who
        self.may_write = admission.may_write
        self.admission = admission
        self.origin = origin
        self.socket = socket
        self._waiting: asyncio.Queue[bytes | str | None] = asyncio.Queue()
        self._waiting_bytes = 0
        self._ended = False

    def show(self, characters: bytes) -> None:
        """Show what the machine wrote."""
        if self._waiting_bytes > _MOST_WAITING:
            self.end("this browser takes in too slowly what the machine writes", "open the console again")
        self._put(characters)

    def tell(self, **words: Any) -> None:  # noqa: ANN401 - a JSON object
        """Tell something about the console."""
        self._put(json.dumps(words))

    def end(self, why: str, check: str = "", **more: Any) -> None:  # noqa: ANN401 - as `tell`
        """Tell why it ends here, and close the socket after that."""
        if not self._ended:
            self.tell(ended=why, check=check, **more)
            self._put(None)
            self._ended = True

    async def send(self) -> None:
        """Send what is waiting, until `end`."""
        while (message := await self._waiting.get()) is not None:
            self._waiting_bytes -= len(message)
            if isinstance(message, bytes):
                await self.socket.send_bytes(message)
            else:
                await self.socket.send_str(message)
        await self.socket.close()

    def _put(self, message: bytes | str | None) -> None:
        if not self._ended:
            self._waiting_bytes += len(message or b"")
            self._waiting.put_nowait(message)
