"""A UDP network between a client and a BMC that loses, doubles and delays packets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random
from urllib.parse import urlsplit

from bmprov.power import BmcLogin

_LOST, _DOUBLED, _DELAY_S = 0.2, 0.2, 0.01


class BadNetwork:
    """A network. As made it is faultless."""

    def __init__(self) -> None:
        self._luck = Random(7)
        self.bad = False
        self.lost = 0
        self.client: tuple[str, int] | None = None

    def carry(self, to: asyncio.DatagramTransport, datagram: bytes, where: tuple[str, int] | None = None) -> None:
        """Send a packet on, or not."""
        if not self.bad:
            to.sendto(datagram, where)
            return
        if self._luck.random() < _LOST:
            self.lost += 1
            return
        for _ in range(2 if self._luck.random() < _DOUBLED else 1):
            asyncio.get_running_loop().call_later(self._luck.uniform(0, _DELAY_S), to.sendto, datagram, where)


class _End(asyncio.DatagramProtocol):
    """One end of it. `other` is the transport of the other one."""

    def __init__(self, network: BadNetwork) -> None:
        self.network = network
        self.other: asyncio.DatagramTransport | None = None


class _ClientsEnd(_End):
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.network.client = addr
        assert self.other is not None
        self.network.carry(self.other, data)


class _BmcsEnd(_End):
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002 - asyncio's
        assert self.other is not None
        self.network.carry(self.other, data, self.network.client)


@asynccontextmanager
async def bad_network(login: BmcLogin) -> AsyncIterator[tuple[BmcLogin, BadNetwork]]:
    """A login whose address is this network's, for as long as the block lasts."""
    network, loop, port = BadNetwork(), asyncio.get_running_loop(), urlsplit(login.address).port
    near, client = await loop.create_datagram_endpoint(lambda: _ClientsEnd(network), ("127.0.0.1", 0))
    far, bmc = await loop.create_datagram_endpoint(lambda: _BmcsEnd(network), remote_addr=("127.0.0.1", port or 0))
    client.other, bmc.other = far, near
    try:
        yield replace(login, address=f"ipmi://127.0.0.1:{near.get_extra_info('sockname')[1]}"), network
    finally:
        near.close()
        far.close()
