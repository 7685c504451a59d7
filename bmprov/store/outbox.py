"""What webhooks are to be told, written in the transaction of the change itself: told when that is committed, else not.

A webhook is told once of a cause, by a unique index. Where there is no webhook, a change costs one query more.
"""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from bmprov.store import schema
from bmprov.webhook import Notice

_W = schema.webhooks.c
# whoever removes a webhook waits for us: its row must be there when its deliveries come
_LISTENING = select(_W.id, _W.kinds).where(_W.off_because == "").with_for_update(read=True, key_share=True)
_INSERT: Mapping[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


class Outbox:
    """What is to be told by one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def tell(self, notice: Notice) -> None:
        """Let every webhook that is on and subscribed to it know."""
        rows = self._connection.execute(_LISTENING)
        self._put(notice, [webhook_id for webhook_id, kinds in rows if notice.kind in kinds])

    def tell_one(self, notice: Notice, webhook_id: str) -> None:
        """Let one webhook know, whatever it is subscribed to."""
        self._put(notice, [webhook_id])

    def _put(self, notice: Notice, webhook_ids: list[str]) -> None:
        if not webhook_ids:
            return
        message = {
            "cause": notice.cause,
            "kind": notice.kind,
            "body": notice.body,
            "created_at": self._now,
            "due_at": self._now,
        }
        new = _INSERT[self._connection.dialect.name](schema.deliveries).on_conflict_do_nothing()
        self._connection.execute(new, [message | {"webhook_id": one} for one in webhook_ids])
