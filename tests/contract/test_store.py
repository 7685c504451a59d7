"""The one suite that every database passes: SQLite and PostgreSQL keep the same promises."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command

from bmprov.allocation import Need
from bmprov.cabling import Cable, ManagedSwitch, RelaySighting
from bmprov.errors import Conflict, NoCapacity
from bmprov.lifecycle import Event, IllegalEvent, Kind, State
from bmprov.model import (
    Arch,
    Bmc,
    BondMode,
    BootFrom,
    BootMode,
    Image,
    Instance,
    Machine,
    Nic,
    OperationState,
    PowerReading,
    Report,
    Role,
    StepRun,
    Token,
)
from bmprov.power import Power, PowerAction
from bmprov.store import Store, migrations
from bmprov.store.leases import Lease
from bmprov.store.operations import LeaseLost
from bmprov.store.reservations import Claimant, expire, reserve
from tests.contract.conftest import Clock

LEASE_S = 20.0


def machine(number: int, state: State = State.AVAILABLE, cpus: int = 4) -> Machine:
    return Machine(
        id=f"m-{number}",
        name=f"rack1-{number:02d}",
        bmc=Bmc(f"ipmi://10.0.0.{number}:623", "admin", b"sealed", (3,)),
        nics=(Nic(f"52:54:00:00:01:{number:02x}", 1), Nic(f"52:54:00:00:00:{number:02x}", 0, "front", netboot=True)),
        cpus=cpus,
        memory_mib=4096,
        tags=("ssd",),
        state=state,
    )


def claimant(instance_id: str = "i-1", macs: tuple[str, ...] = (), cloud: str = "c1") -> Claimant:
    return Claimant(instance_id, f"name-{instance_id}", cloud, "host-1", macs, b"sealed payload", None)


def enrol(store: Store, *machines: Machine) -> None:
    with store.write() as transaction:
        for one in machines:
            transaction.machines.add(one)


def load(store: Store, machine_id: str = "m-1") -> Machine:
    with store.read() as transaction:
        found = transaction.machines.get(machine_id)
    assert found is not None
    return found


def test_migrating_twice_and_at_once_is_harmless(store: Store) -> None:
    """Every process may bring the tables up to date at its start."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: store.migrate(), range(4)))


def test_a_machine_comes_back_as_it_was_entered(store: Store, clock: Clock) -> None:
    """Everything about a machine survives the database, NICs in the order of their position."""
    entered = machine(1)
    enrol(store, entered)
    found = load(store)
    assert found == replace(entered, nics=(entered.nics[1], entered.nics[0]), created_at=clock.now)
    assert found.netboot_nic == entered.nics[1]
    with store.read() as transaction:
        assert transaction.machines.named("rack1-01") == found
        assert transaction.machines.with_mac("52:54:00:00:01:01") == found
        assert transaction.machines.with_mac("52:54:00:00:01:02") is None


def test_nics_are_told_anew(store: Store) -> None:
    """Two change places, one goes, one comes, and two form a bond; another machine's MAC changes nothing."""
    enrol(store, machine(1), machine(2))
    first, second = machine(1).nics
    bond = {"bond": "bond0", "bond_mode": BondMode.ACTIVE_BACKUP}
    swapped = (replace(first, position=0, netboot=True, **bond), replace(second, position=1, **bond))
    for nics in (swapped, (Nic("52:54:00:00:02:01", 0), replace(first, position=1)), (first,)):
        with store.write() as transaction:
            transaction.machines.set_nics(machine(1), nics)
        assert load(store).nics == nics
    with pytest.raises(Conflict, match="another machine has one of the MACs"), store.write() as transaction:
        transaction.machines.set_nics(machine(1), (second, *machine(2).nics))
    assert load(store).nics == (first,)


