"""A TFTP transfer without a network: the clock and every packet are the test's."""

import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxe.tftp_options import RESEND_S, TRIES, agree
from pxe.tftp_packets import Mode, Request
from pxe.tftp_transfer import SOONEST_S, Ended, Outcome, Transfer

LOADER = bytes(range(251)) * 24


def begun(*, content: bytes = LOADER, mode: Mode = Mode.OCTET, **options: int) -> tuple[Transfer, list[bytes]]:
    """A transfer and its first packets."""
    asked = Request(writes=False, name="a", mode=mode, options={name: str(value) for name, value in options.items()})
    transfer = Transfer(asked, lambda _: io.BytesIO(content), 0.0)
    first = transfer.begin(0.0)
    assert isinstance(first, list)
    return transfer, first


def ack(block: int) -> bytes:
    return b"\0\4" + (block % 65536).to_bytes(2)


def numbers(packets: object) -> list[int]:
    assert isinstance(packets, list)
    return [int.from_bytes(packet[2:4]) for packet in packets]


def test_a_client_that_is_gone_is_given_up() -> None:
    """After so many packets without an answer, and not before."""
    transfer, first = begun()
    assert [transfer.tick(number * RESEND_S) for number in range(1, TRIES + 1)] == [first] * TRIES
    assert transfer.resent == TRIES
    ended = transfer.tick((TRIES + 1) * RESEND_S)
    assert ended == Ended(Outcome.GIVEN_UP, "block 1 not acknowledged for 11 s")


@pytest.mark.parametrize(("timeout_s", "tries"), [(1, 10), (5, 10), (10, 6), (255, 2)])
def test_the_client_chooses_the_pace_of_what_is_sent_again(timeout_s: int, tries: int) -> None:
    """RFC 2349: the interval is the client's; a long one does not keep a dead machine for as many tries."""
    transfer, first = begun(timeout=timeout_s)
    assert first == [b"\0\6timeout\0" + str(timeout_s).encode() + b"\0"]
    assert transfer.tick(timeout_s - 0.1) is None
    assert [transfer.tick(float(number * timeout_s)) for number in range(1, tries + 1)] == [first] * tries
    assert isinstance(transfer.tick(float((tries + 1) * timeout_s)), Ended)


def test_a_loader_that_cannot_be_read_is_said() -> None:
    """The package was removed while the service ran: the client is told, and the log."""

    def gone(_: str) -> io.BytesIO:
        raise FileNotFoundError(2, "No such file or directory")

    ended = Transfer(Request(writes=False, name="a", mode=Mode.OCTET, options={}), gone, 0.0).begin(0.0)
    assert isinstance(ended, Ended)
    assert (ended.outcome, ended.why) == (Outcome.REFUSED, "the loader cannot be read (No such file or directory)")
    assert ended.last_word == b"\0\5\0\2Access violation\0"


def test_a_mode_of_the_past_is_refused() -> None:
    """Mail (RFC 1350, 1) is error 4."""
    ended = Transfer(Request(writes=False, name="a", mode=Mode.UNKNOWN, options={}), lambda _: io.BytesIO(), 0.0).begin(
        0.0
    )
    assert isinstance(ended, Ended)
    assert ended.last_word[:4] == b"\0\5\0\4"


def test_netascii_tells_ends_of_lines() -> None:
    """RFC 1350 by way of RFC 764: a line ends with CR LF, and a bare CR has a NUL after it."""
    transfer, first = begun(content=b"a\nb\rc\r\n", mode=Mode.NETASCII, tsize=0)
    assert first == [b"\0\6tsize\x0011\0"]
    assert transfer.receive(ack(0), 0.0) == [b"\0\3\0\1a\r\nb\r\0c\r\0\r\n"]


def test_the_end_of_a_file_of_whole_blocks_is_an_empty_block() -> None:
    """RFC 1350, 6: a block shorter than the others ends the transfer."""
    transfer, _ = begun(content=bytes(1024))
    assert transfer.receive(ack(1), 0.0) == [b"\0\3\0\2" + bytes(512)]
    assert transfer.receive(ack(2), 0.0) == [b"\0\3\0\3"]
    assert transfer.receive(ack(3), 0.0) == Ended(Outcome.SENT)


def test_a_window_is_sent_at_once() -> None:
    """RFC 7440, 3: as many blocks as were agreed on, then an acknowledgement of the last one."""
    transfer, _ = begun(windowsize=4)
    assert numbers(transfer.receive(ack(0), 0.0)) == [1, 2, 3, 4]
    assert numbers(transfer.receive(ack(4), 0.0)) == [5, 6, 7, 8]
    assert numbers(transfer.receive(ack(8), 0.0)) == [9, 10, 11, 12]
    assert transfer.receive(ack(12), 0.0) == Ended(Outcome.SENT)


