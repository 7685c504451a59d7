"""What follows from a receiver's answer."""

from dataclasses import replace
from itertools import pairwise

import pytest

from bmprov.webhook import Delivery, NoticeKind
from worker.webhooks.verdict import GIVE_UP_S, HOLD_S, Again, Answer, Arrived, GiveUp, SwitchOff, Verdict, judge

NOW = 1_000_000.0
TRIED = Delivery(1, "w", "c", NoticeKind.POWER, "{}", created_at=NOW, attempts=1, due_at=NOW)
SILENT = Answer(error="it did not answer for 10 s")


def judged(answer: Answer, delivery: Delivery = TRIED, at: float = NOW, factor: float = 1.0) -> Verdict:
    return judge(delivery, answer, at, lambda: factor)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_has_arrived(status: int) -> None:
    """What the receiver says beside it does not count."""
    assert judged(Answer(status)) == Arrived()


@pytest.mark.parametrize("status", [100, 301, 302, 307, 400, 401, 403, 404, 422, 500, 501, 505, 599])
def test_whatever_else_is_tried_again(status: int) -> None:
    """What the receiver has looked at and refused holds up nothing else."""
    assert judged(Answer(status)) == Again(5.0, 0.0)


@pytest.mark.parametrize("answer", [SILENT, Answer(429), Answer(502), Answer(503), Answer(504)])
def test_a_receiver_that_cannot_look_is_left_alone(answer: Answer) -> None:
    """With all that is for it, for a minute at most: what is new must not wait for long."""
    assert judged(answer) == Again(5.0, 5.0)
    assert judged(answer, replace(TRIED, attempts=9)) == Again(1280.0, HOLD_S)


def test_410_ends_it_for_ever() -> None:
    """Standard Webhooks: the receiver wants nothing more from this sender."""
    assert judged(Answer(410)) == SwitchOff()


def test_tries_come_further_apart_and_end_after_a_day() -> None:
    """From 5 s to an hour; then it is given up."""
    at, tries, delivery = NOW, [NOW], TRIED
    while isinstance(verdict := judged(Answer(500), delivery, at), Again):
        at += verdict.after_s
        tries.append(at)
        delivery = replace(delivery, attempts=delivery.attempts + 1)
    gaps = [later - earlier for earlier, later in pairwise(tries)]
    assert gaps[:4] == [5, 10, 20, 40]
    assert gaps[10:] == [3600.0] * len(gaps[10:])
    assert verdict == GiveUp()
    assert GIVE_UP_S - 3600 < tries[-1] - NOW <= GIVE_UP_S
    assert len(tries) == 33


def test_retries_are_spread() -> None:
    """A receiver that comes back is not met by all at once."""
    assert judged(Answer(500), factor=1.2) == Again(6.0, 0.0)


@pytest.mark.parametrize(("asked_s", "given_s"), [(0.0, 1.0), (7.0, 7.0), (1800.0, 1800.0), (86_400.0, 3600.0)])
def test_retry_after_is_honoured_within_bounds(asked_s: float, given_s: float) -> None:
    """RFC 9110, section 10.2.3; a receiver cannot put a message off for ever."""
    assert judged(Answer(503, retry_after_s=asked_s)) == Again(given_s, min(given_s, HOLD_S))
    assert judged(Answer(400, retry_after_s=asked_s)) == Again(given_s, 0.0)


def test_a_ping_is_sent_once() -> None:
    """Nobody waits for a test an hour later."""
    assert judged(SILENT, replace(TRIED, kind=NoticeKind.PING)) == GiveUp()


def test_each_answer_has_words() -> None:
    """An operator reads what to do."""
    assert Answer(204).words == ""
    assert SILENT.words == "it did not answer for 10 s"
    assert Answer(500).words == "it answered 500 Internal Server Error"
    assert Answer(599).words == "it answered 599"
    assert Answer(307).words.startswith("it answered 307, and redirects are not followed")
    assert Answer(410).words == "the receiver answered 410 Gone"