def test_a_nic_that_stays_keeps_its_cable(store: Store) -> None:
    """Whoever tells the NICs anew, a person or MAAS; one that goes takes its cable along."""
    enrol(store, machine(1))
    first, second = machine(1).nics
    switch = ManagedSwitch("s", "tor1", "fake://tor1", "", b"", b"", 99, 666)
    with store.write() as transaction:
        transaction.switches.add(switch)
        for number, nic in enumerate((first, second)):
            transaction.cabling.enter(Cable(nic.mac, "s", f"{number}"))
        transaction.machines.set_nics(machine(1), (second, first))
        transaction.machines.set_facts(replace(machine(1), nics=(replace(first, position=0),)))
        assert transaction.cabling.ports_of(switch) == {"0"}


@pytest.mark.parametrize("same", ["name", "bmc", "mac"])
def test_name_bmc_and_mac_are_unique(store: Store, same: str) -> None:
    """The database refuses a second machine with a name, a BMC or a MAC that is known, and keeps nothing of it."""
    enrol(store, machine(1))
    second = machine(2)
    clash = {"name": {"name": "rack1-01"}, "bmc": {"bmc": machine(1).bmc}, "mac": {"nics": machine(1).nics}}[same]
    with pytest.raises(Conflict, match="enrolled already"):
        enrol(store, replace(second, **clash))
    with store.read() as transaction:
        assert [found.id for found in transaction.machines.all()] == ["m-1"]


def test_an_exception_undoes_the_whole_transaction(store: Store) -> None:
    """What changes together changes together or not at all."""
    with pytest.raises(Conflict), store.write() as transaction:
        list(map(transaction.machines.add, [machine(1), machine(2), machine(1)]))
    with store.read() as transaction:
        assert transaction.machines.all() == []


def test_the_smallest_machine_that_fits_is_reserved(store: Store) -> None:
    """Best fit leaves the large machines for those who need them."""
    enrol(store, machine(1, cpus=64), machine(2, cpus=8), machine(3, cpus=2))
    with store.write() as transaction:
        instance, got = reserve(transaction, claimant(), Need(cpus=4), 1800)
    assert got.name == "rack1-02"
    assert got.state is State.RESERVED
    assert got.instance_id == instance.id == "i-1"


def test_the_machine_with_the_issued_mac_is_meant(store: Store) -> None:
    """When CloudStack issued a MAC of ours, that machine and no other is reserved, even a larger one."""
    enrol(store, machine(1, cpus=64), machine(2, cpus=2))
    with store.write() as transaction:
        _, got = reserve(transaction, claimant(macs=("02:00:00:00:00:01", "52:54:00:00:01:01")), Need(cpus=1), 1800)
    assert got.name == "rack1-01"
    with (
        pytest.raises(NoCapacity, match="belongs to machine 'rack1-01', which is reserved"),
        store.write() as transaction,
    ):
        reserve(transaction, claimant("i-2", macs=("52:54:00:00:01:01",)), Need(), 1800)


def test_machines_in_maintenance_are_not_given(store: Store) -> None:
    """A machine that somebody works on is nobody's capacity."""
    enrol(store, machine(1))
    with store.write() as transaction:
        transaction.machines.set_maintenance(machine(1), "disk swap", "eve")
    with pytest.raises(NoCapacity), store.write() as transaction:
        reserve(transaction, claimant(), Need(), 1800)


def test_the_same_instance_gets_its_machine_again(store: Store, clock: Clock) -> None:
    """Asking twice prolongs the reservation and changes nothing else; another cloud may not ask for it."""
    enrol(store, machine(1), machine(2))
    with store.write() as transaction:
        _, first = reserve(transaction, claimant(), Need(), 1800)
    clock.now += 1000
    with store.write() as transaction:
        _, again = reserve(transaction, claimant(), Need(), 1800)
    assert again.id == first.id
    assert load(store, first.id).reserved_until == clock.now + 1800
    with pytest.raises(Conflict, match="another cloud"), store.write() as transaction:
        reserve(transaction, claimant(cloud="c2"), Need(), 1800)


def test_a_reservation_runs_out(store: Store, clock: Clock) -> None:
    """A machine that nobody deploys goes back into the pool and its instance is forgotten."""
    enrol(store, machine(1))
    with store.write() as transaction:
        reserve(transaction, claimant(), Need(), 1800)
    clock.now += 1801
    with store.write() as transaction:
        assert [one.name for one in expire(transaction)] == ["rack1-01"]
    assert load(store).state is State.AVAILABLE
    assert load(store).instance_id is None
    with store.read() as transaction:
        assert transaction.instances.get("i-1") is None
        assert transaction.events.newest()[0].what == "reservation expired"


