"""Which operations are looked for, as SQL."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, select, tuple_

from bmprov.lifecycle import Kind
from bmprov.model import OperationState
from bmprov.store import schema

_O = schema.operations.c


@dataclass(frozen=True)
class OperationSearch:
    """Which operations; what is empty or None does not matter.

    The span, of when they were begun, is from `since` (inclusive) to `until` (exclusive). `before` is when the last
    one of the page before was begun, and its id.
    """

    kind: Kind | None = None
    state: OperationState | None = None
    machine_id: str = ""
    instance_id: str = ""
    requested_by: str = ""
    asked_by: str = ""
    since: float | None = None
    until: float | None = None
    unfinished: bool = False
    before: tuple[float, str] | None = None
    limit: int | None = None

    def query(self) -> Select[Any]:
        """The operations, newest first."""
        newest = (_O.created_at.desc(), _O.id.desc())
        return select(schema.operations).where(*self._conditions()).order_by(*newest).limit(self.limit)

    def _conditions(self) -> Iterator[ColumnElement[bool]]:
        same = {_O.kind: self.kind, _O.state: self.state, _O.machine_id: self.machine_id}
        same |= {_O.instance_id: self.instance_id, _O.requested_by: self.requested_by, _O.asked_by: self.asked_by}
        yield from (column == value for column, value in same.items() if value)
        if self.since is not None:
            yield _O.created_at >= self.since
        if self.until is not None:
            yield _O.created_at < self.until
        if self.unfinished:
            yield _O.finished_at.is_(None)
        if self.before is not None:
            yield tuple_(_O.created_at, _O.id) < tuple_(*self.before)
