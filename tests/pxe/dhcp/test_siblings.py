"""Several DHCP servers of one service: one database, one Redis, one answer."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from redis import Redis

from pxe.dhcp.packet import MessageType, Option, Packet
from pxe.dhcp.policy import Answer, Ignored, Policy
from pxe.dhcp.siblings import SharedPolicy, Siblings
from pxe.dhcp.terms import Terms
from pxe.directory import StoreDirectory, StoreLeases
from pxe.seats import Seats
from tests.pxe.provisioning import Clock, Site

MAC = "52:54:00:00:01:00"
FIRST, SECOND = IPv4Address("10.1.0.1"), IPv4Address("10.1.0.2")


class Pair:
    """Two servers of one site, and a request that both have heard."""

    def __init__(self, site: Site) -> None:
        site.deploy(1)
        self.clock = Clock()
        self.redis = site.queue.redis
        self.first, self.second = (self._server(site, address) for address in (FIRST, SECOND))
        self.meet()

    def _server(self, site: Site, address: IPv4Address) -> SharedPolicy:
        pxe = replace(site.settings.pxe, address=str(address))
        directory = StoreDirectory(Seats(site.store), site.vault, pxe, site.settings.site)
        leases = StoreLeases(Seats(site.store), pxe, site.settings.site)
        loaders = frozenset({"snponly.efi"})
        terms = Terms(address, IPv4Network("127.0.0.0/8"), "http://10.1.0.1:8080", loaders=loaders)
        siblings = Siblings(self.redis, site.settings.site, str(address), self.clock)
        return SharedPolicy(Policy(terms, directory, leases), siblings)

    def meet(self) -> None:
        """Both look who is there."""
        for _ in range(2):
            self.clock.now += 60
            for one in (self.first, self.second):
                one.siblings.tick()

    def hear(self, kind: MessageType, xid: int = 1, more: dict[int, bytes] | None = None) -> list[Answer | Ignored]:
        """What both make of a request."""
        options = {Option.CLIENT_ARCH: b"\0\7", Option.MESSAGE_TYPE: bytes([kind]), **(more or {})}
        return [one.answer(Packet(1, xid, MAC, options)) for one in (self.first, self.second)]


@pytest.fixture
def pair(site: Site) -> Pair:
    return Pair(site)


def answered(told: list[Answer | Ignored]) -> list[bool]:
    return [isinstance(one, Answer) for one in told]


def test_each_request_is_answered_by_one(pair: Pair) -> None:
    """The other says in its log who does; the machine's next request may be the other's."""
    assert pair.first.siblings.addresses == {str(SECOND)}
    offered, left = pair.hear(MessageType.DISCOVER)
    assert isinstance(offered, Answer)
    assert isinstance(left, Ignored)
    assert left.why == "10.1.0.1 answers it, another DHCP server of this service"
    assert not left.costs_a_boot
    assert answered(pair.hear(MessageType.DISCOVER)) == [True, False]
    assert answered(list(reversed([pair.second.answer(packet()), pair.first.answer(packet())]))) == [False, True]


def packet() -> Packet:
    return Packet(1, 2, MAC, {Option.CLIENT_ARCH: b"\0\7", Option.MESSAGE_TYPE: bytes([MessageType.DISCOVER])})


def test_both_have_the_same_leases(pair: Pair) -> None:
    """Whoever answers: the address is the machine's own; and who was chosen acknowledges."""
    offered = pair.hear(MessageType.DISCOVER)[0]
    assert isinstance(offered, Answer)
    claim = {Option.REQUESTED_ADDRESS: offered.packet.yiaddr.packed, Option.SERVER_ID: SECOND.packed}
    told, given = pair.hear(MessageType.REQUEST, more=claim)
    assert isinstance(given, Answer)
    assert (given.packet.kind, given.packet.yiaddr) == (MessageType.ACK, offered.packet.yiaddr)
    assert isinstance(told, Ignored)
    assert told.why == "10.1.0.2 has it, another DHCP server of this service"
    assert not told.costs_a_boot


def test_a_server_of_nobody_s_is_none_of_ours(pair: Pair) -> None:
    """A request that names it costs a boot, whoever else is there."""
    claim = {Option.REQUESTED_ADDRESS: b"\12\1\0\12", Option.SERVER_ID: b"\12\1\0\11"}
    for told in pair.hear(MessageType.REQUEST, more=claim):
        assert isinstance(told, Ignored)
        assert told.costs_a_boot


def gone(pair: Pair) -> None:
    pair.first.siblings.leave()
    pair.clock.now += 60
    pair.second.siblings.tick()


def silent(pair: Pair) -> None:
    key = "bmprov:dhcp:default"
    first = next(name for name in pair.redis.zrange(key, 0, -1) if name.startswith(b"10.1.0.1 "))
    pair.redis.zadd(key, {first: pair.redis.time()[0] - 11})
    pair.clock.now += 60
    pair.second.siblings.tick()


@pytest.mark.parametrize("goes", [gone, silent])
def test_a_server_that_is_gone_has_nothing(pair: Pair, goes: Callable[[Pair], None]) -> None:
    """Whether it said so or died: the other answers at once what the dead one had taken."""
    assert answered(pair.hear(MessageType.DISCOVER)) == [True, False]
    goes(pair)
    assert isinstance(pair.second.answer(packet()), Answer)
    assert pair.second.siblings.addresses == frozenset()
    assert isinstance(pair.second.answer(replace(packet(), xid=1)), Answer)


def test_what_a_server_has_taken_is_free_before_the_client_gives_up(pair: Pair) -> None:
    """It may have died with it."""
    assert answered(pair.hear(MessageType.DISCOVER)) == [True, False]
    (key,) = pair.redis.keys("bmprov:dhcp:default:*")
    assert 0 < pair.redis.pttl(key) <= 3000


def test_without_redis_both_answer(pair: Pair) -> None:
    """With the same address, and without asking Redis again for each request."""
    for one in (pair.first, pair.second):
        one.siblings._redis = Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.2)
    told = pair.hear(MessageType.DISCOVER)
    assert answered(told) == [True, True]
    assert len({one.packet.yiaddr for one in told if isinstance(one, Answer)}) == 1
    assert pair.first.siblings._without_until > pair.clock.now


def test_one_server_alone_asks_redis_for_nothing(site: Site) -> None:
    """There is nobody to share with, so that a boot storm costs no round trips."""
    alone = Siblings(site.queue.redis, "default", "10.1.0.1", site.clock)
    alone.tick()
    assert alone.takes(packet()) is None
    assert not site.queue.redis.keys("bmprov:dhcp:default:*")
