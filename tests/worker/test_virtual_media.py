"""Deployments from a virtual CD: the runner, the Redfish drivers, and a simulated BMC with all that it may do wrong."""

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from bmprov.allocation import Need
from bmprov.lifecycle import Kind, State
from bmprov.media import FILE, image_url
from bmprov.model import Bmc, BootFrom, Machine, Nic, Operation, OperationState
from bmprov.power import BootDevice, BootOverride, Power
from bmprov.queue import JobQueue
from bmprov.settings import WorkerSettings
from bmprov.store import Store
from bmprov.store.reservations import Claimant, reserve
from bmprov.vault import Vault
from tests import databases
from tests.contract.redfish_bmcs import SimulatedRedfish, simulated_redfish
from tests.requests import no_ports, no_request
from worker.drivers.choice import Drivers
from worker.runner import Runner

BASE = "http://10.1.0.1:8080"
CD_ONCE = BootOverride(BootDevice.CDROM, once=True)
LIMITS = WorkerSettings(bmc_pause_s=0.0)


class House:
    """A machine that boots the ramdisk from its BMC's virtual CD, and a worker."""

    def __init__(self, folder: Path, redis: str, bmc: SimulatedRedfish) -> None:
        Vault.create_file(folder / "secret.key")
        self.vault, self.bmc = Vault.from_file(folder / "secret.key"), bmc
        self.ahead_s = 0.0
        queue = JobQueue(redis, pause_s=0.0)
        queue.redis.flushall()
        self.store = Store(databases.sqlite(folder / "bmprov.db"), lambda: time.time() + self.ahead_s)
        drivers = Drivers(self.vault, queue, urgent=True)
        self.runner = Runner(
            self.store, drivers.of, LIMITS, "w1", lambda: 1.0, self.cd_url, no_request, no_ports(self.store)
        )
        login = Bmc(bmc.login.address, bmc.login.user, self.vault.seal(bmc.login.password.encode()))
        nics = (Nic("52:54:00:00:00:01", 0),)
        made = Machine("m", "rack1-07", login, nics, boot_from=BootFrom.VIRTUAL_MEDIA, state=State.AVAILABLE)
        with self.store.write() as transaction:
            transaction.machines.add(made)

    def cd_url(self, operation: Operation) -> str:
        return image_url(BASE, self.vault.operation_token(operation.id))

    @property
    def drive(self) -> str:
        return self.bmc.chassis.drive.image

    @property
    def machine(self) -> Machine:
        with self.store.read() as transaction:
            found = transaction.machines.get("m")
        assert found is not None
        return found

    def begin(self, kind: Kind = Kind.DEPLOY) -> str:
        with self.store.write() as transaction:
            if kind is Kind.DEPLOY:
                reserve(transaction, Claimant("i-1", "vm", "c", "h", (), b"", None), Need(), 1800)
            machine, instance = transaction.machines.get("m"), transaction.instances.get("i-1")
            assert machine is not None
            return transaction.operations.begin(kind, machine, "t", instance=instance).id

    def advance(self, operation_id: str) -> Operation:
        self.runner.advance(operation_id)
        with self.store.read() as transaction:
            found = transaction.operations.get(operation_id)
        assert found is not None
        return found

    def signal(self, operation_id: str, **told: object) -> None:
        with self.store.write() as transaction:
            transaction.operations.signal(operation_id, lambda report: replace(report, **told))  # type: ignore[arg-type] # any field

    def done(self, operation_id: str) -> list[str]:
        with self.store.read() as transaction:
            return [run.step for run in transaction.operations.steps_of(operation_id) if run.outcome == "done"]


@pytest.fixture
def house(tmp_path: Path, valkey: str) -> Iterator[House]:
    (tmp_path / "bmc").mkdir()
    with simulated_redfish(tmp_path / "bmc", with_tls=False) as bmc:
        built = House(tmp_path, valkey, bmc)
        yield built
        built.store.close()


def test_a_machine_boots_the_cd_once_and_then_its_disk(house: House) -> None:
    """The CD is the operation's own; it is out before the machine boots its disk; a release finds nothing to eject."""
    operation = house.advance(house.begin())
    assert (operation.waiting_for, operation.netboot, house.drive) == ("the ramdisk", True, house.cd_url(operation))
    assert house.bmc.chassis.boots == [CD_ONCE]
    house.signal(operation.id, booted=True, written=True)
    assert house.advance(operation.id).state is OperationState.SUCCEEDED
    assert (house.drive, house.bmc.chassis.boots[1]) == ("", BootOverride(BootDevice.DISK, once=False))
    assert house.done(operation.id) == [
        "allocate",
        "virtual CD: insert",
        "boot device: CD, once",
        "power cycle",
        "wait for the ramdisk",
        "wait for the image to be written",
        "virtual CD: eject",
        "boot device: disk",
        "reboot",
        "verify",
    ]
    released = house.begin(Kind.RELEASE)
    assert house.advance(released).state is OperationState.SUCCEEDED
    assert house.done(released) == ["power off", "boot device: default", "virtual CD: eject", "clean"]


def test_every_step_may_run_twice(house: House) -> None:
    """Killed before the outcome of any step is stored, the next worker ends in the same world."""
    operation_id = house.begin()
    deaths = 0
    while True:
        with house.store.write() as transaction:
            operation = transaction.operations.claim(operation_id, "dying", 1.0)
            assert operation is not None
        _run_unstored(house, operation)
        with house.store.write() as transaction:
            transaction.operations.release_leases("dying")
        operation = _one_step(house, operation_id)
        if operation.state is OperationState.WAITING:
            house.signal(operation_id, booted=True, written=True)
        deaths += 1
        if operation.finished:
            break
    assert (operation.state, house.drive) == (OperationState.SUCCEEDED, "")
    assert deaths >= 10
    assert house.bmc.chassis.boots[-1] == BootOverride(BootDevice.DISK, once=False)


