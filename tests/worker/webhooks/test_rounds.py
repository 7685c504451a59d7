"""Webhooks are told: down and back, slow, gone, killed in mid-call, by two watches at once."""

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from bmprov.errors import Conflict, Retryable
from bmprov.orders import WebhookChange
from bmprov.store import Store
from bmprov.vault import Vault
from bmprov.webhook import DeliveryState
from tests.worker.webhooks.conftest import ADMIN, Post, until
from tests.worker.webhooks.receiver import Receiver, receiver, status
from worker.webhooks.rounds import KEEP_S, WebhookRounds
from worker.webhooks.verdict import GIVE_UP_S

SENDER = """
import sys, threading
from pathlib import Path
from bmprov.store import Store
from bmprov.vault import Vault
from worker.webhooks.rounds import WebhookRounds
WebhookRounds(Store(sys.argv[1]), Vault.from_file(Path(sys.argv[2])), 0.02, lease_s=1.0).run(threading.Event())
"""


def test_what_happens_is_told_in_order(post: Post, there: Receiver) -> None:
    """One call after the other, each verified by the judge."""
    webhook = post.add(there)
    with post.running():
        post.tell(20)
        until(lambda: len(there.messages) == 20, "the arrival of all")
    assert [one["number"] for one in there.of("power.out-of-band")] == list(range(20))
    assert there.most_at_once == 1
    assert there.forged == []
    assert {one.state for one in post.deliveries(webhook)} == {DeliveryState.DELIVERED}
    assert {one.attempts for one in post.deliveries(webhook)} == {1}


def test_a_receiver_that_was_down_gets_all_when_it_is_back(post: Post, tmp_path: Path) -> None:
    """What waits for a long while goes as soon as something has arrived."""
    with receiver(tmp_path) as there:
        webhook, port, secret = post.add(there), there.port, there.secret
    post.tell(3)
    for ahead_s in (0, 70, 140, 210):
        post.ahead_s = ahead_s
        post.work_off(webhook)
    down = post.deliveries(webhook)
    assert {one.state for one in down} == {DeliveryState.PENDING}
    assert all("Connection refused" in one.error for one in down if one.attempts)
    with receiver(tmp_path, port) as there:
        there.secret = secret
        post.ahead_s = 280
        post.tell()
        post.work_off(webhook)
    assert sorted(one["number"] for one in there.of("power.out-of-band")) == [0, 0, 1, 2]
    assert {one.state for one in post.deliveries(webhook)} == {DeliveryState.DELIVERED}


def test_a_dead_receiver_costs_one_call_for_all(post: Post) -> None:
    """A hundred messages for nobody are not a hundred calls."""
    webhook = post.add("http://127.0.0.1:1/")
    post.tell(100)
    post.work_off(webhook)
    assert [one.attempts for one in post.deliveries(webhook)] == [1] + [0] * 99


def test_an_error_is_tried_again(post: Post, there: Receiver) -> None:
    """With the same id, the time of the attempt, and the same body; what comes after it is not held up."""
    webhook = post.add(there)
    there.answers.extend([status(500), status(204)])
    post.tell(2)
    post.work_off(webhook)
    failed, arrived = post.deliveries(webhook)
    assert (failed.state, failed.status, failed.error) == ("pending", 500, "it answered 500 Internal Server Error")
    assert arrived.state is DeliveryState.DELIVERED
    post.ahead_s = 5.5
    post.work_off(webhook)
    first, _, again = there.messages
    assert (again.id, again.body) == (first.id, first.body)
    assert again.timestamp > first.timestamp
    assert post.deliveries(webhook)[0].attempts == 2


def test_after_a_day_it_is_given_up_and_said(post: Post, there: Receiver) -> None:
    """An audit event tells; so does the list."""
    webhook = post.add(there)
    there.answer = status(500)
    post.tell()
    post.work_off(webhook)
    post.ahead_s = GIVE_UP_S
    post.work_off(webhook)
    [given_up] = post.deliveries(webhook)
    assert (given_up.state, given_up.attempts) == (DeliveryState.FAILED, 2)
    what = "alerts: power.out-of-band: it answered 500 Internal Server Error"
    assert post.events() == [("webhook delivery given up", what)]
    post.ahead_s += GIVE_UP_S
    post.work_off(webhook)
    assert post.deliveries(webhook)[0].attempts == 2


def test_410_switches_it_off(post: Post, there: Receiver) -> None:
    """All that is pending is given up, nothing new is told, and an operator can switch it on again."""
    webhook = post.add(there)
    there.answer = status(410)
    post.tell(3)
    post.work_off(webhook)
    post.tell()
    assert [(one.state, one.attempts) for one in post.deliveries(webhook)] == [
        (DeliveryState.FAILED, 1),
        (DeliveryState.FAILED, 0),
        (DeliveryState.FAILED, 0),
    ]
    assert post.events() == [("webhook switched off", "alerts: the receiver answered 410 Gone")]
    with pytest.raises(Conflict, match="410 Gone"):
        post.orders.ping_webhook("alerts", ADMIN)
    post.orders.change_webhook("alerts", WebhookChange(on=True), ADMIN)
    there.answer = status(204)
    post.orders.redeliver("alerts", post.deliveries(webhook)[1].id, ADMIN)
    post.work_off(webhook)
    assert [one["number"] for one in there.of("power.out-of-band")] == [0, 1]


