"""Audit events: who did what, when and from where. Written in the transaction of the change itself."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select

from bmprov.model import AuditEvent
from bmprov.store import schema
from bmprov.store.rows import to_event

_E = schema.events.c
_TAIL = 200


@dataclass(frozen=True)
class EventSearch:
    """Which events are looked for; what is empty or None does not matter.

    `begins` are words that an event's name begins with, any of them, as `bmprov.happening` has them. The span is from
    `since` (inclusive) to `until` (exclusive).
    """

    machine: str = ""
    actor: str = ""
    begins: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """The same as SQL."""
        if self.machine:
            yield _E.machine == self.machine
        if self.actor:
            yield _E.actor == self.actor
        if self.begins:
            yield or_(
                _E.what.in_(self.begins), *(_E.what.startswith(f"{one} ", autoescape=True) for one in self.begins)
            )
        if self.since is not None:
            yield _E.at >= self.since
        if self.until is not None:
            yield _E.at < self.until


@dataclass(frozen=True)
class Tail:
    """The newest event's id (0: there is none), and how many of the last ids before it are taken.

    Two transactions may end in another order than their events are numbered in: then the second of these changes.
    """

    newest: int
    taken: int


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

    def since(self, what: str, at: float) -> list[tuple[float, str, str]]:
        """When, by whom and from where `what` was done after this time, oldest first."""
        kept = schema.events.c
        query = select(kept.at, kept.actor, kept.origin).where(kept.at > at, kept.what == what).order_by(kept.at)
        return [(row.at, row.actor, row.origin) for row in self._connection.execute(query)]

    def has_done(self, what: str, actor: str, origin: str, since: float) -> bool:
        """Whether `actor` has done `what` from this origin after that time."""
        kept = schema.events.c
        query = select(kept.id).where(kept.actor == actor, kept.what == what, kept.origin == origin, kept.at > since)
        return self._connection.execute(query.limit(1)).first() is not None

    def newest(self, limit: int = 100, machine: str = "") -> list[AuditEvent]:
        """The newest events, newest first, of one machine or of all."""
        query = select(schema.events).order_by(schema.events.c.id.desc()).limit(limit)
        if machine:
            query = query.where(schema.events.c.machine == machine)
        return [to_event(row) for row in self._connection.execute(query).mappings()]

    def page(
        self, search: EventSearch, *, limit: int, before: int | None = None, after: int | None = None
    ) -> list[AuditEvent]:
        """Events that are looked for, newest first.

        The newest of all; or the newest whose id is less than `before`; or the oldest whose id is more than `after`.
        """
        query = select(schema.events).where(*search.conditions()).limit(limit)
        if before is not None:
            query = query.where(_E.id < before)
        if after is not None:
            query = query.where(_E.id > after)
        query = query.order_by(_E.id.desc() if after is None else _E.id)
        found = [to_event(row) for row in self._connection.execute(query).mappings()]
        return found[::-1] if after is not None else found

    def tail(self) -> Tail:
        """What changes whenever an event is added."""
        newest = self._connection.execute(select(func.max(_E.id))).scalar_one() or 0
        recent = select(func.count()).select_from(schema.events).where(_E.id > newest - _TAIL)
        return Tail(newest, self._connection.execute(recent).scalar_one())

    def recent_names(self, among: int = 500) -> tuple[list[str], list[str]]:
        """The machines and the actors of the newest so many events, each by name."""
        newest = select(_E.machine, _E.actor).order_by(_E.id.desc()).limit(among)
        rows = list(self._connection.execute(newest))
        machines, actors = {machine for machine, _ in rows}, {actor for _, actor in rows}
        return sorted(machines - {""}), sorted(actors - {""})
