"""Audit events: who did what, when and from where. Written in the transaction of the change itself."""

from sqlalchemy import Connection, insert, select

from bmprov.model import AuditEvent
from bmprov.store import schema
from bmprov.store.rows import to_event


class Events:
    """The audit events of one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def add(
        self,
        what: str,
        *,
        actor: str,
        origin: str = "",
        machine: str = "",
        instance_id: str | None = None,
        operation_id: str = "",
        detail: str = "",
    ) -> None:
        """Record that `actor`, calling from `origin`, did `what`."""
        row = {
            "at": self._now,
            "actor": actor,
            "origin": origin,
            "what": what,
            "machine": machine,
            "instance_id": instance_id or "",
            "operation_id": operation_id,
            "detail": detail,
        }
        self._connection.execute(insert(schema.events), row)

    def newest(self, limit: int = 100, machine: str = "") -> list[AuditEvent]:
        """The newest events, newest first, of one machine or of all."""
        query = select(schema.events).order_by(schema.events.c.id.desc()).limit(limit)
        if machine:
            query = query.where(schema.events.c.machine == machine)
        return [to_event(row) for row in self._connection.execute(query).mappings()]