def test_a_slow_receiver_holds_up_no_other(post: Post, there: Receiver, tmp_path: Path) -> None:
    """Each webhook is called by a thread of its own."""
    free = threading.Event()
    there.answer = lambda request: (free.wait(10), status(204)(request))[1]
    post.add(there, "slow")
    (tmp_path / "quick").mkdir()
    with receiver(tmp_path / "quick") as quick, post.running():
        post.add(quick, "quick")
        post.tell(5)
        until(lambda: len(quick.messages) == 5, "the quick one's messages")
        assert len(there.messages) <= 1
        free.set()
        until(lambda: len(there.messages) == 5, "the slow one's messages")
    assert (there.most_at_once, quick.most_at_once) == (1, 1)


def test_the_old_secret_signs_beside_the_new_one_for_a_day(post: Post, there: Receiver) -> None:
    """A receiver may take the new one at any time of it."""
    webhook = post.add(there)
    old = there.secret
    _, new = post.orders.rotate_webhook("alerts", ADMIN)
    for there.secret in (old, new):
        post.tell()
        post.work_off(webhook)
    assert ([one.signatures for one in there.messages], there.forged) == ([2, 2], [])
    post.ahead_s = 24 * 3600 + 1
    post.tell()
    post.work_off(webhook)
    assert len(there.messages) == 2
    assert there.forged == ["WebhookVerificationError: Message timestamp too new"]
    post.ahead_s = 0
    there.secret = post.orders.rotate_webhook("alerts", ADMIN, at_once=True)[1]
    post.tell()
    post.work_off(webhook)
    assert [one.signatures for one in there.messages] == [2, 2, 1]


def test_a_secret_that_does_not_open_is_said(post: Post, there: Receiver) -> None:
    """The key file was changed: nothing is sent unsigned."""
    webhook = post.add(there)
    post.tell()
    post.rounds.vault = Vault([b"A" * 43 + b"="])
    post.work_off(webhook)
    [pending] = post.deliveries(webhook)
    assert pending.error.startswith("a stored secret does not open")
    assert there.messages == there.forged == []


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_two_watches_send_everything_once(
    request: pytest.FixtureRequest, post: Post, there: Receiver, tmp_path: Path, database: str
) -> None:
    """Any number may run; who calls a webhook stands in its row."""
    if database == "postgresql":
        post.store.close()
        post = Post(request.getfixturevalue("postgres_tables")(), tmp_path / "other.key")
    other = WebhookRounds(Store(post.url), post.vault, 0.01)
    post.add(there)
    with post.running(post.rounds, other):
        for _ in range(30):
            post.tell()
        until(lambda: len(there.messages) >= 30, "the arrival of all")
    assert len(set(there.ids)) == len(there.ids) == 30
    assert there.most_at_once == 1
    other.store.close()
    post.store.close()


def test_a_sender_that_is_killed_in_mid_call_has_told_at_least_once(post: Post, there: Receiver) -> None:
    """Kill -9: another sends the message again under the same id, by which the receiver knows it."""
    webhook = post.add(there)
    reached = threading.Event()
    there.answers.append(lambda _: reached.set() or time.sleep(2))
    post.tell(2)
    sender = partial(subprocess.Popen, [sys.executable, "-c", SENDER, post.url, str(post.key_file)])
    with sender() as first:
        assert reached.wait(20)
        os.kill(first.pid, signal.SIGKILL)
    with sender() as second:
        until(lambda: len(there.messages) == 3, "the second message", 20)
        until(lambda: not _pending(post, webhook.id), "the end")
        second.kill()
    assert there.ids[0] == there.ids[1]
    assert len(set(there.ids)) == 2
    assert [one.attempts for one in post.deliveries(webhook)] == [2, 1]


def _pending(post: Post, webhook_id: str) -> int:
    with post.store.read() as transaction:
        return transaction.deliveries.tallies()[webhook_id].pending


def test_what_has_ended_is_pruned(post: Post, there: Receiver) -> None:
    """A week later nobody asks."""
    webhook = post.add(there)
    post.tell()
    post.work_off(webhook)
    post.ahead_s = KEEP_S + 1
    with post.running():
        until(lambda: not post.deliveries(webhook), "the end of the old")


def test_a_database_that_is_gone_is_waited_for(post: Post, there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rounds go on when it is back."""
    webhook = post.add(there)
    asked = threading.Event()
    read = post.store.read

    def gone() -> object:
        asked.set()
        raise Retryable("the database did not answer")

    monkeypatch.setattr(post.store, "read", gone)
    post.tell()
    with post.running():
        assert asked.wait(10)
        monkeypatch.setattr(post.store, "read", read)
        until(lambda: len(there.messages) == 1, "the message")
    assert post.deliveries(webhook)[0].state is DeliveryState.DELIVERED
