"""Holding BMCs through a real Valkey: one session at a time, whichever process asks, and a pause between two."""

import time

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import BmcBusy
from bmprov.queue import Hold, JobQueue

BMCS, NOTES = ["ipmi://192.0.2.1", "ipmi://192.0.2.2", "ipmi://192.0.2.3"], ["one", "two", "three"]
KEPT_S, PAUSE_S = 60, 0.4


@pytest.fixture
def queue(valkey: str) -> JobQueue:
    queue = JobQueue(valkey, pause_s=PAUSE_S)
    queue.redis.flushall()
    return queue


def held(queue: JobQueue, bmc: str) -> bool:
    """Whether somebody has it, or it has its pause."""
    try:
        with queue.hold(bmc, Deadline.after(0)):
            return False
    except BmcBusy:
        return True


def test_many_are_held_but_for_those_that_another_has(queue: JobQueue) -> None:
    """The other keeps his, and what is kept of a BMC is told whoever has it."""
    queue.keep("two", b"seen", KEPT_S)
    with queue.hold(BMCS[1], Deadline.after(0)):
        first, second, third = queue.hold_many(BMCS, NOTES, KEPT_S)
        assert second == Hold(None, b"seen")
        assert first.token
        assert third.token
        assert first.note is third.note is None
        assert [hold.token for hold in queue.hold_many(BMCS, NOTES, KEPT_S)] == [None, None, None]
        queue.let_go_many({BMCS[0]: first.token}, {}, KEPT_S)
        time.sleep(PAUSE_S * 1.5)
        assert [held(queue, bmc) for bmc in BMCS] == [False, True, True]


def test_many_are_let_go_after_their_pause(queue: JobQueue, valkey: str) -> None:
    """Nobody has them in between; without a pause they are free at once."""
    tokens = [hold.token or b"" for hold in queue.hold_many(BMCS, NOTES, KEPT_S)]
    queue.let_go_many(dict(zip(BMCS, tokens, strict=True)), {}, KEPT_S)
    assert all(held(queue, bmc) for bmc in BMCS)
    time.sleep(PAUSE_S * 1.5)
    queue = JobQueue(valkey, pause_s=0)
    tokens = [hold.token or b"" for hold in queue.hold_many(BMCS, NOTES, KEPT_S)]
    queue.let_go_many(dict(zip(BMCS, tokens, strict=True)), {}, KEPT_S)
    assert not any(held(queue, bmc) for bmc in BMCS)


def test_what_another_holds_meanwhile_is_not_let_go(queue: JobQueue) -> None:
    """When a hold ran out and another has the BMC, he keeps it, and the rest is let go all the same."""
    (hold,) = queue.hold_many(BMCS[:1], NOTES[:1], KEPT_S)
    queue.let_go_many({BMCS[1]: b"of a hold that ran out", BMCS[0]: hold.token or b""}, {}, KEPT_S)
    with queue.hold(BMCS[1], Deadline.after(0)):
        queue.let_go_many({BMCS[1]: b"of a hold that ran out"}, {}, KEPT_S)
        time.sleep(PAUSE_S * 1.5)
        assert [held(queue, bmc) for bmc in BMCS] == [False, True, False]


def test_notes_are_kept_and_dropped_as_bmcs_are_let_go(queue: JobQueue) -> None:
    """And kept longer by being read."""
    queue.keep("one", b"old", KEPT_S)
    queue.keep("two", b"old", KEPT_S)
    queue.let_go_many({}, {"one": None, "two": b"new"}, KEPT_S)
    assert (queue.kept("one", KEPT_S), queue.kept("two", KEPT_S)) == (None, b"new")
    assert [hold.note for hold in queue.hold_many(BMCS, NOTES, 10 * KEPT_S)] == [None, b"new", None]
    assert queue.redis.ttl("bmprov:kept:two") > KEPT_S


def test_the_progress_of_many_is_asked_for_at_once(queue: JobQueue) -> None:
    """Those that have not told are left out, and nobody is asked about nothing."""
    queue.set_progress("one", 5, 9)
    queue.set_progress("two", 0, 2**40)
    assert queue.progress_of(["two", "three", "one"]) == {"one": (5, 9), "two": (0, 2**40)}
    assert JobQueue("redis://127.0.0.1:1").progress_of([]) == {}
