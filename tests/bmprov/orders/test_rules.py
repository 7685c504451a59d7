"""What may be ordered of a machine: what is offered is taken, and what is not offered is refused."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import update

from bmprov.errors import BmprovError
from bmprov.lifecycle import State
from bmprov.model import BackEnd, Bmc, Instance, Machine, Operation
from bmprov.orders.rules import POWER, Order, cuts_off, possible
from bmprov.store import schema
from tests.bmprov.orders.conftest import ADMIN, Office


def orders(office: Office, name: str) -> Mapping[Order, Callable[[], object]]:
    """Each order as it is given."""
    given = office.orders
    return {order: partial(given.power, name, action, ADMIN) for order, action in POWER.items()} | {
        Order.CHECK: partial(given.check, name, ADMIN),
        Order.INSPECT: partial(given.inspect, name, ADMIN),
        Order.NETWORK_CHECK: partial(given.check_network, name, ADMIN),
        Order.NETWORK_APPLY: partial(given.apply_network, name, ADMIN, dry_run=False),
        Order.MARK_FIXED: partial(given.mark_fixed, name, ADMIN),
        Order.RELEASE: partial(given.release, name, ADMIN),
        Order.REMOVE: partial(given.remove, name, ADMIN),
    }


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("back_end", [BackEnd.DIRECT, BackEnd.MAAS])
def test_what_is_offered_is_taken_and_what_is_not_is_refused(office: Office, order: Order, back_end: BackEnd) -> None:
    """In every state, with an instance and without, while nothing is under way and while something is."""
    for number, (state, has_instance, is_busy) in enumerate(itertools.product(State, (False, True), (False, True))):
        machine, running = _machine(office, f"m{number}", state, back_end, has_instance=has_instance, is_busy=is_busy)
        offered = possible(order, machine, running, has_switches=True)
        try:
            orders(office, machine.name)[order]()
            taken = True
        except BmprovError:
            taken = False
        assert taken is offered, f"{order} of a machine that is {state}, {has_instance=}, {is_busy=}"


def _machine(
    office: Office, name: str, state: State, back_end: BackEnd, *, has_instance: bool, is_busy: bool
) -> tuple[Machine, Operation | None]:
    instance_id = f"of-{name}" if has_instance else None
    bmc = Bmc(f"ipmi://{name}", "", b"")
    machine = Machine(name, name, bmc, (), state=state, back_end=back_end, instance_id=instance_id)
    with office.store.write() as transaction:
        transaction.machines.add(machine)
        if instance_id:
            transaction.instances.add(Instance(instance_id, name, "c1", "h", machine.id, b"sealed"))
            mine = update(schema.machines).where(schema.machines.c.id == machine.id)
            transaction.connection.execute(mine.values(instance_id=instance_id))
    if is_busy:
        office.orders.check(name, replace(ADMIN, name="somebody"))
    with office.store.read() as transaction:
        return machine, transaction.operations.unfinished_of(machine.id)


def test_ports_are_offered_where_there_are_switches(office: Office) -> None:
    machine = office.enrol("rack1-01")
    assert not possible(Order.NETWORK_CHECK, machine, None, has_switches=False)
    assert possible(Order.NETWORK_CHECK, machine, None, has_switches=True)


def test_an_instance_loses_its_machine_only_where_one_runs(office: Office) -> None:
    active = replace(office.enrol("rack1-01"), state=State.ACTIVE, instance_id="i-1")
    losing = {order for order in Order if cuts_off(order, active)}
    assert losing == {Order.OFF, Order.RESET, Order.CYCLE, Order.RELEASE}
    assert not any(cuts_off(order, replace(active, instance_id=None, state=State.AVAILABLE)) for order in Order)
