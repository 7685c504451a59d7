"""Audit events."""

from datetime import datetime
from typing import Self

from pydantic import Field, model_validator

from bmprov.api.shapes.base import Label, Line, Moment, Reply, moment, seconds
from bmprov.api.shapes.page import MOST, PageOut, PageQuery
from bmprov.happening import OUT_OF_BAND
from bmprov.model import AuditEvent
from bmprov.store.events import EventSearch

EVENTS = "events"
"""The list, in its cursors."""


class EventFilter(PageQuery):
    """Which events to list. The span is from `since` to just before `until`."""

    machine: Label | None = Field(None, description="only those of this machine")
    actor: Line = Field("", description="the person, token or part of bmprov that did it")
    what: Line = Field("", description="how its name begins, in whole words: `power` for `power off` too")
    out_of_band: bool = Field(False, description="only changes of power that nobody had ordered")
    since: Moment | None = None
    until: Moment | None = None
    limit: int = Field(100, ge=1, le=MOST)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.out_of_band and self.what:
            raise ValueError("'what' and 'out_of_band' ask for different things: give one of them")
        return self

    @property
    def before(self) -> int | None:
        """The number of the last event of the page before."""
        begin = self.key(EVENTS, int)
        return int(begin[0]) if begin else None

    def to_search(self) -> EventSearch:
        """The events as they are looked for."""
        begins = (OUT_OF_BAND,) if self.out_of_band else (self.what,) if self.what else ()
        return EventSearch(self.machine or "", self.actor, begins, seconds(self.since), seconds(self.until))


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


class EventList(PageOut):
    """Events, newest first."""

    events: list[EventOut]
