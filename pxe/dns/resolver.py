"""What each question is answered: by the zone, by another server, or with a refusal."""

from collections import Counter
from typing import Protocol

from pxe.dns.forwarder import Forwarder
from pxe.dns.message import (
    AXFR,
    BAD_VERSION,
    INTERNET,
    IXFR,
    REFUSED,
    SERVER_FAILURE,
    BadQueryError,
    Query,
    parse,
    passed_on,
    reply,
    truncated,
    with_recursion,
)
from pxe.dns.zone import Hosts, Zone

_FORWARDED, _FORWARDED_FOR_ONE = 256, 16


class Machines(Protocol):
    """Knows the machines of the site."""

    async def now(self) -> Hosts | None:
        """The machines; None when they are not known."""
        ...


class Resolver:
    """Answers questions. Without a forwarder, what is not ours is refused. `told` counts what became of them."""

    def __init__(self, zone: Zone, machines: Machines, forwarder: Forwarder | None = None) -> None:
        self._zone = zone
        self._machines = machines
        self._forwarder = forwarder
        self._asking: Counter[str] = Counter()
        self.told: Counter[str] = Counter()

    async def answer(self, data: bytes, client: str, *, by_tcp: bool = False) -> bytes | None:
        """The reply to a packet from `client`; None says nothing."""
        try:
            query = parse(data)
        except BadQueryError as error:
            self.told["malformed"] += 1
            return error.reply
        told = await self._answer(query, client)
        told = told if by_tcp or len(told) <= query.limit_bytes else truncated(query)
        return with_recursion(told) if self._forwarder is not None else told

    async def _answer(self, query: Query, client: str) -> bytes:
        if query.edns_version:
            return reply(query, BAD_VERSION)
        apex = self._zone.apex_of(query.name)
        if query.group != INTERNET or query.kind in (AXFR, IXFR):
            return self._refuse(query)
        if apex is None:
            return await self._forward(query, client)
        hosts = await self._machines.now()
        if hosts is None:
            self.told["machines not known"] += 1
            return reply(query, SERVER_FAILURE)
        found = self._zone.answer(query, apex, hosts)
        self.told["answered"] += 1
        return reply(query, found.code, found.records, found.about, ours=True)

    async def _forward(self, query: Query, client: str) -> bytes:
        """A client that asks for more at once than it should is refused, so that others still get through."""
        busy = self._asking.total() >= _FORWARDED or self._asking[client] >= _FORWARDED_FOR_ONE
        if self._forwarder is None or not query.recursion or busy:
            return self._refuse(query)
        self._asking[client] += 1
        try:
            heard = await self._forwarder.ask(query)
        finally:
            self._asking[client] -= 1
            if not self._asking[client]:
                del self._asking[client]
        self.told["forwarded" if heard else "forwarders silent"] += 1
        return passed_on(heard, query) if heard else reply(query, SERVER_FAILURE)

    def _refuse(self, query: Query) -> bytes:
        self.told["refused"] += 1
        return reply(query, REFUSED)
