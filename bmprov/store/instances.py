"""Instances: which CloudStack instance has which machine, and what CloudStack is told about its power."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, insert, select, update

from bmprov.lifecycle import Kind, State
from bmprov.model import Instance, Machine, PowerReading
from bmprov.power import Power, PowerAction
from bmprov.store import schema
from bmprov.store.rows import to_instance
from bmprov.truth import Running

_I = schema.instances.c
_GET = select(schema.instances).where(_I.id == bindparam("whose"))


@dataclass(frozen=True)
class PowerFacts:
    """What the power of an instance is told from: one row, because this is asked for every instance every minute."""

    instance_id: str
    name: str
    reading: PowerReading
    running: Running | None
    deployed: bool


class Instances:
    """The instances of one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def add(self, instance: Instance) -> None:
        """Enter a new instance; the machine must be reserved in the same transaction."""
        self._connection.execute(insert(schema.instances), vars(instance) | {"created_at": self._now})

    def get(self, instance_id: str, cloud: str | None = None) -> Instance | None:
        """The instance with this id; with `cloud`, only when it is that cloud's."""
        row = self._connection.execute(_GET, {"whose": instance_id}).mappings().first()
        return to_instance(dict(row)) if row and cloud in (None, row["cloud"]) else None

    def all(self, cloud: str | None = None) -> list[Instance]:
        """Instances by name, of one cloud or of all."""
        query = select(schema.instances).order_by(_I.name)
        query = query.where(_I.cloud == cloud) if cloud is not None else query
        return [to_instance(dict(row)) for row in self._connection.execute(query).mappings()]

    def change(self, instance_id: str, **values: Any) -> None:  # noqa: ANN401 - columns of instances
        """Change columns of an instance."""
        self._connection.execute(update(schema.instances).where(_I.id == instance_id).values(**values))

    def forget(self, machine: Machine) -> None:
        """End the claim of whatever instance has `machine`, and delete its payload with everything secret in it."""
        self._connection.execute(delete(schema.instances).where(_I.machine_id == machine.id))
        mine = schema.machines.c.id == machine.id
        self._connection.execute(update(schema.machines).where(mine).values(instance_id=None, reserved_until=None))

    def power_facts(self, instance_id: str, cloud: str | None = None) -> PowerFacts | None:
        """What the power of one instance is told from; with `cloud`, only when it is that cloud's."""
        row = self._connection.execute(_POWER_OF_ONE, {"wanted": instance_id}).first()
        return None if row is None or cloud not in (None, row.cloud) else _power_facts(row)

    def power_facts_of_host(self, cloud: str, host: str) -> list[PowerFacts]:
        """The same for all instances of one CloudStack host."""
        rows = self._connection.execute(_POWER_OF_HOST, {"its_cloud": cloud, "its_host": host})
        return [_power_facts(row) for row in rows]


def _power_query() -> Select[Any]:
    machine, running = schema.machines.c, schema.operations.c
    joined = schema.instances.join(schema.machines, machine.id == _I.machine_id).outerjoin(
        schema.operations, (running.machine_id == machine.id) & running.finished_at.is_(None)
    )
    columns = (
        _I.id,
        _I.name,
        _I.cloud,
        machine.state,
        machine.power,
        machine.power_read_at,
        machine.power_error,
        running.kind,
        running.action,
    )
    return select(*columns).select_from(joined)


# Built once: CloudStack asks these for every instance every minute, and building them costs more than running them.
_POWER_OF_ONE = _power_query().where(_I.id == bindparam("wanted"))
_POWER_OF_HOST = _power_query().where(_I.cloud == bindparam("its_cloud"), _I.host == bindparam("its_host"))


def _power_facts(row: Any) -> PowerFacts:  # noqa: ANN401 - a row of _power_query
    instance_id, name, _, state, power, read_at, error, kind, action = row
    running = Running(Kind(kind), PowerAction(action) if action else None) if kind else None
    return PowerFacts(instance_id, name, PowerReading(Power(power), read_at, error), running, state == State.ACTIVE)
