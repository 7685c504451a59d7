"""The site's machines, read from the store at most once a second, however many ask.

So a flood of questions costs the database nothing. While the database is away, what was read last is told for a minute.
"""

import asyncio
import time
from collections.abc import Callable
from ipaddress import IPv4Address

import structlog

from bmprov.errors import BmprovError
from bmprov.store import Store
from pxe.dns.zone import Hosts

log = structlog.get_logger()

_FRESH_S, _STALE_S, _WAIT_S = 1.0, 60.0, 2.0


class StoreHosts:
    """The machines of one site."""

    def __init__(self, store: Store, site: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._site = site
        self._clock = clock
        self._read_at = float("-inf")
        self._hosts = Hosts({}, {})
        self._reading: asyncio.Task[None] | None = None

    async def now(self) -> Hosts | None:
        """The machines; None when they are not known."""
        if self._clock() > self._read_at + _FRESH_S:
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read())
            await asyncio.wait({self._reading}, timeout=_WAIT_S)
        return self._hosts if self._clock() < self._read_at + _STALE_S else None

    async def _read(self) -> None:
        asked_at = self._clock()
        try:
            self._hosts = await asyncio.to_thread(self._load)
        except BmprovError as error:
            log.warning("DNS tells what it knew: the machines' addresses cannot be read", error=str(error))
            return
        self._read_at = asked_at

    def _load(self) -> Hosts:
        with self._store.read() as transaction:
            rows = transaction.names.of(self._site)
        known = {name.lower(): IPv4Address(address) if address else None for name, address in rows}
        return Hosts(known, {address: name for name, address in known.items() if address})
