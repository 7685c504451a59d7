"""What was done to a machine before, and what was learnt of it by that."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, literal, select, tuple_

from bmprov.lifecycle import Kind
from bmprov.model import Operation
from bmprov.store import schema
from bmprov.store.rows import to_operation

_O = schema.operations.c
_LOOKED_THROUGH = 20


class History:
    """The operations of machines, ended or not."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

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
