"""The flow runner on a real SQLite file: how far it goes, when it stops, and what it leaves behind."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from bmprov.allocation import Need
from bmprov.deadline import Deadline
from bmprov.errors import BmcAuthFailed, BmcRefused, BmcSilent, BmprovError, Conflict, NoCapacity
from bmprov.lifecycle import Kind, State
from bmprov.model import BackEnd, Bmc, Machine, Nic, Operation, OperationState, Report, StepRun
from bmprov.power import BootDevice, BootOverride, Power, PowerAction
from bmprov.settings import WorkerSettings
from bmprov.store import Store
from bmprov.store.reservations import Claimant, reserve
from tests import databases
from tests.ear import Ear
from tests.requests import no_ports, no_request
from worker.drivers.fake import FakeDriver, FakeMedia, FakeTools
from worker.flow import Fail, Flow, MachineDrivers, Step
from worker.runner import Runner


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Chassis(FakeDriver):
    """The shipped fake, which also remembers what was done to it and fails when told to."""

    def __init__(self) -> None:
        super().__init__(Power.OFF)
        self.did: list[str] = []
        self.fails: list[BmprovError | ValueError] = []
        self.after: Callable[[], None] = lambda: None
        self.silent = False

    def read(self, by: Deadline) -> Power:
        if self.silent:
            raise BmcSilent("10.0.0.7", 5)
        return super().read(by)

    def switch(self, action: PowerAction, by: Deadline) -> Power:
        if self.fails:
            raise self.fails.pop(0)
        if action is PowerAction.SOFT_OFF:
            self.did.append("soft-off")
            return self.read(by)
        self.did.append(action)
        done = super().switch(action, by)
        self.after()
        return done

    def set_boot(self, override: BootOverride, by: Deadline) -> None:
        self.did.append(f"boot {override.device}")
        super().set_boot(override, by)


class House:
    """A store with one reserved machine, its chassis, and a runner."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.store = Store(databases.sqlite(folder / "bmprov.db"), self.clock)
        self.chassis = Chassis()
        self.limits = WorkerSettings()
        self.runner = Runner(
            self.store,
            lambda _: MachineDrivers(self.chassis, FakeTools(), FakeMedia()),
            self.limits,
            "w1",
            lambda: 1.0,
            lambda _: "",
            no_request,
            no_ports(self.store),
        )
        with self.store.write() as transaction:
            nic = Nic("52:54:00:00:00:01", 0)
            transaction.machines.add(Machine("m", "rack1-07", Bmc("ipmi://b", "u", b""), (nic,), state=State.AVAILABLE))

    @property
    def machine(self) -> Machine:
        with self.store.read() as transaction:
            found = transaction.machines.get("m")
        assert found is not None
        return found

    def begin(self, kind: Kind, action: PowerAction | None = None) -> str:
        with self.store.write() as transaction:
            if kind is Kind.DEPLOY and self.machine.state is State.AVAILABLE:
                reserve(transaction, Claimant("i-1", "vm", "c", "h", (), b"", None), Need(), 1800)
            machine = transaction.machines.get("m")
            assert machine is not None
            return transaction.operations.begin(
                kind, machine, "t", instance=transaction.instances.get("i-1"), action=action
            ).id

    def advance(self, operation_id: str) -> Operation:
        self.runner.advance(operation_id)
        return self.operation(operation_id)

    def operation(self, operation_id: str) -> Operation:
        with self.store.read() as transaction:
            found = transaction.operations.get(operation_id)
        assert found is not None
        return found

    def steps(self, operation_id: str) -> list[StepRun]:
        with self.store.read() as transaction:
            return transaction.operations.steps_of(operation_id)

    @property
    def quarantines(self) -> list[tuple[str, str]]:
        with self.store.read() as transaction:
            return [(one.actor, one.detail) for one in transaction.events.newest() if one.what == "quarantined"]

    def signal(self, operation_id: str, **told: object) -> None:
        with self.store.write() as transaction:
            transaction.operations.signal(operation_id, lambda report: replace(report, **told))  # type: ignore[arg-type] # any field


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = House(tmp_path)
    yield built
    built.store.close()


def deploy(house: House) -> str:
    """Deploy the machine to its end."""
    operation_id = house.begin(Kind.DEPLOY)
    house.advance(operation_id)
    house.signal(operation_id, booted=True, written=True)
    assert house.advance(operation_id).state is OperationState.SUCCEEDED
    return operation_id