def test_a_hundred_at_once_get_sixty_machines(store: Store) -> None:
    """Concurrent requests never share a machine, and what is too much is refused."""
    enrol(store, *(machine(number) for number in range(1, 61)))

    def ask(number: int) -> str | None:
        try:
            with store.write() as transaction:
                return reserve(transaction, claimant(f"i-{number}"), Need(cpus=4), 1800)[1].id
        except NoCapacity:
            return None

    with ThreadPoolExecutor(20) as pool:
        got = list(pool.map(ask, range(100)))
    assert len({one for one in got if one}) == 60
    assert got.count(None) == 40


def test_the_same_instance_twenty_times_at_once_gets_one_machine(store: Store) -> None:
    """Two management servers may send the same request in the same moment."""
    enrol(store, *(machine(number) for number in range(1, 6)))

    def ask(_: int) -> str:
        with store.write() as transaction:
            return reserve(transaction, claimant(), Need(), 1800)[1].id

    with ThreadPoolExecutor(20) as pool:
        assert len(set(pool.map(ask, range(20)))) == 1
    with store.read() as transaction:
        assert len(transaction.machines.all(state=State.RESERVED)) == 1


@pytest.fixture
def reserved(store: Store) -> Machine:
    enrol(store, machine(1))
    with store.write() as transaction:
        return reserve(transaction, claimant(), Need(), 1800)[1]


def begin(store: Store, on: Machine, kind: Kind = Kind.DEPLOY, action: PowerAction | None = None) -> str:
    with store.write() as transaction:
        return transaction.operations.begin(
            kind, on, "tester", instance=transaction.instances.get("i-1"), action=action
        ).id


def test_one_unfinished_operation_per_machine(store: Store, reserved: Machine) -> None:
    """A second operation on a machine is refused for as long as the first has not ended."""
    begin(store, reserved)
    with pytest.raises(Conflict, match="another operation is under way") as caught:
        begin(store, load(store), Kind.POWER, PowerAction.OFF)
    assert caught.value.retry_after_s is not None


def test_an_operation_that_the_state_forbids_leaves_nothing(store: Store) -> None:
    """An illegal event raises, and the operation that wanted it does not exist."""
    enrol(store, machine(1))
    with pytest.raises(IllegalEvent):
        begin(store, load(store))
    with store.read() as transaction:
        assert transaction.operations.all() == []


def test_one_worker_at_a_time_holds_an_operation(store: Store, reserved: Machine, clock: Clock) -> None:
    """The first claim wins; when its lease has run out the next may take over and the first may write no more."""
    operation_id = begin(store, reserved)
    with store.write() as transaction:
        first = transaction.operations.claim(operation_id, "w1", LEASE_S)
        assert first is not None
        assert transaction.operations.claim(operation_id, "w2", LEASE_S) is None
        assert transaction.operations.due() == []
    clock.now += LEASE_S + 1
    with store.write() as transaction:
        assert [one.id for one in transaction.operations.due()] == [operation_id]
        assert transaction.operations.claim(operation_id, "w2", LEASE_S) is not None
    with pytest.raises(LeaseLost), store.write() as transaction:
        transaction.operations.proceed(first, StepRun("s", 1, 0, 1, "done"), "next", LEASE_S, netboot=False)


def test_concurrent_claims_have_one_winner(store: Store, reserved: Machine) -> None:
    """RQ may deliver a job twice: one worker runs it."""
    operation_id = begin(store, reserved)
    barrier = threading.Barrier(8)

    def claim(number: int) -> bool:
        barrier.wait()
        with store.write() as transaction:
            return transaction.operations.claim(operation_id, f"w{number}", LEASE_S) is not None

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(8))) == 1


