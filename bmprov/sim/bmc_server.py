"""Simulated BMCs on UDP ports: one event loop, one socket each, thousands in one process."""

import asyncio
from functools import partial

from bmprov.sim.bmc import Bmc


class BmcEndpoint(asyncio.DatagramProtocol):
    """A BMC on its port. Made by `serve_bmc`."""

    def __init__(self, bmc: Bmc) -> None:
        self.bmc = bmc
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def port(self) -> int:
        """The UDP port it listens on."""
        if self._transport is None:
            raise RuntimeError("the endpoint is not open")
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def close(self) -> None:
        """Stop listening."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        # typeshed gives the base class's transport; a datagram endpoint always makes this one
        """Remember where to send."""
        self._transport = transport
        self.bmc.serial.port = self.port

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer."""
        reply = partial(self._send, addr)
        answer = self.bmc.answer(data, self._loop.time(), reply)
        if answer is not None:
            reply(answer)

    def _send(self, addr: tuple[str, int], answer: bytes) -> None:
        """Send, late when the BMC is a slow one."""
        if self._transport is None or self.bmc.faults.silent:
            return
        if self.bmc.faults.slow_s:
            self._loop.call_later(self.bmc.faults.slow_s, self._transport.sendto, answer, addr)
        else:
            self._transport.sendto(answer, addr)


async def serve_bmc(bmc: Bmc, address: str = "127.0.0.1", port: int = 0) -> BmcEndpoint:
    """Put a BMC on a UDP port; 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """
    loop = asyncio.get_running_loop()
    _, endpoint = await loop.create_datagram_endpoint(lambda: BmcEndpoint(bmc), local_addr=(address, port))
    return endpoint
