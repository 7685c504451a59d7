"""All machines at once, each with the few columns that a picture of the hall is drawn from: one query for any hall."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Text, and_, bindparam, case, cast, func, select

from bmprov.store import schema

_M, _O, _I, _N, _B = (
    table.c for table in (schema.machines, schema.operations, schema.instances, schema.nics, schema.second_bmcs)
)


class Stand(NamedTuple):
    """A machine in the hall. Equal as long as nothing of it has changed that is drawn.

    `position` is None when nobody has told. `current` says that the power was read lately enough to count.
    `tags` is the JSON of a list, `macs` has spaces between. `operation` is the unfinished one's id; what it does is its
    `command`, else its `action`, else its `kind`. Without one all four are empty.
    """

    id: str
    name: str
    site: str
    zone: str
    pod: str
    rack: str
    position: int | None
    height_u: int
    state: str
    fault: str
    power: str
    current: bool
    power_error: str
    maintenance: str
    tags: str
    addresses: str
    macs: str
    instance_id: str
    instance: str
    operation: str
    kind: str
    action: str
    command: str
    step: str


_MACS = (
    select(_N.machine_id, func.aggregate_strings(_N.mac, " ").label("macs")).group_by(_N.machine_id).subquery("fitted")
)
_FROM = (
    schema.machines.outerjoin(schema.operations, and_(_O.machine_id == _M.id, _O.finished_at.is_(None)))
    .outerjoin(schema.instances, _I.id == _M.instance_id)
    .outerjoin(schema.second_bmcs, _B.machine_id == _M.id)
    .outerjoin(_MACS, _MACS.c.machine_id == _M.id)
)
_ALL = (
    select(
        *(_M.id, _M.name, _M.site, _M.zone, _M.pod, _M.rack, _M.rack_position, _M.height_u, _M.state, _M.fault),
        _M.power,
        case((_M.power_read_at >= bindparam("fresh_from"), True), else_=False),
        *(_M.power_error, _M.maintenance, cast(_M.tags, Text)),
        _M.bmc_address + func.coalesce(" " + _B.address, ""),
        func.coalesce(_MACS.c.macs, ""),
        func.coalesce(_M.instance_id, ""),
        *(func.coalesce(column, "") for column in (_I.name, _O.id, _O.kind, _O.action, _O.command, _O.step)),
    )
    .select_from(_FROM)
    .order_by(_M.name)
)


class Stands:
    """The machines of one transaction, to be drawn."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def all(self, freshness_s: float) -> Sequence[Stand]:
        """Every machine, by name. A reading of the power counts for `freshness_s` seconds."""
        rows = self._connection.execute(_ALL, {"fresh_from": self._now - freshness_s})
        return list(map(Stand._make, rows.all()))  # at once: row by row takes twice as long
