"""Several DHCP servers of one service on one network: they share the leases, and each request is answered by one.

Each tells in Redis that it is there, and who answers a request takes it there for some seconds, by the machine's MAC
and the transaction's id; a client that asks again later is answered by whoever is first then. It is no truth: without
Redis two may answer, with the same address, because the leases are in SQL.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog
from redis.exceptions import RedisError

from pxe.dhcp.packet import Option, Packet
from pxe.dhcp.policy import Answer, Ignored, Policy
from pxe.dhcp.terms import Terms

if TYPE_CHECKING:
    from redis import Redis

log = structlog.get_logger()

_TELL_S, _GONE_S = 3.0, 10.0
_TAKEN_MS = 3000  # shorter than the first pause of PXE, 4 s: who died with a request costs one try
_WITHOUT_S = 10.0  # how long Redis is left alone when it did not answer


class Siblings:
    """The DHCP servers of one site, of which this is one. `address` is its server identifier."""

    def __init__(self, redis: "Redis", site: str, address: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._site = site
        self._me = f"{address} {uuid4().hex}"
        self._clock = clock
        self._due = float("-inf")
        self._without_until = float("-inf")
        self._others: frozenset[str] = frozenset()

    @property
    def addresses(self) -> frozenset[str]:
        """The server identifiers of the others."""
        return frozenset(name.partition(" ")[0] for name in self._others)

    def takes(self, asked: Packet) -> str | None:
        """None when this request is ours to answer; else the address of the server that has it."""
        if not self._others or self._clock() < self._without_until:
            return None
        kind = asked.options.get(Option.MESSAGE_TYPE, b"").hex()
        key = f"bmprov:dhcp:{self._site}:{asked.mac}:{asked.xid}:{kind}"
        try:
            if self._redis.set(key, self._me, px=_TAKEN_MS, nx=True):
                return None
            holder = self._redis.get(key)
        except RedisError as error:
            self._lost(error)
            return None
        name = holder.decode() if isinstance(holder, bytes) else self._me
        return None if name == self._me else name.partition(" ")[0]

    def saw(self, asked: Packet, told: Answer | Ignored) -> None:
        """Nothing is concluded from packets."""

    def tick(self) -> None:
        """Tell the others that this one is there, and look who else is."""
        now = self._clock()
        if now < max(self._due, self._without_until):
            return
        self._due = now + _TELL_S
        try:
            others = self._told()
        except RedisError as error:
            self._lost(error)
            return
        for name in sorted(others - self._others):
            log.info(
                "another DHCP server of this service is here: they share the leases", server=name.partition(" ")[0]
            )
        self._others = others

    def leave(self) -> None:
        """Tell the others that this one is gone."""
        try:
            self._redis.zrem(self._key, self._me)
        except RedisError as error:
            self._lost(error)

    @property
    def _key(self) -> str:
        return f"bmprov:dhcp:{self._site}"

    def _told(self) -> frozenset[str]:
        """By Redis' clock: those of the hosts may differ."""
        seconds, _ = self._redis.time()
        with self._redis.pipeline() as pipeline:
            pipeline.zadd(self._key, {self._me: seconds})
            pipeline.zremrangebyscore(self._key, "-inf", seconds - _GONE_S)
            pipeline.expire(self._key, int(_GONE_S) * 6)
            pipeline.zrange(self._key, 0, -1)
            names: list[bytes] = pipeline.execute()[-1]
        return frozenset(name.decode() for name in names) - {self._me}

    def _lost(self, error: RedisError) -> None:
        self._without_until = self._clock() + _WITHOUT_S
        log.warning("DHCP servers of this service do not see each other for now: both may answer", error=str(error))


@dataclass(frozen=True)
class SharedPolicy:
    """A policy that leaves to its siblings what they have."""

    policy: Policy
    siblings: Siblings

    @property
    def terms(self) -> Terms:
        """What the answers say."""
        return self.policy.terms

    def answer(self, asked: Packet, *, proxy_port: bool = False) -> Answer | Ignored:
        """The reply to a request; `proxy_port` says that it came to port 4011."""
        told = self.policy.answer(asked, proxy_port=proxy_port)
        chosen = asked.address(Option.SERVER_ID)
        if chosen != self.terms.server and str(chosen) in self.siblings.addresses:
            return Ignored(f"{chosen} has it, another DHCP server of this service", told.wanted)
        holder = self.siblings.takes(asked) if isinstance(told, Answer) else None
        return (
            told
            if holder is None
            else Ignored(f"{holder} answers it, another DHCP server of this service", told.wanted)
        )