def test_options_are_read_at_once() -> None:
    """A hall's machines wait for this one after the other: no range is gone through number by number."""
    began = time.process_time()
    for _ in range(1000):
        agree({"blksize": "1428", "tsize": "0"}, 1)
    assert time.process_time() - began < 1


def test_an_earlier_acknowledgement_is_answered_from_there() -> None:
    """RFC 7440, 4: the client says what it has when it misses a block, and is answered after a moment."""
    transfer, _ = begun(windowsize=4)
    transfer.receive(ack(0), 0.0)
    assert transfer.receive(ack(2), 0.001) is None
    assert 0.001 < transfer.due < SOONEST_S / 2
    assert numbers(transfer.tick(transfer.due)) == [3, 4, 5, 6]
    assert transfer.resent == 1


def test_earlier_acknowledgements_of_doubled_blocks_double_nothing() -> None:
    """The sorcerer's apprentice in a window: atftp acknowledges each block that it has got already."""
    transfer, _ = begun(windowsize=4)
    transfer.receive(ack(0), 0.0)
    assert [transfer.receive(ack(block), 0.001) for block in (1, 2, 3)] == [None] * 3
    assert transfer.tick(0.001) is None
    assert numbers(transfer.receive(ack(4), 0.002)) == [5, 6, 7, 8]


def test_a_quick_client_is_not_kept_waiting_for_a_lost_packet() -> None:
    """The server learns from its answers how long they take, and doubles its patience while none comes (RFC 1123)."""
    transfer, _ = begun()
    packet = transfer.receive(ack(1), 0.001)
    sent: list[float] = []
    while not isinstance(step := transfer.tick(now := transfer.due), Ended):
        assert step == packet
        sent.append(round(now, 3))
        assert now < 60
    assert sent[:4] == [0.201, 0.601, 1.401, 2.401]
    assert step.outcome is Outcome.GIVEN_UP
    assert 11 <= transfer.due < 12


def test_a_slow_client_is_given_its_time() -> None:
    """What it needs is no loss, as long as it is no more than a second."""
    transfer, _ = begun()
    transfer.receive(ack(1), 0.1)
    assert transfer.due == pytest.approx(0.1 + 0.8)
    transfer.receive(ack(2), 0.7)
    assert transfer.due == pytest.approx(0.7 + RESEND_S)


def test_a_client_that_has_become_slow_is_not_sent_everything_twice() -> None:
    """An answer to what was sent twice teaches nothing, but the server stays patient until one does (Karn)."""
    transfer, _ = begun()
    transfer.receive(ack(1), 0.001)
    now = 0.001
    for block in range(2, 9):
        now += 0.3
        transfer.tick(now - 0.05)
        assert numbers(transfer.receive(ack(block), now)) == [block + 1]
    assert transfer.resent == 1


def test_a_lost_first_block_of_a_window_is_sent_again_soon() -> None:
    """The same acknowledgement again says so, or it was doubled: the server waits a moment for the next one."""
    transfer, _ = begun(windowsize=4)
    transfer.receive(ack(0), 0.0)
    transfer.receive(ack(4), 0.001)
    assert transfer.receive(ack(4), 0.002) is None
    assert transfer.tick(0.003) is None
    assert 0.003 < transfer.due < RESEND_S / 2
    assert numbers(transfer.tick(transfer.due)) == [5, 6, 7, 8]


@pytest.mark.parametrize("window", [1, 4])
def test_doubled_acknowledgements_double_nothing(window: int) -> None:
    """The sorcerer's apprentice (RFC 1123, 4.2.3.1), for windows too: each block is sent once."""
    transfer, packets = begun(windowsize=window)
    seen, now, answer = [], 0.0, transfer.receive(ack(0), 0.0)
    while isinstance(answer, list):
        seen += numbers(answer)
        now += 0.004
        answer = transfer.receive(ack(seen[-1]), now)
        assert transfer.receive(ack(seen[-1]), now) is None or isinstance(answer, Ended)
        assert transfer.tick(now + 0.004) is None
    assert seen == list(range(1, 13))
    assert packets[0][:2] == b"\0\6"


def test_a_client_that_only_repeats_itself_is_given_up() -> None:
    """It is answered a bounded number of times."""
    transfer, _ = begun(windowsize=4)
    transfer.receive(ack(0), 0.0)
    now, sent = 0.0, 0
    answer: list[bytes] | Ended | None = None
    while not isinstance(answer, Ended):
        now += 0.001
        assert transfer.receive(ack(0), now) is None
        answer = transfer.tick(now)
        sent += isinstance(answer, list)
        assert now < 60
    assert sent <= 2 * TRIES