def test_a_deployment_goes_on_until_it_must_wait(house: House) -> None:
    """Everything up to the ramdisk is one job; then no worker holds the operation."""
    operation = house.advance(house.begin(Kind.DEPLOY))
    assert operation.state is OperationState.WAITING
    assert operation.waiting_for == "the ramdisk"
    assert operation.lease_owner is None
    assert operation.netboot
    assert operation.wait_until == house.clock.now + house.limits.ramdisk_s
    assert house.chassis.did == ["boot network", "cycle"]
    assert house.machine.state is State.DEPLOYING


def test_a_deployment_that_is_signalled_becomes_active(house: House) -> None:
    """The ramdisk's calls carry it through; the timeline has every step and the netboot services are closed again.

    Webhooks are told once, although its jobs are run twice.
    """
    ear = Ear(house.store)
    operation_id = house.begin(Kind.DEPLOY)
    house.advance(operation_id)
    house.signal(operation_id, booted=True)
    assert house.advance(operation_id).waiting_for == "the image to be written"
    house.signal(operation_id, written=True)
    operation = house.advance(operation_id)
    assert operation.state is OperationState.SUCCEEDED
    assert operation.message == "rack1-07 is deployed"
    assert not operation.netboot
    assert house.machine.state is State.ACTIVE
    assert house.machine.reading.power is Power.ON
    done = [run.step for run in house.steps(operation_id) if run.outcome == "done"]
    assert done == [
        "allocate",
        "boot device: network, once",
        "power cycle",
        "wait for the ramdisk",
        "wait for the image to be written",
        "boot device: disk",
        "reboot",
        "verify",
    ]
    assert house.chassis.read_boot(Deadline.after(1)) == BootOverride(BootDevice.DISK, once=False)
    house.advance(operation_id)
    assert [(one["operation"], one["state"]) for one in ear.heard("operation.ended")] == [(operation_id, "succeeded")]
    assert ear.heard("machine.error") == []


def test_a_call_that_comes_during_the_power_cycle_is_not_lost(house: House) -> None:
    """A machine may be faster than the worker: the step that wanted to wait looks again and goes on."""
    operation_id = house.begin(Kind.DEPLOY)
    house.chassis.after = lambda: house.signal(operation_id, booted=True, written=True)
    assert house.advance(operation_id).state is OperationState.SUCCEEDED


@pytest.mark.parametrize(
    ("address", "check"),
    [
        (None, "has taken no address by DHCP; if the operation's timeline tells no reason, it was never"),
        ("10.1.0.10", "a firmware with Secure Boot is told by `bmprov machine set NAME --secure-boot`"),
    ],
)
def test_a_ramdisk_that_never_called_was_on_the_network_or_not(house: House, address: str | None, check: str) -> None:
    """A bundle without LACP fallback never forwards: its DHCP does not arrive, however often the firmware asks."""
    operation_id = house.begin(Kind.DEPLOY)
    house.advance(operation_id)
    if address:
        with house.store.write() as transaction:
            transaction.operations.set_boot_ip(operation_id, address)
    house.clock.now += 900.0
    assert check in house.advance(operation_id).check


@pytest.mark.parametrize(
    ("told", "wait_s", "error", "check", "quarantined"),
    [
        ({}, 900.0, "the ramdisk did not call within 900 s", "52:54:00:00:00:01", True),
        (
            {"unanswered": "no address is left in the range"},
            900.0,
            "the ramdisk did not call within 900 s: DHCP did not answer the machine, no address is left in the range",
            "bmprov pxe dhcp",
            False,
        ),
        ({"booted": True}, 3600.0, "the image was not written within 3600 s", "disk", True),
        (
            {"booted": True, "inventory": {"cpus": 1}, "failure": "wrong digest"},
            0.0,
            "the ramdisk gave up: wrong digest",
            "log",
            False,
        ),
        ({"booted": True, "failure": "6 network boots", "hardware": True}, 0.0, "6 network boots", "bmprov pxe", True),
        (
            {"booted": True, "inventory": {"cpus": 1}, "failure": "EIO", "hardware": True},
            0.0,
            "the ramdisk gave up: EIO",
            "log",
            True,
        ),
    ],
)
def test_a_wait_that_ends_badly_says_what_to_check(
    house: House, told: dict[str, object], wait_s: float, error: str, check: str, *, quarantined: bool
) -> None:
    """Every deadline has an outcome with words that an operator can act on, and the machine is in a named state.

    Off, and kept from the next instance when it looks as if it were at fault.
    """
    operation_id, ear = house.begin(Kind.DEPLOY), Ear(house.store)
    house.advance(operation_id)
    if told:
        house.signal(operation_id, **told)
        house.advance(operation_id)
    house.clock.now += wait_s
    operation = house.advance(operation_id)
    assert operation.state is OperationState.FAILED
    assert operation.error == error
    assert check in operation.check
    assert house.machine.state is State.ERROR
    assert error in house.machine.fault
    assert house.machine.reading.power is Power.OFF
    assert house.chassis.did[-1] == "off"
    assert house.machine.maintenance == (f"quarantined: {error}" if quarantined else "")
    assert house.quarantines == ([("bmprov", error)] if quarantined else [])
    [ended], [failed] = ear.heard("operation.ended"), ear.heard("machine.error")
    assert (ended["state"], ended["error"], ended["check"]) == ("failed", error, operation.check)
    assert (failed["cause"], failed["maintenance"]) == (house.machine.fault, house.machine.maintenance or None)


