"""What is being done and what was done lately, with the columns that a list of it shows.

An operation's report, which may hold a ramdisk's whole log, stays where it is.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Select, func, select

from bmprov.lifecycle import Kind
from bmprov.model import OperationState
from bmprov.power import PowerAction
from bmprov.store import schema

_O, _I = schema.operations.c, schema.instances.c


class Work(NamedTuple):
    """An operation as lists show it. `instance` is the name of the one that it is for, empty if it has gone."""

    id: str
    kind: Kind
    action: PowerAction | None
    command: str
    machine: str
    site: str
    instance: str
    cloud: str
    requested_by: str
    asked_by: str
    state: OperationState
    step: str
    attempt: int
    waiting_for: str
    wait_until: float | None
    cancelled_by: str
    message: str
    error: str
    check: str
    created_at: float
    finished_at: float | None


_COLUMNS = (
    *(_O.id, _O.kind, _O.action, _O.command, _O.machine_name, _O.site, func.coalesce(_I.name, "")),
    *(_O.cloud, _O.requested_by, _O.asked_by, _O.state, func.coalesce(_O.step, ""), _O.attempt, _O.waiting_for),
    *(_O.wait_until, func.coalesce(_O.cancelled_by, ""), _O.message, _O.error, _O.check, _O.created_at, _O.finished_at),
)
_ALL = select(*_COLUMNS).select_from(schema.operations.outerjoin(schema.instances, _I.id == _O.instance_id))


class WorkList:
    """The work of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def under_way(self, limit: int) -> Sequence[Work]:
        """What has not ended, oldest first."""
        return self._of(_ALL.where(_O.finished_at.is_(None)).order_by(_O.created_at, _O.id).limit(limit))

    def count_under_way(self) -> int:
        """How many have not ended."""
        query = select(func.count()).where(_O.finished_at.is_(None))
        return int(self._connection.execute(query).scalar_one())

    def ended_since(self, when: float, limit: int) -> Sequence[Work]:
        """What ended after `when`, newest end first."""
        return self._of(_ALL.where(_O.finished_at > when).order_by(_O.finished_at.desc(), _O.id).limit(limit))

    def _of(self, query: Select[tuple[object, ...]]) -> Sequence[Work]:
        return [_work(Work._make(row)) for row in self._connection.execute(query)]


def _work(row: Work) -> Work:
    action = PowerAction(row.action) if row.action else None
    return row._replace(kind=Kind(row.kind), action=action, state=OperationState(row.state))
