"""What is counted in both databases."""

from dataclasses import replace

from bmprov.cabling import Interface, ManagedSwitch
from bmprov.census import DURATIONS_S, Census, Due, Ended, MachineCount, SilentBmc, SiteReadings, Unfinished
from bmprov.lifecycle import Event, Kind, State
from bmprov.model import BackEnd, Bmc, Instance, Machine, Nic, Operation, OperationState, PowerReading, Region, Urgency
from bmprov.power import Power, PowerAction
from bmprov.store import Store
from tests.contract.conftest import Clock

FRESH_S = 90.0
SWITCH = ManagedSwitch("s-1", "leaf1", "fake://leaf1", "", b"", b"", 10, 999)


def machine(number: int, state: State = State.AVAILABLE, site: str = "default", zone: str = "z1") -> Machine:
    bmc, nic = Bmc(f"ipmi://10.0.0.{number}", "", b""), Nic(f"52:54:00:00:00:{number:02x}", 0)
    return Machine(f"m-{number}", f"rack1-{number:02d}", bmc, (nic,), state=state, site=site, zone=zone)


def enter(store: Store, *machines: Machine) -> None:
    with store.write() as transaction:
        for one in machines:
            transaction.machines.add(one)


def take(store: Store) -> Census:
    with store.read() as transaction:
        return transaction.census.take(FRESH_S)


def begin(store: Store, one: Machine, kind: Kind = Kind.POWER) -> Operation:
    with store.write() as transaction:
        found = transaction.machines.get(one.id)
        assert found is not None
        action = PowerAction.ON if kind is Kind.POWER else None
        return transaction.operations.begin(kind, found, "ada", action=action)


def end(store: Store, operation: Operation, state: OperationState = OperationState.SUCCEEDED) -> None:
    with store.write() as transaction:
        found = transaction.machines.get(operation.machine_id)
        assert found is not None
        transaction.operations.finish(operation, found, state)


def ended(store: Store, after: float = 0.0, until: float = 9e9) -> list[Ended]:
    with store.read() as transaction:
        return sorted(transaction.census.ended(after, until), key=lambda one: (one.kind, one.state))


def test_machines_are_counted_by_place_state_and_power(store: Store) -> None:
    """Maintenance is counted apart."""
    enter(store, machine(1), machine(2), machine(3, State.ERROR), machine(4, site="basel", zone=""))
    with store.write() as transaction:
        transaction.machines.set_maintenance(machine(2), "a fan", "ada")
    assert take(store).machines == (
        MachineCount("basel", "", State.AVAILABLE, Power.UNKNOWN, maintenance=False, machines=1),
        MachineCount("default", "z1", State.AVAILABLE, Power.UNKNOWN, maintenance=False, machines=1),
        MachineCount("default", "z1", State.AVAILABLE, Power.UNKNOWN, maintenance=True, machines=1),
        MachineCount("default", "z1", State.ERROR, Power.UNKNOWN, maintenance=False, machines=1),
    )


def test_a_bmc_that_failed_is_named_with_its_sentence_and_its_last_reading(store: Store, clock: Clock) -> None:
    """One that is only old is stale, and not silent."""
    enter(store, machine(1), machine(2), machine(3))
    began = clock.now
    with store.write() as transaction:
        for number in (1, 2):
            transaction.machines.swept(machine(number), PowerReading(Power.ON, began))
    clock.now += FRESH_S + 1
    with store.write() as transaction:
        transaction.machines.swept(machine(1), PowerReading(error="BMC does not answer: check its cable"))
        transaction.machines.swept(machine(3), PowerReading(Power.OFF, clock.now))
    census = take(store)
    assert census.readings == (SiteReadings("default", 3, 1, 2, clock.now),)
    error = "BMC does not answer: check its cable"
    assert census.silent == (SilentBmc("rack1-01", "default", "z1", "", "ipmi://10.0.0.1", error, began),)


def test_what_is_under_way_and_what_waits_for_a_worker(store: Store, clock: Clock) -> None:
    """What a worker has in hand waits no more; its lease tells who has it."""
    enter(store, machine(1), machine(2), machine(3))
    first, clock.now = begin(store, machine(1)), clock.now + 5
    begin(store, machine(2))
    inspected, clock.now = begin(store, machine(3), Kind.INSPECT), clock.now + 5
    with store.write() as transaction:
        held = transaction.operations.claim(inspected.id, "worker-1", 20.0)
    assert held is not None
    census = take(store)
    assert census.unfinished == (
        Unfinished("default", Kind.INSPECT, OperationState.RUNNING, 1, inspected.created_at),
        Unfinished("default", Kind.POWER, OperationState.QUEUED, 2, first.created_at),
    )
    assert census.due == (Due("default", Urgency.POWER, 2, first.created_at),)
    [hand] = census.held
    assert (hand.worker, hand.operation_id, hand.machine) == ("worker-1", inspected.id, "rack1-03")
    clock.now = hand.lease_until + 1
    assert {due.urgency: due.operations for due in take(store).due} == {Urgency.DEPLOY: 1, Urgency.POWER: 2}


