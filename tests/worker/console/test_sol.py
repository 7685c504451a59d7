"""The protocol of Serial over LAN against a BMC that does as table 15-2 of IPMI 2.0 says, on a bad network."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.console.sol import LineLost, Operation, SolLine, Status

MOST = 40


class Bmc:
    """The other side: it takes `takes` characters of a packet at most, and sends what the machine wrote."""

    def __init__(self, written: bytes, takes: int = MOST) -> None:
        self.typed = b""
        self.breaks = 0
        self._takes = takes
        self._written = written
        self._number = self._heard = 0
        self._sent = b""

    def receive(self, packet: bytes) -> bytes:
        """Take a packet; the answer, empty for a mere acknowledgement."""
        number, acknowledged, _, operation = packet[:4]
        if acknowledged and acknowledged == self._number:
            self._sent = b""
        if not number:
            return b""
        taken = packet[4:][: self._takes]
        if number != self._heard:
            self._heard = number
            self.typed += taken
            self.breaks += bool(operation & Operation.BREAK)
        return bytes([0, number, len(taken), 0])

    def send(self) -> bytes:
        """The packet under way, or the next one; empty when the machine has no more to say."""
        if not self._sent and self._written:
            self._number = self._number % 15 + 1
            self._sent, self._written = self._written[:30], self._written[30:]
        return bytes([self._number, 0, 0, 0]) + self._sent if self._sent else b""


@given(st.binary(max_size=700), st.binary(max_size=700), st.integers(0, 2**32), st.sampled_from([MOST, 7]))
def test_every_character_comes_once_and_in_order_whatever_the_network_does(
    typed: bytes, written: bytes, seed: int, takes: int
) -> None:
    """A third of all packets is lost, another is doubled."""
    chance, bmc, line, now, shown = random.Random(seed), Bmc(written, takes), SolLine(MOST), 0.0, b""
    line.write(typed)
    for _ in range(6000):
        now += 0.3
        there = [packet] if (packet := line.outgoing(now)) else []
        back = [packet] if (packet := bmc.send()) else []
        for packet in _carried(there, chance):
            back += [answer] if (answer := bmc.receive(packet)) else []
        for packet in _carried(back, chance):
            characters, answer = line.received(packet, now)
            shown += characters
            for one in _carried([answer] if answer else [], chance):
                bmc.receive(one)
        if bmc.typed == typed and shown == written and line.due_at() is None:
            break
    assert bmc.typed == typed
    assert shown == written


def _carried(packets: list[bytes], chance: random.Random) -> list[bytes]:
    return [packet for packet in packets for _ in range(chance.choice((0, 1, 2)) if chance.random() < 0.5 else 1)]


@given(st.binary(max_size=60))
def test_whatever_comes_is_no_error(payload: bytes) -> None:
    line = SolLine(MOST)
    line.write(b"abc")
    line.outgoing(0.0)
    line.received(payload, 0.0)
    line.outgoing(9.0)


def test_the_same_number_with_more_at_its_end_is_the_same_packet() -> None:
    line = SolLine(MOST)
    assert line.received(bytes([3, 0, 0, 0]) + b"log", 0.0) == (b"log", bytes([0, 3, 3, 0]))
    assert line.received(bytes([3, 0, 0, 0]) + b"login", 0.0) == (b"in", bytes([0, 3, 5, 0]))


def test_a_packet_that_the_next_one_has_overtaken_counts_once() -> None:
    """The network has held a copy back."""
    line = SolLine(MOST)
    assert line.received(bytes([3, 0, 0, 0]) + b"one", 0.0)[0] == b"one"
    assert line.received(bytes([4, 0, 0, 0]) + b"two", 0.0)[0] == b"two"
    assert line.received(bytes([3, 0, 0, 0]) + b"one", 0.0) == (b"", bytes([0, 3, 3, 0]))
    assert line.received(bytes([4, 0, 0, 0]) + b"two and", 0.0)[0] == b" and"
    assert line.received(bytes([5, 0, 0, 0]) + b"three", 0.0)[0] == b"three"


def test_what_the_bmc_took_in_part_goes_on_with_a_new_number() -> None:
    line = SolLine(MOST)
    line.write(b"root\r")
    assert line.outgoing(0.0) == bytes([1, 0, 0, 0]) + b"root\r"
    line.received(bytes([0, 1, 2, Status.NACK]), 0.0)
    assert line.outgoing(0.1) is None, "it was asked to wait"
    due_at = line.due_at()
    assert due_at is not None
    assert line.outgoing(due_at) == bytes([2, 0, 0, 0]) + b"ot\r"


def test_what_is_typed_to_a_machine_that_is_off_is_not_typed_when_it_comes_on() -> None:
    line = SolLine(MOST)
    line.write(b"x")
    line.outgoing(0.0)
    line.write(b"yz")
    line.received(bytes([0, 1, 0, Status.NACK | Status.UNAVAILABLE]), 0.0)
    assert not line.powered
    assert line.outgoing(100.0) is None
    line.write(b"a")
    assert line.outgoing(101.0) == bytes([2, 0, 0, 0]) + b"a"
    line.received(bytes([0, 2, 1, 0]), 101.0)
    assert line.powered


def test_a_break_keeps_its_place_after_what_was_typed_and_is_repeated_until_it_is_taken() -> None:
    bmc, line = Bmc(b""), SolLine(MOST)
    line.write(b"a")
    line.send_break()
    for _ in range(2):
        packet = line.outgoing(0.0)
        assert packet is not None
        line.received(bmc.receive(packet), 0.0)
    assert (bmc.typed, bmc.breaks) == (b"a", 1)
    assert line.due_at() is None


def test_a_bmc_that_acknowledges_nothing_is_lost_after_some_tries() -> None:
    line, now, tries = SolLine(MOST), 0.0, 0
    line.write(b"a")
    while tries < 10 and now < 60:
        tries += line.outgoing(now) is not None
        now += 0.25
    assert tries == 10
    with pytest.raises(LineLost):
        line.outgoing(now + 60)


def test_the_bmc_says_that_it_ends() -> None:
    line = SolLine(MOST)
    line.received(bytes([0, 0, 0, Status.ENDING]), 0.0)
    assert line.ended


def test_typing_far_ahead_is_refused_and_keeps_what_was_typed() -> None:
    line = SolLine(MOST)
    assert line.write(b"a" * 60_000)
    assert not line.write(b"b" * 60_000)
    packet = line.outgoing(0.0)
    assert packet is not None
    assert set(packet[4:]) == {ord("a")}
