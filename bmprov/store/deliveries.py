"""Deliveries to webhooks: who may call which webhook now, what has become of a call, and what is shown of it.

A webhook is called by one sender at a time. The sender holds it by a time in its row: when the sender dies, another may
call it after that. By the same time a webhook that does not answer is left alone for a moment. Everywhere webhooks are
locked before their deliveries.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, update

from bmprov.store import schema
from bmprov.store.rows import Row
from bmprov.store.webhooks import to_webhook
from bmprov.webhook import Delivery, DeliveryState, NoticeKind, Webhook, is_success

_D, _W = schema.deliveries.c, schema.webhooks.c
_ARRIVED = _D.status.between(200, 299)
_ENDED_AS = {
    DeliveryState.PENDING: _D.ended_at.is_(None),
    DeliveryState.DELIVERED: _D.ended_at.is_not(None) & _ARRIVED,
    DeliveryState.FAILED: _D.ended_at.is_not(None) & or_(_D.status.is_(None), ~_ARRIVED),
}


@dataclass(frozen=True)
class Call:
    """A delivery that its sender is to try now; the webhook is the sender's until `until`."""

    webhook: Webhook
    delivery: Delivery
    until: float


@dataclass(frozen=True)
class Tally:
    """How many deliveries of a webhook are pending, and how many of those that are still known have failed."""

    pending: int = 0
    failed: int = 0


class Deliveries:
    """The deliveries of one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def callable(self) -> list[str]:
        """The ids of the webhooks that something is due for and nobody calls."""
        due = select(_D.webhook_id).join(schema.webhooks, _W.id == _D.webhook_id)
        query = due.where(_D.due_at <= self._now, self._free()).distinct()
        return list(self._connection.execute(query).scalars())

    def take(self, webhook_id: str, lease_s: float) -> Call | None:
        """The webhook's delivery that is due first, to be tried now; None when there is none, or somebody calls it."""
        until = self._now + lease_s
        hold = update(schema.webhooks).where(_W.id == webhook_id, self._free()).values(called_until=until)
        held = self._connection.execute(hold.returning(schema.webhooks)).mappings().first()
        if held is None:
            return None
        mine = (_D.webhook_id == webhook_id, _D.due_at <= self._now)
        first = select(_D.id).where(*mine).order_by(_D.due_at, _D.id).limit(1).scalar_subquery()
        tried = update(schema.deliveries).where(_D.id == first).values(attempts=_D.attempts + 1)
        row = self._connection.execute(tried.returning(schema.deliveries)).mappings().first()
        if row is None:
            self._let_go(webhook_id, until)
            return None
        return Call(to_webhook(held), _to_delivery(row), until)

    def end(self, call: Call, status: int | None, error: str = "") -> None:
        """The delivery has arrived, or is given up. If it has arrived, so may others that nobody was there for."""
        self._settle(call, due_at=None, ended_at=self._now, status=status, error=error)
        if is_success(status):
            unanswered = and_(_D.webhook_id == call.webhook.id, _D.due_at > self._now, _D.status.is_(None))
            self._connection.execute(update(schema.deliveries).where(unanswered).values(due_at=self._now))

    def put_off(self, call: Call, due_at: float, status: int | None, error: str, *, hold_until: float | None) -> None:
        """Try it again at `due_at`, and nothing of the webhook's before `hold_until`."""
        self._settle(call, hold_until, due_at=due_at, status=status, error=error)

    def hasten(self, webhook_id: str) -> None:
        """Try all deliveries of a webhook that are pending now."""
        pending = and_(_D.webhook_id == webhook_id, _D.due_at > self._now)
        self._connection.execute(update(schema.deliveries).where(pending).values(due_at=self._now))

    def drop(self, webhook_id: str, error: str) -> None:
        """Give up all deliveries of a webhook that are pending."""
        pending = and_(_D.webhook_id == webhook_id, _D.ended_at.is_(None))
        ended = {"due_at": None, "ended_at": self._now, "error": error}
        self._connection.execute(update(schema.deliveries).where(pending).values(**ended))

    def send_anew(self, delivery: Delivery) -> None:
        """Try a delivery now and, should that fail, for as long as a new one."""
        anew = {"attempts": 0, "created_at": self._now, "due_at": self._now, "ended_at": None, "status": None}
        self._connection.execute(
            update(schema.deliveries).where(_D.id == delivery.id).values(error="", **anew),
        )

    def get(self, webhook_id: str, delivery_id: int) -> Delivery | None:
        """A delivery of a webhook."""
        return next(iter(self._where(1, _D.webhook_id == webhook_id, _D.id == delivery_id)), None)

    def of_cause(self, webhook_id: str, cause: str) -> Delivery | None:
        """What a webhook was told of this cause."""
        return next(iter(self._where(1, _D.webhook_id == webhook_id, _D.cause == cause)), None)

    def newest(
        self, webhook_id: str, limit: int = 100, state: DeliveryState | None = None, before: int | None = None
    ) -> list[Delivery]:
        """The newest deliveries of a webhook, newest first; if wanted, those in a state, and those before this id."""
        wanted = [_D.webhook_id == webhook_id]
        wanted += [_ENDED_AS[state]] if state else []
        wanted += [] if before is None else [_D.id < before]
        return self._where(limit, *wanted)

    def tallies(self) -> defaultdict[str, Tally]:
        """How each webhook's deliveries stand, by its id."""
        pending = func.count().filter(_ENDED_AS[DeliveryState.PENDING])
        failed = func.count().filter(_ENDED_AS[DeliveryState.FAILED])
        rows = self._connection.execute(select(_D.webhook_id, pending, failed).group_by(_D.webhook_id))
        return defaultdict(Tally, {webhook_id: Tally(*counts) for webhook_id, *counts in rows})

    def prune(self, keep_s: float) -> int:
        """Forget what has ended more than `keep_s` seconds ago; how many they were."""
        old = delete(schema.deliveries).where(_D.ended_at < self._now - keep_s)
        return self._connection.execute(old).rowcount

    def _free(self) -> ColumnElement[bool]:
        return or_(_W.called_until.is_(None), _W.called_until <= self._now)

    def _let_go(self, webhook_id: str, until: float, hold_until: float | None = None) -> None:
        ours = (_W.id == webhook_id) & (_W.called_until == until)
        self._connection.execute(update(schema.webhooks).where(ours).values(called_until=hold_until))

    def _settle(self, call: Call, hold_until: float | None = None, **values: Any) -> None:  # noqa: ANN401 - columns
        """Store what has become of a call, unless somebody else has tried the same delivery since."""
        self._let_go(call.webhook.id, call.until, hold_until)
        same = and_(_D.id == call.delivery.id, _D.attempts == call.delivery.attempts, _D.ended_at.is_(None))
        self._connection.execute(update(schema.deliveries).where(same).values(**values))

    def _where(self, limit: int, *wanted: ColumnElement[bool]) -> list[Delivery]:
        query = select(schema.deliveries).where(*wanted).order_by(_D.id.desc()).limit(limit)
        return [_to_delivery(row) for row in self._connection.execute(query).mappings()]


def _to_delivery(row: Row) -> Delivery:
    return Delivery(**{**row, "kind": NoticeKind(row["kind"])})
