"""What was done to a machine before, and what was learnt of it by that."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, literal, or_, select, tuple_

from bmprov.lifecycle import Kind
from bmprov.model import Operation, StepRun
from bmprov.store import schema
from bmprov.store.rows import to_operation

_O, _S = schema.operations.c, schema.steps.c
_LOOKED_THROUGH = 20
_MOST_NOTES = 500  # a machine that boots in circles must not fill the disk


class History:
    """The operations of machines, ended or not."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def older(self, machine_id: str, than: str, limit: int) -> list[Operation]:
        """Operations of a machine, newest first: those before the one with the id `than`, or the newest of all."""
        query = select(schema.operations).where(_O.machine_id == machine_id)
        last = self._connection.execute(select(_O.created_at, _O.id).where(_O.id == than)).first()
        if last is not None:
            query = query.where(tuple_(_O.created_at, _O.id) < tuple_(literal(last.created_at), literal(last.id)))
        rows = self._connection.execute(query.order_by(_O.created_at.desc(), _O.id.desc()).limit(limit)).mappings()
        return [to_operation(row) for row in rows]

    def newest_inventory(self, machine_id: str) -> tuple[Mapping[str, Any], float] | None:
        """What a ramdisk on this machine told last of its hardware, and when its operation began; None: never."""
        query = select(_O.report, _O.created_at).where(_O.machine_id == machine_id, _O.kind == Kind.DEPLOY)
        for row in self._connection.execute(query.order_by(_O.created_at.desc()).limit(_LOOKED_THROUGH)):
            if row.report.get("inventory"):
                return row.report["inventory"], row.created_at
        return None

    def booted_from(self, site: str, addresses: Sequence[str], ago_s: float) -> dict[str, str]:
        """The ids of a site's newest operations whose machines were given these addresses, by address.

        Those that are under way, or ended less than `ago_s` ago.
        """
        recent = or_(_O.finished_at.is_(None), _O.finished_at > self._now - ago_s)
        mine = select(_O.boot_ip, _O.id).where(recent, _O.site == site, _O.boot_ip.in_(addresses))
        return {row.boot_ip: row.id for row in self._connection.execute(mine.order_by(_O.created_at))}

    def note(self, operation_id: str, run: StepRun) -> None:
        """Write into a timeline what was seen, ended or not; nothing once the operation is gone or has very many."""
        known = select(func.count()).select_from(schema.steps).where(_S.operation_id == operation_id)
        there = select(_O.id).where(_O.id == operation_id)
        if self._connection.execute(there).first() and self._connection.execute(known).scalar_one() < _MOST_NOTES:
            self._connection.execute(insert(schema.steps), vars(run) | {"operation_id": operation_id})