def test_a_machine_that_is_quarantined_in_its_state_is_told_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation that leaves the machine's state alone may find that it is at fault."""
    ear = Ear(house.store)
    unfit = Flow((Step("look", lambda _: Fail("its fans stand still", "open it", quarantine=True)),))
    monkeypatch.setattr("worker.runner.flow_of", lambda *_: unfit)
    house.advance(house.begin(Kind.POWER, PowerAction.ON))
    [told] = ear.heard("machine.error")
    assert (told["state"], told["cause"]) == ("available", "its fans stand still")
    assert told["maintenance"] == house.machine.maintenance == "quarantined: its fans stand still"


def test_a_quarantined_machine_is_not_deployed_again(house: House) -> None:
    """Neither for the instance that had it nor, when that has given it back, for another one."""
    operation_id = house.begin(Kind.DEPLOY)
    house.advance(operation_id)
    house.clock.now += 900
    house.advance(operation_id)
    with house.store.write() as transaction, pytest.raises(Conflict, match=r"is in maintenance \(quarantined: the"):
        reserve(transaction, Claimant("i-1", "vm", "c", "h", (), b"", None), Need(), 1800)
    house.advance(house.begin(Kind.RELEASE))
    assert house.machine.state is State.AVAILABLE
    with house.store.write() as transaction, pytest.raises(NoCapacity):
        reserve(transaction, Claimant("i-2", "vm", "c", "h", (), b"", None), Need(), 1800)


@pytest.mark.parametrize("told", [{}, {"booted": True}])
def test_a_power_cut_ends_a_deployment(house: House, told: dict[str, object]) -> None:
    """Within a minute, and not at the deadline; a BMC that does not answer then is not taken for a power cut."""
    operation_id = house.begin(Kind.DEPLOY)
    house.advance(operation_id)
    house.signal(operation_id, **told)
    house.advance(operation_id)
    house.chassis.silent = True
    house.clock.now += 60
    assert house.advance(operation_id).state is OperationState.WAITING
    house.chassis.silent = False
    house.clock.now += 60
    assert house.advance(operation_id).state is OperationState.WAITING
    house.chassis.switch(PowerAction.OFF, Deadline.after(1))
    house.clock.now += 60
    assert house.advance(operation_id).due_at == house.clock.now + 15, "it may only be on its way through its firmware"
    house.clock.now += 15
    operation = house.advance(operation_id)
    assert operation.state is OperationState.FAILED
    assert operation.error.startswith("the machine lost its power while bmprov waited for the ")
    assert "power supply" in operation.check
    assert house.machine.state is State.ERROR
    assert house.machine.reading.power is Power.OFF


def test_a_failed_deployment_whose_machine_cannot_be_switched_off(house: House) -> None:
    """The reason stays the deployment's own; that the machine may still be on stands beside what to check."""
    operation_id = house.begin(Kind.DEPLOY)
    house.advance(operation_id)
    house.signal(operation_id, booted=True, inventory={"cpus": 1}, failure="no disk")
    house.chassis.fails = [BmcSilent("10.0.0.7", 5)]
    operation = house.advance(operation_id)
    assert operation.error == "the ramdisk gave up: no disk"
    assert operation.check.endswith("could not be switched off: BMC 10.0.0.7 did not answer for 5 s")


def test_a_retryable_error_is_tried_again_with_backoff(house: House) -> None:
    """The worker goes away and comes back later each time; what happened stands in the timeline."""
    house.chassis.fails = [BmcSilent("b", 5), BmcSilent("b", 5)]
    operation_id = house.begin(Kind.DEPLOY)
    pauses = []
    for _ in range(2):
        operation = house.advance(operation_id)
        assert operation.state is OperationState.QUEUED
        pauses.append(operation.due_at - house.clock.now)
        assert house.advance(operation_id) == operation, "it is not due yet"
        house.clock.now = operation.due_at
    assert pauses == [1.0, 2.0]
    assert house.advance(operation_id).state is OperationState.WAITING
    assert [(run.outcome, run.attempt) for run in house.steps(operation_id)[2:]] == [
        ("retry", 1),
        ("retry", 2),
        ("done", 3),
        ("wait", 1),
    ]


