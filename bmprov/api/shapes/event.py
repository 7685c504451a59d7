"""Audit events."""

from datetime import datetime
from typing import Self

from pydantic import Field

from bmprov.api.shapes.base import Label, Reply, Request, moment
from bmprov.model import AuditEvent


class EventFilter(Request):
    """Which events to list."""

    machine: Label | None = Field(None, description="only those of this machine")
    limit: int = Field(100, ge=1, le=10_000)


class EventOut(Reply):
    """Who did what, when and from where."""

    id: int
    at: datetime
    actor: str
    origin: str
    what: str
    machine: str | None
    instance: str | None
    operation: str | None
    detail: str

    @classmethod
    def of(cls, event: AuditEvent) -> Self:
        """An event as the API shows it."""
        return cls(
            id=event.id,
            at=moment(event.at),
            actor=event.actor,
            origin=event.origin,
            what=event.what,
            machine=event.machine or None,
            instance=event.instance_id or None,
            operation=event.operation_id or None,
            detail=event.detail,
        )


class EventList(Reply):
    """Events, newest first."""

    events: list[EventOut]
