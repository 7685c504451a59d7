"""The lists that pages are drawn from, on both databases."""

from dataclasses import replace

from bmprov.lifecycle import Kind, State
from bmprov.model import Bmc, Instance, Machine, Nic, OperationState, PowerReading
from bmprov.power import Power, PowerAction
from bmprov.store import Store
from bmprov.store.stands import Stand
from bmprov.store.work import Work
from tests.contract.conftest import Clock

FRESH_S = 90.0
MACHINE = Machine(
    "m-1",
    "rack1-01",
    Bmc("ipmi://10.0.0.1", "", b""),
    (Nic("52:54:00:00:00:01", 0), Nic("52:54:00:00:00:02", 1)),
    tags=("ssd", "gpu"),
    zone="z1",
    pod="p1",
    rack="r1",
    rack_position=7,
    height_u=2,
    state=State.RESERVED,
    reading=PowerReading(Power.ON, 1_000_000.0),
    second_bmc=Bmc("redfish://10.0.0.1", "", b""),
)
PLAIN = Machine("m-2", "rack1-02", Bmc("ipmi://10.0.0.2", "", b""), ())


def stands(store: Store) -> list[Stand]:
    with store.read() as transaction:
        return list(transaction.stands.all(FRESH_S))


def under_way(store: Store, limit: int = 10) -> list[Work]:
    with store.read() as transaction:
        return list(transaction.work.under_way(limit))


def enter(store: Store, *machines: Machine) -> None:
    with store.write() as transaction:
        for one in machines:
            transaction.machines.add(one)


def test_a_machine_stands_with_all_that_is_drawn_of_it(store: Store) -> None:
    """One row each, however many NICs; what a machine has not is empty."""
    enter(store, PLAIN, MACHINE)
    with store.write() as transaction:
        transaction.instances.add(Instance("i-1", "web", "c1", "h", "m-1", b""))
        operation = transaction.operations.begin(Kind.POWER, MACHINE, "ada", action=PowerAction.OFF)
    drawn, plain = stands(store)
    assert (drawn.position, drawn.height_u, drawn.rack, bool(drawn.current), drawn.power) == (7, 2, "r1", True, "on")
    assert set(drawn.macs.split()) == {"52:54:00:00:00:01", "52:54:00:00:00:02"}
    assert drawn.addresses == "ipmi://10.0.0.1 redfish://10.0.0.1"
    assert (drawn.operation, drawn.kind, drawn.action, drawn.step) == (operation.id, "power", "off", "")
    assert (plain.macs, plain.instance, plain.operation, plain.position, bool(plain.current)) == (
        "",
        "",
        "",
        None,
        False,
    )


def test_a_stand_is_equal_until_something_that_is_drawn_changes(store: Store, clock: Clock) -> None:
    """That the power is read again and is the same, is nothing; that it was not read for long, is something."""
    enter(store, MACHINE)
    before = stands(store)
    clock.now += 30
    with store.write() as transaction:
        transaction.machines.swept_again([(MACHINE, PowerReading(Power.ON, clock.now))])
    assert stands(store) == before
    clock.now += FRESH_S + 1
    assert not stands(store)[0].current


def test_work_is_listed_oldest_first_and_what_ended_newest_first(store: Store, clock: Clock) -> None:
    enter(store, MACHINE, PLAIN, replace(PLAIN, id="m-3", name="third", bmc=Bmc("ipmi://10.0.0.3", "", b"")))
    with store.write() as transaction:
        transaction.instances.add(Instance("i-1", "web", "c1", "h", "m-1", b""))
    for one in ("m-2", "m-1", "m-3"):
        clock.now += 10
        with store.write() as transaction:
            machine = transaction.machines.get(one)
            assert machine is not None
            instance = transaction.instances.get("i-1") if one == "m-1" else None
            transaction.operations.begin(
                Kind.POWER, machine, "cloud1", asked_by="acme/ann", instance=instance, action=PowerAction.ON
            )
    listed = under_way(store)
    assert [one.machine for one in listed] == ["rack1-02", "rack1-01", "third"]
    assert (listed[1].instance, listed[1].cloud, listed[1].asked_by, listed[1].kind) == (
        "web",
        "c1",
        "acme/ann",
        Kind.POWER,
    )
    assert [one.machine for one in under_way(store, 1)] == ["rack1-02"]
    for one in listed[:2]:
        clock.now += 10
        with store.write() as transaction:
            operation, machine = transaction.operations.get(one.id), transaction.machines.named(one.machine)
            assert operation is not None
            assert machine is not None
            transaction.operations.finish(operation, machine, OperationState.FAILED, error="no", check="yes")
    with store.read() as transaction:
        ended = transaction.work.ended_since(clock.now - 100, 10)
        assert [one.machine for one in ended] == ["rack1-01", "rack1-02"]
        assert (ended[0].error, ended[0].check, ended[0].state) == ("no", "yes", OperationState.FAILED)
        assert [one.machine for one in transaction.work.ended_since(clock.now - 5, 10)] == ["rack1-01"]
        assert transaction.work.count_under_way() == 1
        assert transaction.operations.any_for_cloudstack()
