"""Simulated Redfish BMCs on TCP ports: one event loop, hundreds in one process, HTTPS or HTTP (RFC 9112).

What is wrong with a BMC below Redfish happens here: silence, slowness, and answers that break off.
"""

import asyncio
import ssl
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from bmprov.sim.redfish.bmc import RedfishBmc
from bmprov.sim.redfish.message import Answer, Request

_IDLE_S = 75.0
_LOOK_S = 0.05
_GOODBYE_S = 0.1  # for aiohttp, 0 means for ever
_MOST_BYTES = 2**20


class RedfishEndpoint:
    """A BMC on its port. Made by `serve_redfish`."""

    def __init__(self, bmc: RedfishBmc) -> None:
        self.bmc = bmc
        self._http = web.Server(self._handle, keepalive_timeout=_IDLE_S, access_log=None, handler_cancellation=True)
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        if self._server is None:
            raise RuntimeError("the endpoint is not open")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def open(self, address: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Listen.

        Raises:
            OSError: the port is taken.
        """
        self._server = await asyncio.get_running_loop().create_server(self._http, address, port, ssl=tls)
        self.bmc.manager.port, self.bmc.manager.tls = self.port, tls is not None

    async def close(self) -> None:
        """Stop listening, and hang up."""
        if self._server is not None:
            self._server.close()
        await self._http.shutdown(_GOODBYE_S)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read(_MOST_BYTES) if request.body_exists else b""
        while not request.content.at_eof() and request.body_exists and len(body) < _MOST_BYTES:
            body += await request.content.read(_MOST_BYTES - len(body))
        faults = self.bmc.faults
        if not self.bmc.is_there:
            await self._stay_silent()
            return _hang_up(request)
        if faults.slow_s:
            await asyncio.sleep(faults.slow_s)
        headers = {name.lower(): value for name, value in request.headers.items()}
        told = self.bmc.answer(Request(request.method, request.path, headers, body, request.query_string))
        return await self._send(request, told)

    async def _stay_silent(self) -> None:
        """Until the client goes away, which cancels this, or the fault ends."""
        while self.bmc.faults.silent:  # noqa: ASYNC110 - faults are plain fields, which tell nobody
            await asyncio.sleep(_LOOK_S)

    async def _send(self, request: web.BaseRequest, told: Answer) -> web.StreamResponse:
        faults, body = self.bmc.faults, b"" if request.method == "HEAD" else told.body
        if faults.truncates:
            body = body[: len(body) // 2]
        if not faults.dribbles_s and not faults.breaks_off:
            return web.Response(status=told.status, body=body, headers=told.headers)
        raw = _raw(told.status, told.headers, body)
        if faults.breaks_off:
            await _write(request, raw[: len(raw) - len(body) // 2 - 1])
        else:
            for place in range(len(raw)):
                await _write(request, raw[place : place + 1])
                await asyncio.sleep(faults.dribbles_s)
        return _hang_up(request)


async def serve_redfish(
    bmc: RedfishBmc, address: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> RedfishEndpoint:
    """Put a BMC on a TCP port; 0 takes a free one. Without `tls` it speaks HTTP.

    Raises:
        OSError: the port is taken.
    """
    endpoint = RedfishEndpoint(bmc)
    await endpoint.open(address, port, tls)
    return endpoint


def _raw(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _write(request: web.BaseRequest, data: bytes) -> None:
    """Send bytes that aiohttp has not made."""
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError
    transport.write(data)
    await asyncio.sleep(0)


def _hang_up(request: web.BaseRequest) -> web.Response:
    """End the connection; what is returned goes nowhere."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()