def test_how_long_operations_took(store: Store, clock: Clock) -> None:
    """By kind and outcome, cumulative in the buckets; one on a bound belongs below it."""
    enter(store, machine(1))
    for took_s, state in ((0, "succeeded"), (5, "succeeded"), (45, "failed"), (9000, "succeeded")):
        operation, clock.now = begin(store, machine(1)), clock.now + took_s
        end(store, operation, OperationState(state))
    failed, succeeded = ended(store)
    assert (failed.state, failed.operations, failed.seconds) == (OperationState.FAILED, 1, 45)
    assert (succeeded.operations, succeeded.seconds) == (3, 9005)
    assert dict(zip(DURATIONS_S, succeeded.within, strict=True)) == {1: 1} | dict.fromkeys(DURATIONS_S[1:], 2)
    assert dict(zip(DURATIONS_S, failed.within, strict=True))[30] == 0
    assert dict(zip(DURATIONS_S, failed.within, strict=True))[60] == 1


def test_counts_of_spans_add_up_to_the_whole(store: Store, clock: Clock) -> None:
    """Whoever keeps his sum and asks for the rest misses none and counts none twice."""
    enter(store, machine(1))
    begin_at = clock.now
    for _ in range(3):
        operation, clock.now = begin(store, machine(1)), clock.now + 10
        end(store, operation)
    [first], [rest], [whole] = ended(store, 0, begin_at + 10), ended(store, begin_at + 10), ended(store)
    assert first.operations == 1
    assert first + rest == whole
    assert ended(store, clock.now) == []


def test_operations_of_a_machine_that_is_removed_stay_counted(store: Store, clock: Clock) -> None:
    """A counter that went back would be taken for a restart of the service."""
    enter(store, machine(1), replace(machine(2), bmc=Bmc("maas://lab/abc", "", b""), back_end=BackEnd.MAAS))
    for number in (1, 2):
        operation, clock.now = begin(store, machine(number)), clock.now + 10
        end(store, operation)
    before = ended(store)
    region = Region("r-1", "lab", "http://maas.example/MAAS", b"")
    with store.write() as transaction:
        transaction.regions.add(region)
        transaction.machines.remove(machine(1))
        assert transaction.regions.remove(region) == 1
        assert transaction.machines.all() == []
    assert ended(store) == before


def test_power_that_nobody_ordered_is_counted(store: Store, clock: Clock) -> None:
    """In a span of time, by what the machines were switched to."""
    with store.write() as transaction:
        for what in ("out-of-band power on", "out-of-band power off", "out-of-band power off", "power off"):
            transaction.events.add(what, actor="bmprov")
    with store.read() as transaction:
        assert transaction.census.out_of_band(0, clock.now) == {Power.ON: 1, Power.OFF: 2}
        assert transaction.census.out_of_band(clock.now, clock.now + 1) == {Power.ON: 0, Power.OFF: 0}


def test_regions_and_switches_tell_when_they_were_heard(store: Store, clock: Clock) -> None:
    with store.write() as transaction:
        transaction.regions.add(Region("r-1", "lab", "http://maas.example/MAAS", b"", site="basel"))
        transaction.regions.heard("r-1", "no answer: check it")
        transaction.switches.add(SWITCH)
        transaction.switches.heard("s-1")
    census = take(store)
    assert [(one.name, one.site, one.heard_at, one.error) for one in (*census.regions, *census.switches)] == [
        ("lab", "basel", None, "no answer: check it"),
        ("leaf1", "default", clock.now, ""),
    ]
    assert census.sites == ("basel", "default")


def test_what_is_not_as_a_machines_state_says(store: Store, clock: Clock) -> None:
    """An open port, an instance on a machine in error, a reservation that ran out: unless something is being done."""
    enter(store, machine(1), machine(2, State.ACTIVE), machine(3))
    opened_at = clock.now
    with store.write() as transaction:
        for number in (2, 3):
            transaction.instances.add(Instance(f"i-{number}", f"vm-{number}", "c1", "h", f"m-{number}", b""))
        transaction.machines.apply(machine(2, State.ACTIVE), Event.LOSE)
        transaction.machines.apply(machine(3), Event.RESERVE, reserved_until=clock.now)
        transaction.switches.add(SWITCH)
        transaction.ports.open(machine(1), [Interface(SWITCH, "Ethernet1")])
    clock.now += 120
    assert [(drift.machine, drift.what, drift.where, drift.since) for drift in take(store).drift] == [
        ("rack1-01", "a port is open that it should not have", "leaf1 Ethernet1", opened_at),
        ("rack1-02", "its state is error, and an instance has it", "vm-2", None),
        ("rack1-03", "its reservation has run out and was not taken back", "", opened_at),
    ]
    for number in (1, 2):
        begin(store, machine(number))
    assert [drift.machine for drift in take(store).drift] == ["rack1-03"]


def test_an_empty_database_counts_nothing(store: Store) -> None:
    census = take(store)
    assert (census.machines, census.silent, census.held, census.drift, census.sites) == ((), (), (), (), ())
    assert (census.outbox.waiting, census.instances, census.images, census.image_bytes) == (0, 0, 0, 0)