def test_leases_of_a_dead_worker_are_given_back(store: Store, reserved: Machine) -> None:
    """A worker that starts under the name of a dead one need not wait for the lease to run out."""
    operation_id = begin(store, reserved)
    with store.write() as transaction:
        transaction.operations.claim(operation_id, "w1", LEASE_S)
        assert transaction.operations.release_leases("w1") == 1
        assert transaction.operations.claim(operation_id, "w2", LEASE_S) is not None


def booted(report: Report) -> Report:
    return replace(report, booted=True, inventory={"cpus": 4})


def test_a_signal_wakes_a_waiting_operation(store: Store, reserved: Machine, clock: Clock) -> None:
    """The ramdisk's call makes the operation due at once; the same call again changes nothing."""
    operation_id = begin(store, reserved)
    with store.write() as transaction:
        held = transaction.operations.claim(operation_id, "w1", LEASE_S)
        assert held is not None
        run = StepRun("wait for the ramdisk", 1, clock.now, clock.now, "wait", "the ramdisk")
        asleep = transaction.operations.wait(held, run, clock.now + 900, clock.now + 900)
    assert asleep is not None
    assert asleep.state is OperationState.WAITING
    with store.write() as transaction:
        assert transaction.operations.due() == []
        woken = transaction.operations.signal(operation_id, booted)
        again = transaction.operations.signal(operation_id, booted)
        assert [one.id for one in transaction.operations.due()] == [operation_id]
    assert woken is not None
    assert woken.report == Report(booted=True, inventory={"cpus": 4})
    assert again == woken


def test_a_signal_during_a_step_is_not_slept_through(store: Store, reserved: Machine, clock: Clock) -> None:
    """A call that arrives between a step's look and its wait makes the wait fail, so that the step looks again."""
    operation_id = begin(store, reserved)
    with store.write() as transaction:
        held = transaction.operations.claim(operation_id, "w1", LEASE_S)
    assert held is not None
    with store.write() as transaction:
        transaction.operations.signal(operation_id, booted)
    with store.write() as transaction:
        run = StepRun("wait for the ramdisk", 1, clock.now, clock.now, "wait", "the ramdisk")
        assert transaction.operations.wait(held, run, clock.now + 900, clock.now + 900) is None


def test_cancelling_a_sleeping_operation_ends_it_at_once(store: Store, reserved: Machine) -> None:
    """Nobody works on it, so the machine goes to its named state in the same transaction."""
    operation_id = begin(store, reserved)
    with store.write() as transaction:
        operation = transaction.operations.lock(operation_id)
        assert operation is not None
        ended = transaction.operations.cancel(operation, load_in(transaction), "ann")
    assert ended.state is OperationState.CANCELLED
    assert ended.error == "cancelled by ann"
    assert load(store).state is State.ERROR
    with store.write() as transaction:
        assert transaction.operations.signal(operation_id, booted) is None


def load_in(transaction: object) -> Machine:
    found = transaction.machines.get("m-1")  # type: ignore[attr-defined] # any Transaction
    assert isinstance(found, Machine)
    return found


def test_cancelling_a_running_operation_asks_its_worker(store: Store, reserved: Machine) -> None:
    """A step that runs is not pulled away under the worker: it is asked to stop at the end of the step."""
    operation_id = begin(store, reserved)
    with store.write() as transaction:
        held = transaction.operations.claim(operation_id, "w1", LEASE_S)
        assert held is not None
        asked = transaction.operations.cancel(held, load_in(transaction), "ann")
    assert not asked.finished
    assert asked.cancelled_by == "ann"


def test_power_is_told_per_host_and_per_cloud(store: Store, reserved: Machine, clock: Clock) -> None:
    """One query gives what the power of every instance of a host is told from, with the operation under way."""
    begin(store, reserved)
    with store.write() as transaction:
        transaction.machines.observe("m-1", Power.ON)
    with store.read() as transaction:
        [facts] = transaction.instances.power_facts_of_host("c1", "host-1")
        assert facts.name == "name-i-1"
        assert facts.reading == PowerReading(Power.ON, clock.now)
        assert facts.running is not None
        assert facts.running.kind is Kind.DEPLOY
        assert transaction.instances.power_facts("i-1", "c1") == facts
        assert transaction.instances.power_facts("i-1", "c2") is None
        assert transaction.instances.power_facts_of_host("c1", "host-2") == []


