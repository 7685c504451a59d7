"""Which BMCs are there at all, asked of all at once: a dead one then costs two seconds in all, and not a login each.

IPMI: Get Channel Authentication Capabilities, which every BMC answers without a session (IPMI 2.0, section 22.13), in
IPMI 1.5's format (section 13.6). Redfish: a TCP connection, closed at once. Names are not looked up here: whoever has
one is taken for reachable.
"""

import asyncio
import socket
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

_PORTS = {"ipmi": 623, "redfish": 443, "redfish+http": 80}
_ASK = bytes.fromhex("0600ff07000000000000000000092018c88100388e04b5")
_TRIES_S = (0.3, 0.6, 1.1)
_AT_ONCE = 100
_BREATH_S = 0.002
_CONNECT_S = 2.0
_CONNECTIONS = 256

_Peer = tuple[str, int]


def reachable(addresses: Iterable[str]) -> set[str]:
    """Those of these BMCs' addresses where somebody answers."""
    return asyncio.run(_reachable(set(addresses)))


async def _reachable(addresses: set[str]) -> set[str]:
    peers = {address: _peer(address) for address in addresses}
    unknown = {address for address, peer in peers.items() if peer is None}
    ipmi = {address: peer for address, peer in peers.items() if peer is not None and address.startswith("ipmi:")}
    redfish = {address: peer for address, peer in peers.items() if peer is not None and address not in ipmi}
    gate = asyncio.Semaphore(_CONNECTIONS)
    answered, connected = await asyncio.gather(
        _answered(set(ipmi.values())), asyncio.gather(*(_connects(peer, gate) for peer in redfish.values()))
    )
    open_ = {address for address, is_open in zip(redfish, connected, strict=True) if is_open}
    return unknown | open_ | {address for address, peer in ipmi.items() if peer in answered}


def _peer(address: str) -> _Peer | None:
    """Where a BMC is; None for a name, and for what is no BMC on a network."""
    parts = urlsplit(address)
    with suppress(ValueError):
        return str(ip_address(parts.hostname or "")), parts.port or _PORTS.get(parts.scheme, 0)
    return None


async def _answered(peers: set[_Peer]) -> set[_Peer]:
    """Those that answer on UDP, asked up to three times."""
    six = {peer for peer in peers if ":" in peer[0]}
    kinds = ((socket.AF_INET, "0.0.0.0", peers - six), (socket.AF_INET6, "::", six))
    heard = await asyncio.gather(*(_heard(family, own, asked) for family, own, asked in kinds if asked))
    return set().union(*heard)


async def _heard(family: socket.AddressFamily, own: str, peers: set[_Peer]) -> set[_Peer]:
    loop = asyncio.get_running_loop()
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((own, 0))
        sock.setblocking(False)
        ear = _Ear(sock, set(peers))
        loop.add_reader(sock, ear.listen)
        try:
            for wait_s in _TRIES_S:
                for number, peer in enumerate(sorted(ear.waiting)):
                    with suppress(OSError):  # no way there, or no room to send: it is asked again
                        sock.sendto(_ASK, peer)
                    if number % _AT_ONCE == _AT_ONCE - 1:
                        await asyncio.sleep(_BREATH_S)  # a thousand datagrams at once do not fit into every switch
                with suppress(TimeoutError):
                    await asyncio.wait_for(ear.all_heard.wait(), wait_s)
                    break
        finally:
            loop.remove_reader(sock)
    return peers - ear.waiting


class _Ear:
    """Hears who answers, many at a time: a protocol of asyncio's hears one a turn, which takes a tenth of a sweep."""

    def __init__(self, sock: socket.socket, waiting: set[_Peer]) -> None:
        self._sock = sock
        self.waiting = waiting
        self.all_heard = asyncio.Event()

    def listen(self) -> None:
        """Take whatever has come; what it says does not matter."""
        with suppress(OSError):
            while True:
                _, peer = self._sock.recvfrom(1)
                self.waiting.discard(peer[:2])
                if not self.waiting:
                    self.all_heard.set()


async def _connects(peer: _Peer, gate: asyncio.Semaphore) -> bool:
    async with gate:
        try:
            async with asyncio.timeout(_CONNECT_S):
                _, writer = await asyncio.open_connection(*peer)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True