def test_block_numbers_roll_over_to_zero() -> None:
    """Within a window, too, and acknowledgements of the earlier round are as good as none."""
    content = bytes(8) * 70_000
    transfer, _ = begun(content=content, blksize=8, windowsize=7)
    answer = transfer.receive(ack(0), 0.0)
    while numbers(answer)[-1] < 65_530:
        answer = transfer.receive(ack(numbers(answer)[-1]), 0.0)
    assert numbers(answer) == list(range(65_528, 65_535))
    assert transfer.receive(ack(65_520), 0.0) is None
    assert numbers(transfer.receive(ack(65_534), 0.0)) == [65_535, 0, 1, 2, 3, 4, 5]
    assert transfer.receive(ack(0), 0.0) is None
    assert numbers(transfer.tick(transfer.due)) == [1, 2, 3, 4, 5, 6, 7]


class Receiver:
    """A client as RFC 7440 has it, or one that acknowledges whatever it did not expect, as OVMF does."""

    def __init__(self, block_bytes: int, window: int, *, nervous: bool) -> None:
        self.content = bytearray()
        self.done = False
        self._block_bytes, self._window, self._nervous = block_bytes, window, nervous
        self._received = self._told = 0
        self._complained = -1

    def take(self, packet: bytes) -> list[bytes]:
        if packet[:2] == b"\0\6":
            return [ack(0)] if not self._received else []
        if int.from_bytes(packet[2:4]) != (self._received + 1) % 65536:
            if not self._nervous and self._complained == self._received:
                return []
            self._complained = self._told = self._received
            return [ack(self._received)]
        self._received += 1
        self.content += packet[4:]
        self.done = len(packet) - 4 < self._block_bytes
        if not self.done and self._received - self._told < self._window:
            return []
        self._told = self._received
        return [ack(self._received)]

    def remind(self) -> bytes:
        self._told = self._received
        return ack(self._received)


class Wire:
    """Loses, doubles and reorders as it is told, packet by packet; faultless when it has run out of ideas."""

    def __init__(self, fates: list[int]) -> None:
        self._fates = fates
        self._late: list[bytes] = []

    def carry(self, packets: list[bytes]) -> list[bytes]:
        out: list[bytes] = []
        for packet in packets:
            fate = self._fates.pop() if self._fates else 3
            if fate == 2:
                self._late.append(packet)
            else:
                out += [packet] * (0, 2, 0, 1)[fate]
        if not self._fates or self._fates[-1] != 2:
            out += self._late
            self._late = []
        return out


@given(
    size=st.integers(0, 700),
    block_bytes=st.integers(8, 20),
    window=st.integers(1, 9),
    nervous=st.booleans(),
    there=st.lists(st.integers(0, 3), max_size=60),
    back=st.lists(st.integers(0, 3), max_size=60),
)
def test_all_bytes_arrive_whatever_the_wire_does(
    *, size: int, block_bytes: int, window: int, nervous: bool, there: list[int], back: list[int]
) -> None:
    """Lost, doubled and reordered packets both ways: the file is whole in the end, and the transfer always ends."""
    content = bytes(n % 256 for n in range(size))
    transfer, packets = begun(content=content, blksize=block_bytes, windowsize=window)
    receiver, out, home = Receiver(block_bytes, window, nervous=nervous), Wire(there), Wire(back)
    now, sent, ended = 0.0, 0, None
    while ended is None:
        sent += len(packets)
        answers = [answer for packet in out.carry(packets) for answer in receiver.take(packet)]
        packets = []
        heard = home.carry(answers)
        if not heard:
            now += 0.3
            heard = home.carry([receiver.remind()]) if int(now * 10) % 6 == 0 else []
        steps = [transfer.receive(packet, now) for packet in heard] + [transfer.tick(now)]
        for step in steps:
            packets += step if isinstance(step, list) else []
            ended = ended or (step if isinstance(step, Ended) else None)
        assert content.startswith(receiver.content)
        assert now < 60
    assert receiver.done if ended.outcome is Outcome.SENT else len(there) + len(back) >= TRIES
    assert not receiver.done or receiver.content == content
    assert sent < 2000


@given(
    window=st.integers(1, 64),
    heard=st.lists(st.binary(max_size=8) | st.integers(0, 65_535).map(ack) | st.integers(0, 70).map(ack), max_size=50),
)
def test_whatever_a_client_says_only_the_file_is_sent(window: int, heard: list[bytes]) -> None:
    """Packets of the right shape and within the window, for any bytes; and then silence ends it."""
    transfer, _ = begun(blksize=100, windowsize=window)
    now, step = 0.0, None
    for packet in heard:
        step = transfer.receive(packet, now)
        if isinstance(step, Ended):
            return
        for block in step or []:
            place = (int.from_bytes(block[2:4]) - 1) * 100
            assert block == b"\0\3" + block[2:4] + LOADER[place : place + 100]
        assert len(step or []) <= window
    for _ in range(3 * TRIES):
        now += RESEND_S
        step = transfer.tick(now)
        if isinstance(step, Ended):
            return
    pytest.fail("silence does not end it")