def test_the_sweep_never_overwrites_an_operation(store: Store, clock: Clock) -> None:
    """A reading that began before or during an operation is worthless after it: the machine was off in between."""
    enrol(store, machine(1, State.ACTIVE))
    before = load(store)
    stale = PowerReading(Power.OFF, clock.now)
    with store.write() as transaction:
        operation = transaction.operations.begin(Kind.POWER, before, "tester", action=PowerAction.CYCLE)
        assert not transaction.machines.swept(before, stale)
        during = load_in(transaction)
        assert not transaction.machines.swept(during, stale)
        transaction.machines.observe("m-1", Power.ON)
        transaction.operations.finish(operation, load_in(transaction), OperationState.SUCCEEDED)
        assert not transaction.machines.swept(before, stale)
        assert not transaction.machines.swept(during, stale)
        assert transaction.machines.swept(load_in(transaction), PowerReading(Power.ON, clock.now))
    assert load(store).reading.power is Power.ON


def test_a_failed_reading_keeps_the_last_one_and_says_why(store: Store, clock: Clock) -> None:
    """The error is kept beside the reading, whose age then tells."""
    enrol(store, machine(1))
    with store.write() as transaction:
        assert transaction.machines.swept(load_in(transaction), PowerReading(Power.ON, clock.now))
        assert transaction.machines.swept(load_in(transaction), PowerReading(error="no answer"))
    assert load(store).reading == PowerReading(Power.ON, clock.now, "no answer")


def test_two_transitions_of_one_machine_have_one_winner(store: Store) -> None:
    """Who decided on an old state is told so."""
    enrol(store, machine(1))
    old = load(store)
    with store.write() as transaction:
        transaction.machines.apply(old, Event.RESERVE)
    with pytest.raises(Conflict, match="changed while"), store.write() as transaction:
        transaction.machines.apply(old, Event.RESERVE)


def test_tokens_are_found_and_revoked(store: Store) -> None:
    """A revoked token is still on record, with the time of its end."""
    token = Token("t1", "cloud one", Role.CLOUD, "c1", "00ff", created_at=5.0)
    with store.write() as transaction:
        transaction.tokens.add(token)
        assert transaction.tokens.get("t1") == token
        assert transaction.tokens.revoke("t1")
        assert not transaction.tokens.revoke("t1")
        assert [one.revoked_at for one in transaction.tokens.all()] == [transaction.now]


def test_what_relays_say_is_kept_as_it_was_seen_last(store: Store, clock: Clock) -> None:
    """One line for each NIC, with its time."""
    mac = "52:54:00:00:00:01"
    for relay in ("10.2.0.1", "10.3.0.1"):
        clock.now += 1
        with store.write() as transaction:
            transaction.sightings.keep(RelaySighting(mac, relay, "Gi1/0/7", "0x0004"))
    with store.read() as transaction:
        assert transaction.sightings.of(mac) == RelaySighting(mac, "10.3.0.1", "Gi1/0/7", "0x0004", clock.now)
        assert transaction.sightings.of("52:54:00:00:00:02") is None


def test_machines_have_names_while_an_operation_boots_them(store: Store, reserved: Machine) -> None:
    """The address that it was bound to, in this site alone, and no longer than the operation lasts."""
    enrol(store, machine(2), replace(machine(3), site="elsewhere"))
    names = {reserved.name: None, machine(2).name: None}

    def told() -> dict[str, str | None]:
        with store.read() as transaction:
            return dict(transaction.names.of("default"))

    assert told() == names
    operation_id = begin(store, reserved)
    with store.write() as transaction:
        claimed = transaction.operations.claim(operation_id, "w1", LEASE_S)
        assert claimed is not None
        transaction.operations.set_boot_ip(operation_id, "10.1.0.9")
    assert told() == names
    with store.write() as transaction:
        opened = transaction.operations.proceed(claimed, StepRun("a", 1, 0, 0, "done"), "b", LEASE_S, netboot=True)
    assert told() == names | {reserved.name: "10.1.0.9"}
    with store.write() as transaction:
        transaction.operations.finish(opened, load_in(transaction), OperationState.CANCELLED)
    assert told() == names