def test_retries_come_to_an_end(house: House) -> None:
    """A BMC that stays silent fails the operation with the BMC's own words."""
    house.chassis.fails = [BmcSilent("10.0.0.7", 5) for _ in range(10)]
    operation_id = house.begin(Kind.DEPLOY)
    for _ in range(house.limits.tries):
        house.clock.now += house.limits.retry_cap_s
        operation = house.advance(operation_id)
    assert operation.state is OperationState.FAILED
    assert operation.error == "BMC 10.0.0.7 did not answer for 5 s; 6 tries"
    assert "its port" in operation.check


def test_a_fatal_error_ends_at_once(house: House) -> None:
    """A wrong password does not become right by trying."""
    house.chassis.fails = [BmcAuthFailed("10.0.0.7", "admin")]
    operation = house.advance(house.begin(Kind.DEPLOY))
    assert operation.state is OperationState.FAILED
    assert "refused user 'admin'" in operation.error


def test_a_fault_of_ours_does_not_strand_the_machine(house: House) -> None:
    """An unforeseen exception is retried and at last fails the operation; its text may hold secrets and is not told."""
    house.chassis.fails = [ValueError("secret inside") for _ in range(10)]
    operation_id = house.begin(Kind.DEPLOY)
    for _ in range(house.limits.tries):
        house.clock.now += house.limits.retry_cap_s
        operation = house.advance(operation_id)
    assert operation.state is OperationState.FAILED
    assert "a fault in bmprov" in operation.error
    assert "secret" not in repr(operation)


def test_a_second_run_of_the_power_cycle_leaves_a_running_ramdisk_alone(house: House) -> None:
    """A worker that was killed after the machine started must not start it again under the ramdisk."""
    operation_id = house.begin(Kind.DEPLOY)
    with house.store.write() as transaction:
        held = transaction.operations.claim(operation_id, "dead", 20)
        assert held is not None
        run = StepRun("boot device: network, once", 1, 0, 0, "done")
        transaction.operations.proceed(held, run, "power cycle", 20, netboot=True)
    house.signal(operation_id, booted=True)
    house.clock.now += 21
    assert house.advance(operation_id).waiting_for == "the image to be written"
    assert house.chassis.did == []


def test_a_second_run_of_the_power_cycle_sets_the_override_again(house: House) -> None:
    """A one-time override that the first start used up is set once more, else the machine would boot its disk."""
    operation_id = house.begin(Kind.DEPLOY)
    with house.store.write() as transaction:
        held = transaction.operations.claim(operation_id, "dead", 20)
        assert held is not None
        run = StepRun("boot device: network, once", 1, 0, 0, "done")
        transaction.operations.proceed(held, run, "power cycle", 20, netboot=True)
    house.clock.now += 21
    house.advance(operation_id)
    assert house.chassis.did == ["boot network", "cycle"]


def test_a_cancel_during_a_step_takes_effect_at_its_end(house: House) -> None:
    """The step is not torn; the operation ends as cancelled and the machine is in a named state."""
    operation_id = house.begin(Kind.DEPLOY)

    def cancel() -> None:
        with house.store.write() as transaction:
            operation = transaction.operations.lock(operation_id)
            assert operation is not None
            transaction.operations.cancel(operation, house.machine, "ann")

    house.chassis.after = cancel
    operation = house.advance(operation_id)
    assert operation.state is OperationState.CANCELLED
    assert operation.error == "cancelled by ann"
    assert house.machine.state is State.ERROR


def test_stop_gives_the_operating_system_its_time(house: House) -> None:
    """Soft off first, looked at every two seconds; the power is cut only when the time is over."""
    deploy(house)
    house.chassis.did.clear()
    operation_id = house.begin(Kind.POWER, PowerAction.SOFT_OFF)
    operation = house.advance(operation_id)
    assert operation.waiting_for == "the operating system to shut down"
    assert operation.due_at == house.clock.now + 2
    house.clock.now += 2
    house.advance(operation_id)
    assert house.chassis.did == ["soft-off"], "it is not asked at every look"
    house.clock.now += 4
    house.advance(operation_id)
    assert house.chassis.did == ["soft-off"] * 2, "it may have been booting the first time"
    house.clock.now += house.limits.shutdown_s
    operation = house.advance(operation_id)
    assert operation.state is OperationState.SUCCEEDED
    assert house.chassis.did == ["soft-off", "soft-off", "off"]
    assert house.machine.reading.power is Power.OFF
    assert [run.outcome for run in house.steps(operation_id)] == ["wait", "done", "done"]


