"""Tells webhooks what is due for them: in every watch, many receivers at once, one call to each at a time.

Who calls a webhook now stands in its row, so any number of watches may run. One that dies in the middle of a call has
let the message go or not: it is sent again, with the same id, when the hold on the webhook has run out.
"""

import random
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import structlog

from bmprov.deadline import Deadline
from bmprov.errors import BmprovError
from bmprov.store import Store, Transaction
from bmprov.store.deliveries import Call
from bmprov.vault import Vault
from bmprov.webhook import signed_headers
from worker.webhooks.call import call
from worker.webhooks.verdict import Again, Answer, Arrived, GiveUp, SwitchOff, judge

log = structlog.get_logger()

CALL_S = 10.0
"""How long a receiver may take, from the look-up of its name to the end of its answer."""
KEEP_S = 7 * 24 * 3600.0
"""How long what has ended is shown."""

_LEASE_S = 2 * CALL_S
_AT_ONCE = 32
_PRUNE_S = 3600.0


@dataclass
class WebhookRounds:
    """Looks every `tick_s` seconds for what is due. A webhook stays with a sender that has died for `lease_s`."""

    store: Store
    vault: Vault
    tick_s: float
    lease_s: float = _LEASE_S
    call_s: float = CALL_S
    jitter: Callable[[], float] = field(default=partial(random.uniform, 0.8, 1.2))
    _under_way: dict[str, Future[None]] = field(default_factory=dict)
    _pruned_at: float = 0.0

    def run(self, stopping: threading.Event) -> None:
        """Go on until `stopping` is set; calls under way are finished."""
        with ThreadPoolExecutor(_AT_ONCE, "webhook") as pool:
            while not stopping.is_set():
                try:
                    self._begin(pool, stopping)
                except BmprovError as error:
                    log.warning("webhooks wait", why=str(error))
                except Exception:  # the outermost loop: one odd row must not silence all webhooks
                    log.exception("webhooks met an unexpected fault and go on")
                stopping.wait(self.tick_s)

    def work_off(self, webhook_id: str, stopping: threading.Event) -> None:
        """Send what is due for a webhook, one after the other, until nothing is or somebody else calls it."""
        while not stopping.is_set():
            with self.store.write() as transaction:
                taken = transaction.deliveries.take(webhook_id, self.lease_s)
            if taken is None:
                return
            answer = self._call(taken)
            with self.store.write() as transaction:
                self._settle(transaction, taken, answer)

    def _begin(self, pool: ThreadPoolExecutor, stopping: threading.Event) -> None:
        with self.store.read() as transaction:
            webhooks, now = transaction.deliveries.callable(), transaction.now
        self._under_way = {one: future for one, future in self._under_way.items() if not future.done()}
        for webhook_id in webhooks:
            if webhook_id not in self._under_way:
                self._under_way[webhook_id] = pool.submit(self._guarded, webhook_id, stopping)
        if now - self._pruned_at > _PRUNE_S:
            self._pruned_at = now
            with self.store.write() as transaction:
                transaction.deliveries.prune(KEEP_S)

    def _guarded(self, webhook_id: str, stopping: threading.Event) -> None:
        try:
            self.work_off(webhook_id, stopping)
        except BmprovError as error:
            log.warning("webhook waits", webhook=webhook_id, why=str(error))
        except Exception:  # the outermost loop of a thread: what one receiver does must not end the rounds
            log.exception("webhook met an unexpected fault", webhook=webhook_id)

    def _call(self, taken: Call) -> Answer:
        webhook, delivery, now = taken.webhook, taken.delivery, self.store.clock()
        try:
            signing = [self.vault.open(one.sealed).decode() for one in webhook.signing(now)]
        except BmprovError as error:
            return Answer(error=str(error))
        headers = signed_headers(delivery.message_id, delivery.body, now, signing)
        return call(webhook.url, webhook.trust, delivery.body, headers, Deadline.after(self.call_s))

    def _settle(self, transaction: Transaction, taken: Call, answer: Answer) -> None:
        verdict = judge(taken.delivery, answer, transaction.now, self.jitter)
        deliveries, why = transaction.deliveries, answer.words
        match verdict:
            case Arrived():
                deliveries.end(taken, answer.status)
            case Again():
                due_at, hold_until = transaction.now + verdict.after_s, transaction.now + verdict.hold_s
                deliveries.put_off(taken, due_at, answer.status, why, hold_until=hold_until)
            case GiveUp():
                deliveries.end(taken, answer.status, why)
                _note(transaction, "webhook delivery given up", taken, f"{taken.delivery.kind}: {why}")
            case SwitchOff():
                transaction.webhooks.change(taken.webhook.id, off_because=why)
                deliveries.end(taken, answer.status, why)
                deliveries.drop(taken.webhook.id, why)
                _note(transaction, "webhook switched off", taken, why)
        log.info(
            "webhook",
            webhook=taken.webhook.name,
            message=taken.delivery.message_id,
            kind=taken.delivery.kind,
            outcome=type(verdict).__name__.lower(),
            status=answer.status,
            why=why,
        )


def _note(transaction: Transaction, what: str, taken: Call, detail: str) -> None:
    transaction.events.add(what, actor="bmprov", detail=f"{taken.webhook.name}: {detail}")