def test_a_machine_with_an_instance_is_not_removed(store: Store, reserved: Machine) -> None:
    """What a tenant has cannot be forgotten by an operator's slip."""
    with pytest.raises(Conflict, match="belongs to instance i-1"), store.write() as transaction:
        transaction.machines.remove(reserved)
    with store.read() as transaction:
        assert isinstance(transaction.instances.get("i-1"), Instance)


def test_leases_keep_an_address_per_mac(store: Store, clock: Clock) -> None:
    """A MAC keeps its address, an address has one MAC, and a declined one is left alone."""
    with store.write() as transaction:
        transaction.leases.give("52:54:00:00:00:01", "127.66.0.10", "default", "op", 600)
        transaction.leases.give("52:54:00:00:00:01", "127.66.0.10", "default", "op", 600)
        assert transaction.leases.of(["52:54:00:00:00:01"]) == {
            "52:54:00:00:00:01": Lease("127.66.0.10", "default", clock.now + 600)
        }
        transaction.leases.give("52:54:00:00:00:01", "127.66.0.11", "default", "op", 600)
        transaction.leases.decline("127.66.0.12", "default")
        assert transaction.leases.taken("default") == {"127.66.0.11", "127.66.0.12"}
    clock.now += 601
    with store.read() as transaction:
        assert transaction.leases.taken("default") == {"127.66.0.12"}


@pytest.mark.parametrize("modes", [None, (), (BootMode.BIOS, BootMode.UEFI)])
def test_an_image_comes_back_as_it_was_entered(store: Store, modes: tuple[BootMode, ...] | None) -> None:
    """That nothing is known of how it boots is another thing than that it does not boot."""
    image = Image("i", "debian", "raw", "00", 1, "00", 2, Arch.AARCH64 if modes else None, 3.0)
    image = replace(image, layout="gpt", boot_modes=modes, min_disk_bytes=4, remarks=("a", "b"))
    with store.write() as transaction:
        transaction.images.add(image)
    with store.read() as transaction:
        assert transaction.images.all() == [transaction.images.named("debian")] == [image]


def test_what_is_in_the_first_tables_stays(request: pytest.FixtureRequest, tmp_path: Path, store: Store) -> None:
    """A database of 0.1.0's first revision with an image in use: of how it boots nothing is known; no Secure Boot."""
    sqlite = store.engine.dialect.name == "sqlite"
    old = Store(f"sqlite:///{tmp_path}/old.db" if sqlite else request.getfixturevalue("postgres_url")())
    with old.engine.connect().execution_options(bmprov_write=True) as connection, connection.begin():
        command.upgrade(migrations.config(connection), "0001")
        connection.exec_driver_sql(
            "INSERT INTO images (id, name, format, sha256, size_bytes, raw_sha256, raw_size_bytes, arch, created_at)"
            " VALUES ('i', 'debian', 'raw', 's', 5, 'r', 7, 'x86_64', 1.0)"
        )
        connection.exec_driver_sql(
            "INSERT INTO machines (id, name, bmc_address, bmc_sealed_password, bmc_cipher_suites, arch, boot_mode,"
            " cpus, memory_mib, disk_gib, tags, site, back_end, state, power, created_at) VALUES ('m-1', 'rack1-01',"
            " 'ipmi://b', '', '[]', 'x86_64', 'uefi', 1, 1, 1, '[]', 'default', 'direct', 'available', 'unknown', 1.0)"
        )
    with old.write() as transaction:
        transaction.instances.add(Instance("u", "i-1", "c1", "h1", "m-1", b"", image_id="i"))
    old.migrate()
    assert not load(old).secure_boot
    assert load(old).boot_from is BootFrom.NETWORK
    with old.read() as transaction:
        known = Image("i", "debian", "raw", "s", 5, "", 7, Arch.X86_64, 1.0, min_disk_bytes=7)
        assert transaction.images.named("debian") == known
        instance = transaction.instances.get("u")
        assert instance is not None
        assert instance.image_id == "i"
    old.close()
