"""The console in the browser: a page with xterm.js, and the web socket behind it.

The ticket stands in the page's address behind the `#`, so that no log and no `Referer` has it, and is the first message
on the web socket.
"""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import structlog
from aiohttp import WSMsgType, web

from bmprov.console import Admission, redeem
from bmprov.errors import BmprovError
from bmprov.queue import JobQueue
from bmprov.vault import Vault
from worker.console.house import House
from worker.console.room import Room
from worker.console.visitor import Visitor

log = structlog.get_logger()

_TICKET_S = 10.0
_HEARTBEAT_S = 20.0
_MOST_MESSAGE = 64 * 1024
_MOST_VISITORS = 500
_USED = "this link was used before, or is older than a minute"
_PAGE = "console.html"
_TYPES = {"html": "text/html", "js": "text/javascript", "mjs": "text/javascript", "css": "text/css"}
_STATIC = {
    "console.js": "console.js",
    "console.css": "console.css",
    "xterm.mjs": "xterm/xterm.mjs",
    "xterm.css": "xterm/xterm.css",
    "addon-fit.mjs": "xterm/addon-fit.mjs",
}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "style-src 'self' 'unsafe-inline'; "  # xterm.js writes its colours into style elements
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class ConsoleServer:
    """The web application. `house` has the consoles."""

    def __init__(self, house: House, queue: JobQueue, vault: Vault) -> None:
        self._house = house
        self._queue = queue
        self._vault = vault
        self._visitors: set[Visitor] = set()

    def application(self) -> web.Application:
        """The aiohttp application."""
        application = web.Application(middlewares=[_with_headers])
        application.router.add_get("/console", _page)
        application.router.add_get("/console/ws", self._socket)
        application.router.add_get("/console/{name}", _static)
        application.cleanup_ctx.append(self._watching)
        return application

    async def _watching(self, _application: web.Application) -> AsyncIterator[None]:
        watch = asyncio.create_task(self._house.watch())
        yield
        watch.cancel()
        await self._house.close()

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if not _same_origin(request):
            raise web.HTTPForbidden(text="another page has asked for a console")
        if len(self._visitors) >= _MOST_VISITORS:
            raise web.HTTPServiceUnavailable(text="there are too many consoles open")
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT_S, max_msg_size=_MOST_MESSAGE)
        await socket.prepare(request)
        first = await _first(socket)
        admission, why = await self._admission(first.get("ticket"))
        visitor = Visitor(socket, admission or Admission("", ""), request.remote or "")
        self._visitors.add(visitor)
        sending = asyncio.create_task(visitor.send())
        try:
            if admission is None:
                visitor.end(why, "open the console again where you opened it")
            else:
                await self._serve(visitor)
            visitor.end("the console is closed")
            await sending
        except ConnectionError:
            pass  # the browser has gone
        finally:
            sending.cancel()
            self._visitors.discard(visitor)
        return socket

    async def _admission(self, ticket: Any) -> tuple[Admission | None, str]:  # noqa: ANN401 - whatever was sent
        if not isinstance(ticket, str):
            return None, "the browser showed no ticket"
        try:
            return await asyncio.to_thread(redeem, self._queue, self._vault, ticket), _USED
        except BmprovError as error:
            return None, str(error)

    async def _serve(self, visitor: Visitor) -> None:
        """Let the visitor in, and do what is asked until the socket is closed."""
        began = time.monotonic()
        room = await self._house.visit(visitor, take_over=False)
        try:
            async for message in visitor.socket:
                if message.type is WSMsgType.BINARY and room is not None:
                    room.type(visitor, message.data)
                elif message.type is WSMsgType.TEXT:
                    room = await self._asked(visitor, room, _object(message.data))
        finally:
            if room is not None:
                await self._house.leave(visitor, room, began)

    async def _asked(self, visitor: Visitor, room: Room | None, asked: Mapping[str, Any]) -> Room | None:
        if room is None:
            if asked.get("take_over") and visitor.may_write:
                return await self._house.visit(visitor, take_over=True)
        elif asked.get("keyboard"):
            await self._house.keyboard(visitor, room)
        elif asked.get("break"):
            room.send_break(visitor)
        return room


@web.middleware
async def _with_headers(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401 - aiohttp's handler
    try:
        response: web.StreamResponse = await handler(request)
    except web.HTTPException as error:
        error.headers.update(_HEADERS)
        raise
    if not response.prepared:
        response.headers.update(_HEADERS)
    return response


async def _page(_request: web.Request) -> web.Response:
    return _file(_PAGE)


async def _static(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name not in _STATIC:
        raise web.HTTPNotFound(text="there is nothing here; consoles are opened from CloudStack, or with `bmprov`")
    return _file(_STATIC[name])


def _file(name: str) -> web.Response:
    body = (files("worker.console") / "static" / name).read_bytes()
    return web.Response(body=body, content_type=_TYPES[name.rpartition(".")[2]], charset="utf-8")


async def _first(socket: web.WebSocketResponse) -> Mapping[str, Any]:
    try:
        message = await socket.receive(timeout=_TICKET_S)
    except TimeoutError:
        return {}
    return _object(message.data) if message.type is WSMsgType.TEXT else {}


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _same_origin(request: web.Request) -> bool:
    """Whether the page that asks is ours. What is no browser sends no origin."""
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


async def serve(server: ConsoleServer, listen: str, port: int, context: ssl.SSLContext, stop: asyncio.Event) -> None:
    """Serve until `stop`.

    Raises:
        OSError: the address cannot be listened on.
    """
    runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, listen, port, ssl_context=context).start()
        log.info("consoles are served", listen=listen, port=port)
        await stop.wait()
    finally:
        await runner.cleanup()
