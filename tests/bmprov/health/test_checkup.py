"""The facts of a service, on a real database and a real Valkey, and what is said to be wrong with it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bmprov import tls
from bmprov.bmc_seen import Seen, note_name
from bmprov.health import Checkup, Facts, Severity, Trouble, Watched, troubles
from bmprov.health.facts import Certificate, Disk
from bmprov.heartbeat import Heart, note_sweep, signs
from bmprov.lifecycle import Kind, State
from bmprov.model import Bmc, Machine, Nic, PowerReading
from bmprov.power import Power, PowerAction
from bmprov.queue import KEPT, JobQueue
from bmprov.signs import Doing, Part, Sweep
from bmprov.store import Store
from tests import databases


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Store:
    return Store(databases.sqlite(tmp_path / "bmprov.db"), clock)


@pytest.fixture
def queue(valkey: str) -> JobQueue:
    queue = JobQueue(valkey)
    queue.redis.flushall()
    return queue


@pytest.fixture
def look(store: Store, queue: JobQueue, tmp_path: Path) -> Callable[[], Facts]:
    """Looks anew each time."""
    watched = Watched({"images": tmp_path}, {})
    return lambda: Checkup(store, queue.hasty, watched, remembered_s=0.0).facts()


@pytest.fixture
def machine(store: Store) -> Machine:
    made = Machine(
        "m-1", "rack1-01", Bmc("ipmi://10.0.0.1", "", b""), (Nic("52:54:00:00:00:01", 0),), state=State.AVAILABLE
    )
    with store.write() as transaction:
        transaction.machines.add(made)
        transaction.machines.swept(made, PowerReading(Power.ON, transaction.now))
    return made


def heart(valkey: str, part: Part, name: str = "") -> Heart:
    return Heart(valkey, part, "default", name)


def alive(valkey: str) -> None:
    for part in (Part.WATCH, Part.WORKER, Part.DHCP, Part.TFTP, Part.HTTP):
        heart(valkey, part).beat()


def said(facts: Facts) -> list[tuple[Severity, str, str]]:
    return [(one.severity, one.what, one.where) for one in troubles(facts, facts.at)]


@pytest.mark.usefixtures("machine")
def test_a_service_that_is_well_has_no_troubles(look: Callable[[], Facts], valkey: str) -> None:
    look()  # a site is known by its machines
    alive(valkey)
    facts = look()
    assert said(facts) == []
    assert facts.sweep_ages == {"default": 0.0}


@pytest.mark.usefixtures("machine")
def test_processes_that_are_missing_are_named(look: Callable[[], Facts], valkey: str) -> None:
    """A site that boots nobody over the network is not asked for DHCP."""
    assert {what for _, what, _ in said(look())} == {"no `bmprov watch` runs", "no worker runs"}
    for part in (Part.WATCH, Part.WORKER, Part.HTTP):
        heart(valkey, part).beat()
    assert {what for _, what, _ in said(look())} == {"`bmprov pxe dhcp` does not run", "`bmprov pxe tftp` does not run"}


def test_a_worker_tells_what_it_has_in_hand_until_it_stops(queue: JobQueue, valkey: str) -> None:
    worker = heart(valkey, Part.WORKER, "worker-1")
    worker.doing = Doing("op-1", 5.0)
    worker.beat()
    [sign] = signs(queue.hasty)
    assert (sign.name, sign.site, sign.doing, sign.doing_since) == ("worker-1", "default", "op-1", 5.0)
    worker.stop()
    assert signs(queue.hasty) == []


def test_a_sign_that_this_version_does_not_understand_is_passed_over(queue: JobQueue, valkey: str) -> None:
    """As while some processes are of a newer version."""
    heart(valkey, Part.API).beat()
    for name, text in (("new", '{"part": "oven", "site": "s"}'), ("odd", "{"), ("list", "[]")):
        queue.redis.set(f"bmprov:alive:{name}", text)
        queue.redis.sadd("bmprov:alive", f"bmprov:alive:{name}")
    assert [sign.part for sign in signs(queue.hasty)] == [Part.API]


def test_what_waits_too_long_for_a_worker(
    store: Store, machine: Machine, queue: JobQueue, look: Callable[[], Facts], clock: Clock, valkey: str
) -> None:
    """Known from the database, and the jobs of it from Redis."""
    alive(valkey)
    with store.write() as transaction:
        operation = transaction.operations.begin(Kind.POWER, machine, "ada", action=PowerAction.ON)
    queue.nudge(operation)
    began, clock.now = clock.now, clock.now + 61
    facts = look()
    [trouble] = troubles(facts, facts.at)
    assert (trouble.severity, trouble.where, trouble.since) == (Severity.ERROR, "default", began)
    assert trouble.what == "1 operation of queue power wait for a worker"
    assert facts.pulse is not None
    [power] = [one for one in facts.pulse.queues if one.jobs]
    assert (power.site, power.urgency, power.jobs, power.oldest_at is not None) == ("default", "power", 1, True)


def test_a_sweep_that_is_overdue(
    machine: Machine, queue: JobQueue, look: Callable[[], Facts], clock: Clock, valkey: str
) -> None:
    """By what the watch has told; without that, by the newest reading."""
    alive(valkey)
    clock.now += 100
    assert said(look()) == [(Severity.ERROR, "the power of its machines was last read 100 s ago", machine.site)]
    note_sweep(queue.hasty, Sweep("default", clock.now - 5, clock.now - 1, 1, 1))
    facts = look()
    assert said(facts) == []
    assert facts.sweep_ages == {"default": 1.0}


def test_bmcs_that_fail_and_those_that_are_left_alone(
    store: Store, machine: Machine, queue: JobQueue, look: Callable[[], Facts], valkey: str
) -> None:
    alive(valkey)
    with store.write() as transaction:
        transaction.machines.swept(machine, PowerReading(error="BMC refused the password: check it"))
    seen = Seen(refusals=2, refused="login")
    queue.redis.set(f"{KEPT}{note_name(machine.bmc.address)}", seen.note or b"")
    facts = look()
    assert facts.pulse is not None
    [left] = facts.pulse.left_alone
    assert (left.machine, left.refused, left.until) == ("rack1-01", True, None)
    assert [(what, where) for _, what, where in said(facts)] == [
        ("1 BMC of 1 could not be read: rack1-01", "default"),
        ("its BMC refuses the password, and is not asked again", "rack1-01"),
    ]


@pytest.mark.usefixtures("machine")
def test_without_redis_the_database_is_still_told(store: Store) -> None:
    facts = Checkup(store, JobQueue("unix:///nowhere/redis.sock").hasty, Watched()).facts()
    assert facts.pulse is None
    assert facts.census is not None
    assert facts.sweep_ages == {"default": 0.0}
    assert "Redis did not answer" in facts.redis_error
    assert said(facts) == [(Severity.ERROR, "Redis does not answer", "redis")]


def test_without_the_database_the_rest_is_still_told(tmp_path: Path, queue: JobQueue) -> None:
    store = Store(f"sqlite:///{tmp_path}/none/bmprov.db")
    facts = Checkup(store, queue.hasty, Watched({"images": tmp_path})).facts()
    assert facts.census is None
    assert facts.pulse is not None
    [(severity, what, where)] = said(facts)
    assert (severity, where) == (Severity.ERROR, "database")
    assert "did not answer" in what


def test_facts_are_remembered_for_a_moment(store: Store, queue: JobQueue, clock: Clock, machine: Machine) -> None:
    """Many who ask cost no more than one."""
    checkup = Checkup(store, queue.hasty, Watched(), remembered_s=2.0)
    first = checkup.facts()
    clock.now += 1.9
    assert checkup.facts() is first
    clock.now += 0.2
    assert checkup.facts() is not first
    assert machine.name == "rack1-01"


def test_disks_and_certificates(tmp_path: Path, store: Store, queue: JobQueue, clock: Clock) -> None:
    """What cannot be read says why; and nothing is raised."""
    tls.ensure(tmp_path / "api.pem", tmp_path / "api.key", ["localhost"])
    (tmp_path / "odd.pem").write_text("no certificate")
    certificates = {name: tmp_path / f"{name}.pem" for name in ("api", "odd", "none")}
    folders = {"images": tmp_path, "none": tmp_path / "none"}
    facts = Checkup(store, queue.hasty, Watched(folders, certificates)).facts()
    there, gone = facts.disks
    assert 0 < there.free_bytes <= there.total_bytes
    assert gone.error == "No such file or directory"
    good, odd, none = facts.certificates
    assert good.not_after is not None
    assert (odd.error, none.error) == ("it is no certificate in PEM", "No such file or directory")
    assert clock.now < good.not_after


@pytest.fixture
def well(look: Callable[[], Facts]) -> Facts:
    return look()


def judged(facts: Facts) -> list[Trouble]:
    return troubles(facts, facts.at)


@pytest.mark.parametrize(
    ("free", "free_files", "told"),
    [(100, 100, []), (99, 100, [Severity.WARNING]), (20, 100, [Severity.ERROR]), (100, 20, [Severity.ERROR])],
)
def test_a_disk_that_fills(well: Facts, free: int, free_files: int, told: list[Severity]) -> None:
    """Below a tenth it is filling, below a third of that it is full; inodes run out too."""
    disk = Disk("images", Path("/images"), 1000, free, 1000, free_files)
    assert [one.severity for one in judged(replace(well, disks=[disk]))] == told


def test_a_file_system_without_a_number_of_inodes_has_enough(well: Facts) -> None:
    assert judged(replace(well, disks=[Disk("images", Path("/images"), 1000, 500, 0, 0)])) == []


@pytest.mark.parametrize(
    ("days", "told"), [(31, []), (29, [Severity.WARNING]), (6, [Severity.ERROR]), (-1, [Severity.ERROR])]
)
def test_a_certificate_that_ends(well: Facts, days: int, told: list[Severity]) -> None:
    certificate = Certificate("api", Path("api.pem"), well.at + days * 86_400)
    assert [one.severity for one in judged(replace(well, certificates=[certificate]))] == told