def _run_unstored(house: House, operation: Operation) -> None:
    from worker.flows import flow_of

    step = flow_of(operation, house.machine).at(operation.step)
    ports_of = partial(house.runner.ports_of, house.machine)
    house.runner._run(step, operation, house.machine, house.store.clock(), ports_of)


def _one_step(house: House, operation_id: str) -> Operation:
    with house.store.write() as transaction:
        operation = transaction.operations.claim(operation_id, "w1", 20.0)
    assert operation is not None
    house.runner._step(operation, house.machine)
    with house.store.write() as transaction:
        transaction.operations.release_leases("w1")
        found = transaction.operations.get(operation_id)
    assert found is not None
    return found


def test_a_bmc_without_a_virtual_cd_fails_the_deployment_in_words(house: House) -> None:
    """Before anything is switched; and a release of that machine goes through."""
    house.bmc.faults.no_media = True
    operation = house.advance(house.begin())
    assert operation.state is OperationState.FAILED
    assert "has no virtual CD" in operation.error
    assert "--boot-from network" in operation.check
    assert house.bmc.power() is Power.OFF
    assert house.advance(house.begin(Kind.RELEASE)).state is OperationState.SUCCEEDED


def test_another_image_is_never_taken_out(house: House) -> None:
    """The deployment fails and names it; a release leaves it where it is."""
    house.bmc.chassis.drive.image = "http://10.1.0.9/rescue.iso"
    operation = house.advance(house.begin())
    assert operation.state is OperationState.FAILED
    assert "another image in its virtual CD (rescue.iso)" in operation.error
    assert house.advance(house.begin(Kind.RELEASE)).state is OperationState.SUCCEEDED
    assert house.drive == "http://10.1.0.9/rescue.iso"


def test_a_bmc_that_refuses_the_cd_is_asked_again(house: House) -> None:
    """It may not have reached the service; at last the deployment fails and says what to look at, without the token."""
    house.bmc.faults.refuses_media = True
    operation_id = house.begin()
    operation = house.advance(operation_id)
    assert operation.state is OperationState.QUEUED
    house.bmc.faults.refuses_media = False
    house.ahead_s += 60
    assert house.advance(operation_id).waiting_for == "the ramdisk"
    house.signal(operation_id, booted=True, failure="no more")
    house.advance(operation_id)
    house.advance(house.begin(Kind.RELEASE))
    with house.store.write() as transaction:
        transaction.machines.set_maintenance(house.machine, "", "")
    house.bmc.faults.refuses_media = True
    operation_id = house.begin()
    while not (operation := house.advance(operation_id)).finished:
        house.ahead_s += 60
    assert operation.error.endswith("; 6 tries")
    assert f"see whether it reaches {BASE}" in operation.check
    assert house.vault.operation_token(operation_id) not in str(operation)


def test_a_cd_that_is_not_there_is_told_in_the_words_of_the_service(house: House) -> None:
    """The BMC only knows that it could not fetch it, and the service knows why."""
    house.bmc.faults.refuses_media = True
    operation_id = house.begin()
    house.advance(operation_id)
    house.signal(operation_id, booted=True, failure="the ramdisk's CD is not usable")
    operation = house.advance(operation_id)
    assert (operation.state, operation.error) == (OperationState.FAILED, "the ramdisk's CD is not usable")


def test_a_bmc_that_drops_the_boot_override_is_found_out(house: House) -> None:
    """Before the machine is started. What stays in the drive boots nothing any more, and a release takes it out."""
    house.bmc.faults.drops_boot = True
    operation_id = house.begin()
    while not (operation := house.advance(operation_id)).finished:
        house.ahead_s += 60
    assert "accepted boot device 'cdrom' and dropped it" in operation.error
    assert house.bmc.power() is Power.OFF
    house.bmc.faults.drops_boot = False
    house.advance(house.begin(Kind.RELEASE))
    assert house.drive == ""


def test_a_ramdisk_that_never_calls(house: House) -> None:
    """The machine is switched off, and the CD is out, so that it cannot be booted again."""
    operation_id = house.begin()
    house.advance(operation_id)
    house.ahead_s += LIMITS.ramdisk_s + 1
    operation = house.advance(operation_id)
    assert operation.state is OperationState.FAILED
    assert "whether it boots the BMC's virtual CD" in operation.check
    assert (house.bmc.power(), house.drive) == (Power.OFF, "")


@pytest.mark.parametrize(
    ("inserted", "no_media", "verdict", "words"),
    [
        ("", False, "good", "the BMC has one"),
        ("", True, "bad", "has no virtual CD"),
        ("http://10.1.0.9/rescue.iso", False, "bad", "another image is in it (rescue.iso)"),
        (f"http://10.1.0.1/{FILE}", False, "warning", "the next one takes it out"),
    ],
)
def test_the_virtual_cd_is_checked(house: House, inserted: str, verdict: str, words: str, *, no_media: bool) -> None:
    """`bmprov machine check` of a machine that is to boot from it."""
    house.bmc.chassis.drive.image, house.bmc.faults.no_media = inserted, no_media
    with house.store.write() as transaction:
        begun = transaction.operations.begin(Kind.BMC, house.machine, "t", command="check")
    answer = house.advance(begun.id).answer
    (found,) = [one for one in answer if one["check"] == "virtual CD"]
    assert found["verdict"] == verdict
    assert words in found["finding"]
