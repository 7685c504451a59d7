"""What waits for its answer, over real UDP on loopback."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from pxe.datagram import bind
from pxe.dhcp.packet import MessageType, Option, Packet, serialise
from pxe.dhcp.waiting import Waiting


@pytest.fixture
def door() -> Iterator[socket.socket]:
    with bind("127.0.0.1", 0) as bound:
        yield bound


@pytest.fixture
def hall() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.0.0.2", 0))
        yield sender


def asked(number: int, kind: MessageType = MessageType.DISCOVER, **more: object) -> Packet:
    packet = Packet(1, number, f"52:54:00:00:00:{number:02x}", {Option.MESSAGE_TYPE: bytes([kind])})
    return replace(packet, **more)  # type: ignore[arg-type] # fields of a packet


def say(hall: socket.socket, door: socket.socket, *packets: Packet) -> None:
    for packet in packets:
        hall.sendto(serialise(packet), door.getsockname())


def test_what_has_waited_longest_comes_first(door: socket.socket, hall: socket.socket) -> None:
    """So many as are asked for, each once."""
    waiting = Waiting()
    say(hall, door, *(asked(number) for number in range(1, 6)))
    waiting.hear(door, proxy_port=False)
    assert len(waiting) == 5
    assert [request.asked.xid for request in waiting.first(3)] == [1, 2, 3]
    assert [request.asked.xid for request in waiting.first(3)] == [4, 5]
    assert waiting.first(3) == []


def test_a_client_that_asks_again_while_it_waits_is_answered_once(door: socket.socket, hall: socket.socket) -> None:
    """The first request stays, in its place, so that `secs` does not tell of a port that forwards late."""
    waiting = Waiting()
    say(hall, door, asked(1), asked(2), asked(1, secs=4), asked(1, MessageType.REQUEST))
    waiting.hear(door, proxy_port=False)
    heard = [(request.asked.xid, request.asked.kind, request.asked.secs) for request in waiting.first(9)]
    assert heard == [(1, MessageType.DISCOVER, 0), (2, MessageType.DISCOVER, 0), (1, MessageType.REQUEST, 0)]
    assert waiting.repeated == 1
    say(hall, door, asked(1, secs=8))
    waiting.hear(door, proxy_port=False)
    assert [request.asked.secs for request in waiting.first(9)] == [8]


def test_two_relays_are_answered_both(door: socket.socket, hall: socket.socket) -> None:
    """A request that came through another relay wants an answer of its own."""
    waiting = Waiting()
    say(hall, door, *(asked(1, giaddr=IPv4Address(f"127.0.0.{relay}")) for relay in (2, 3)))
    waiting.hear(door, proxy_port=False)
    assert [str(request.asked.giaddr) for request in waiting.first(9)] == ["127.0.0.2", "127.0.0.3"]


def test_more_than_the_room_holds_stay_outside(
    door: socket.socket, hall: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are taken in when there is room again; what is no DHCP takes none."""
    monkeypatch.setattr("pxe.dhcp.waiting._ROOM", 2)
    waiting = Waiting()
    hall.sendto(b"nonsense", door.getsockname())
    say(hall, door, *(asked(number) for number in (1, 2, 3)))
    waiting.hear(door, proxy_port=False)
    assert [request.asked.xid for request in waiting.first(9)] == [1, 2]
    waiting.hear(door, proxy_port=False)
    assert [request.asked.xid for request in waiting.first(9)] == [3]
