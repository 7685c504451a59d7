"""The rows of machines' NICs. Cables hang on them, and what was heard on those."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam, delete, insert, select, update

from bmprov.model import Machine, Nic
from bmprov.store import schema
from bmprov.store.rows import to_nic

_N = schema.nics.c
_OF: BindParameter[Any] = bindparam("of", expanding=True)
_NICS = select(schema.nics).where(_N.machine_id.in_(_OF)).order_by(_N.position)


def nics_of(connection: Connection, machine_ids: Sequence[str]) -> Mapping[str, list[Nic]]:
    """The NICs of these machines, in their order, by the machine's id."""
    found: dict[str, list[Nic]] = defaultdict(list)
    for row in connection.execute(_NICS, {"of": machine_ids}).mappings():
        found[row["machine_id"]].append(to_nic(row))
    return found


def put_nics(connection: Connection, machine: Machine, nics: Sequence[Nic]) -> None:
    """Make these a machine's NICs. The row of one that it keeps stays, for its cable hangs on it.

    Raises:
        IntegrityError: another machine has one of their MACs.
    """
    mine = _N.machine_id == machine.id
    gone = mine & _N.mac.not_in([nic.mac for nic in nics])
    forget_heard(connection, gone)
    connection.execute(delete(schema.nics).where(gone))
    away = update(schema.nics).where(mine).values(position=-1 - _N.position)
    connection.execute(away)  # so that two may change places
    for nic in nics:
        known = update(schema.nics).where(mine, _N.mac == nic.mac).values(vars(nic))
        if not connection.execute(known).rowcount:
            connection.execute(insert(schema.nics), vars(nic) | {"machine_id": machine.id})


def forget_heard(connection: Connection, nics: ColumnElement[bool]) -> None:
    """Forget what was heard on the cables of NICs that go: it would speak against what comes to their ports."""
    macs = select(_N.mac).where(nics)
    for heard in (schema.neighbours, schema.relay_sightings):
        connection.execute(delete(heard).where(heard.c.mac.in_(macs)))
