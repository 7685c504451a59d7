"""A hall full of machines of all states, written straight into a database, for the tests and benches of pages."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice
from typing import Any

from sqlalchemy import insert

from bmprov.lifecycle import Kind, State
from bmprov.model import Bmc, Instance, Machine, Nic, Operation, OperationState, PowerReading
from bmprov.power import Power
from bmprov.store import Store, schema
from bmprov.store.rows import from_machine, from_operation

IN_A_RACK = 40
RACKS_IN_A_ZONE = 10

_STATES = [
    *(State.ACTIVE for _ in range(13)),
    *(State.AVAILABLE for _ in range(5)),
    *(State.DEPLOYING, State.ERROR, State.RESERVED, State.ENROLLED),
]
_HAVE_INSTANCES = {State.ACTIVE, State.DEPLOYING, State.RESERVED}


def fill(store: Store, machines: int) -> list[Machine]:
    """Enter so many machines, forty to a rack and ten racks to a zone; those that are deployed have an instance."""
    made = [_machine(number, state) for number, state in enumerate(islice(cycle(_STATES), machines))]
    with store.write() as transaction:
        read_at = transaction.now + 1e6  # nobody reads their power, and it is to count all the while
        instances = [_instance(number, one) for number, one in enumerate(made) if one.state in _HAVE_INSTANCES]
        theirs = {one.machine_id: one.id for one in instances}
        rows = [_row(one, read_at) | {"instance_id": theirs.get(one.id)} for one in made]
        begun = [_deployment(one, transaction.now) for one in made if one.state is State.DEPLOYING]
        for table, content in (
            (schema.machines, rows),
            (schema.nics, [vars(nic) | {"machine_id": one.id} for one in made for nic in one.nics]),
            (schema.instances, [vars(one) for one in instances]),
            (schema.operations, [from_operation(one) for one in begun]),
        ):
            _enter(transaction.connection, table, content)
    return made


def _enter(connection: Any, table: Any, rows: Sequence[dict[str, Any]]) -> None:  # noqa: ANN401 - SQLAlchemy's
    if rows:
        connection.execute(insert(table), rows)


def _row(machine: Machine, read_at: float) -> dict[str, Any]:
    read = replace(machine, reading=replace(machine.reading, read_at=read_at))
    return from_machine(read) | {"fault": machine.fault, "maintenance": machine.maintenance, "created_at": 0.0}


def _machine(number: int, state: State) -> Machine:
    rack, unit = divmod(number, IN_A_RACK)
    on = state in (State.ACTIVE, State.DEPLOYING)
    return Machine(
        id=f"00000000-0000-4000-8000-{number:012x}",
        name=f"r{rack + 1:03d}-u{unit + 1:02d}",
        bmc=Bmc(f"ipmi://10.{number >> 16}.{number >> 8 & 255}.{number & 255}", "admin", b"sealed"),
        nics=tuple(
            Nic(f"52:54:{port:02x}:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}", port)
            for port in (0, 1)
        ),
        cpus=32,
        memory_mib=131_072,
        disk_gib=960,
        tags=("ssd",) if number % 2 else ("hdd", "gpu"),
        zone=f"z{rack // RACKS_IN_A_ZONE + 1}",
        rack=f"r{rack + 1:03d}",
        rack_position=unit + 1,
        state=state,
        fault="the disk sda refuses writes: replace it" if state is State.ERROR else "",
        maintenance="new fan" if number % 37 == 0 else "",
        reading=PowerReading(Power.ON if on else Power.OFF),
    )


def _instance(number: int, machine: Machine) -> Instance:
    return Instance(f"33333333-3333-4333-8333-{number:012x}", f"i-2-{number}-VM", "c1", "h", machine.id, b"sealed")


def _deployment(machine: Machine, now: float) -> Operation:
    return Operation(
        id=machine.id.replace("0000-4000", "1111-4111"),
        kind=Kind.DEPLOY,
        machine_id=machine.id,
        machine_name=machine.name,
        site=machine.site,
        requested_by="cloud1",
        asked_by="acme/ann",
        cloud="c1",
        state=OperationState.WAITING,
        step="wait for the image to be written",
        waiting_for="the image to be written",
        wait_until=now + 900,
        due_at=now + 1e6,
        created_at=now - 60,
    )