def test_a_bmc_without_soft_off_is_switched_off(house: House) -> None:
    """A BMC that cannot ask the operating system is no reason to fail a stop."""
    deploy(house)
    house.chassis.fails = [BmcRefused("not supported")]
    assert house.advance(house.begin(Kind.POWER, PowerAction.SOFT_OFF)).state is OperationState.SUCCEEDED
    assert house.machine.reading.power is Power.OFF


@pytest.mark.parametrize(
    ("action", "power"), [(PowerAction.ON, Power.ON), (PowerAction.OFF, Power.OFF), (PowerAction.RESET, Power.ON)]
)
def test_a_power_operation_ends_with_what_was_read_back(house: House, action: PowerAction, power: Power) -> None:
    """The reading is stored in the transaction that ends the operation."""
    operation = house.advance(house.begin(Kind.POWER, action))
    assert operation.state is OperationState.SUCCEEDED
    assert house.machine.reading.power is power
    assert house.machine.state is State.AVAILABLE


def test_release_forgets_the_instance(house: House) -> None:
    """The machine is off, back in the pool, and its instance's payload is gone."""
    deploy(house)
    operation = house.advance(house.begin(Kind.RELEASE))
    assert operation.state is OperationState.SUCCEEDED
    assert operation.message == "rack1-07 is available"
    assert house.machine.state is State.AVAILABLE
    assert house.machine.instance_id is None
    assert house.machine.reading.power is Power.OFF
    with house.store.read() as transaction:
        assert transaction.instances.all() == []


def test_inspect_makes_a_machine_available(house: House) -> None:
    """A machine whose BMC answers to its login may be used."""
    operation = house.advance(house.begin(Kind.INSPECT))
    assert operation.state is OperationState.SUCCEEDED
    assert house.machine.state is State.AVAILABLE


def test_a_fake_machine_is_deployed_in_one_job(house: House) -> None:
    """Without anything to wait for, the whole deployment is one claim and one run through the steps."""
    with house.store.write() as transaction:
        fake = Machine(
            "f",
            "fake-1",
            Bmc("fake://1", "", b""),
            (Nic("52:54:00:00:00:02", 0),),
            back_end=BackEnd.FAKE,
            state=State.AVAILABLE,
        )
        transaction.machines.add(fake)
        instance, machine = reserve(
            transaction, Claimant("i-2", "vm", "c", "h", (), b"", None), Need(machine="fake-1"), 1800
        )
        operation_id = transaction.operations.begin(Kind.DEPLOY, machine, "t", instance=instance).id
    assert house.advance(operation_id).state is OperationState.SUCCEEDED


def test_every_step_may_run_twice(house: House) -> None:
    """Killed before the outcome of any step is stored, the next worker ends in the same world."""
    operation_id = house.begin(Kind.DEPLOY)
    deaths = 0
    while not (operation := house.operation(operation_id)).finished:
        machine = house.machine
        with house.store.write() as transaction:
            held = transaction.operations.claim(operation_id, f"doomed-{deaths}", 20)
        assert held is not None
        doomed = replace(house.runner, owner=f"doomed-{deaths}")
        step, ports_of = _step_of(house, held), partial(doomed.ports_of, machine)
        doomed._run(step, held, machine, house.clock.now, ports_of)  # acts on the machine, and dies
        deaths += 1
        house.clock.now += 21
        one_step = replace(house.runner, owner="w1")
        with house.store.write() as transaction:
            held = transaction.operations.claim(operation_id, "w1", 20)
        assert held is not None
        one_step._step(held, machine)
        with house.store.write() as transaction:
            transaction.operations.release_leases("w1")
        if house.operation(operation_id).state is OperationState.WAITING:
            house.signal(operation_id, booted=True, written=True)
    assert operation.state is OperationState.SUCCEEDED
    assert deaths >= 8
    assert house.machine.state is State.ACTIVE


def _step_of(house: House, operation: Operation) -> object:
    from worker.flows import flow_of

    return flow_of(operation, house.machine).at(operation.step)


def test_the_report_of_a_finished_operation_is_kept(house: House) -> None:
    """What the ramdisk told stays with the operation, for whoever looks later."""
    operation_id = deploy(house)
    assert house.operation(operation_id).report == Report(booted=True, written=True)
