"""Manners towards BMCs, in a real Valkey and against simulated BMCs that count what reaches them."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import BmcAuthFailed, BmcBusy, BmcLockedOut, BmcUnreachable
from bmprov.power import Power
from bmprov.queue import JobQueue
from tests.contract.bmcs import SimulatedMachine, simulated_bmcs
from worker.drivers.ipmi import IpmiDriver
from worker.drivers.manners import Manners, login_name


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(valkey: str) -> JobQueue:
    found = JobQueue(valkey)
    found.redis.flushall()
    return found


@pytest.fixture
def machine() -> Iterator[SimulatedMachine]:
    with simulated_bmcs() as hall:
        yield hall.start()


def manners(queue: JobQueue, clock: Clock, *, urgent: bool = False, login: str = "login") -> Manners:
    return Manners(queue, queue, login, urgent=urgent, clock=clock, jitter=lambda: 1.0)


def read(machine: SimulatedMachine, lock: Manners, seconds: float = 0.3) -> Power:
    return IpmiDriver(machine.login, lock).read(Deadline.after(seconds))


def test_a_bmc_that_stays_silent_is_left_alone(machine: SimulatedMachine, queue: JobQueue, clock: Clock) -> None:
    """After three calls in vain nothing is sent any more; probes come at growing intervals, and an answer ends it."""
    machine.faults.silent = True
    lock = manners(queue, clock)
    for _ in range(3):
        with pytest.raises(BmcUnreachable, match="did not answer for"):
            read(machine, lock)
    for pause_s in (15, 30, 60, 120, 240, 240):
        with pytest.raises(BmcUnreachable, match=r"times in a row; it is asked again in") as caught:
            read(machine, lock, seconds=5)
        assert caught.value.retry_after_s == pytest.approx(pause_s)
        clock.now += pause_s
        with pytest.raises(BmcUnreachable, match="did not answer for"):
            read(machine, lock)
    machine.faults.silent = False
    clock.now += 240
    assert read(machine, lock, seconds=5) is Power.OFF
    machine.faults.silent = True
    with pytest.raises(BmcUnreachable, match="did not answer for"):  # it begins anew
        read(machine, lock)


def test_somebody_who_waits_may_ask_sooner(machine: SimulatedMachine, queue: JobQueue, clock: Clock) -> None:
    """What the sweep has learnt holds for an operation too, for some seconds."""
    machine.faults.silent = True
    for _ in range(3):
        with pytest.raises(BmcUnreachable):
            read(machine, manners(queue, clock))
    machine.faults.silent = False
    with pytest.raises(BmcUnreachable) as caught:
        read(machine, manners(queue, clock, urgent=True))
    assert caught.value.retry_after_s == pytest.approx(5)
    clock.now += 5
    assert read(machine, manners(queue, clock, urgent=True), seconds=5) is Power.OFF
    assert read(machine, manners(queue, clock), seconds=5) is Power.OFF


def test_a_refused_password_is_tried_twice(machine: SimulatedMachine, queue: JobQueue, clock: Clock) -> None:
    """Then not again, by nobody, however long it takes, until it is told anew."""
    wrong = replace(machine.login, password="wrong")
    for _ in range(2):
        with pytest.raises(BmcAuthFailed, match="refused user 'admin'"):
            IpmiDriver(wrong, manners(queue, clock)).read(Deadline.after(5))
    clock.now += 86_400
    for urgent in (False, True):
        with pytest.raises(BmcLockedOut, match=r"has refused its user or password 2 times.*set-bmc"):
            IpmiDriver(wrong, manners(queue, clock, urgent=urgent)).read(Deadline.after(5))
    assert read(machine, manners(queue, clock, login="told anew"), seconds=5) is Power.OFF


def test_a_login_that_works_in_between_counts_anew(machine: SimulatedMachine, queue: JobQueue, clock: Clock) -> None:
    """Two refusals must come in a row: some BMCs refuse everybody while they start."""
    wrong = replace(machine.login, password="wrong")
    for _ in range(3):
        with pytest.raises(BmcAuthFailed, match="refused user 'admin'"):
            IpmiDriver(wrong, manners(queue, clock)).read(Deadline.after(5))
        assert read(machine, manners(queue, clock), seconds=5) is Power.OFF


def test_a_password_that_is_told_anew_is_another_login() -> None:
    """Sealed twice it has another name, even if it is the same: whoever tells it wants it tried."""
    names = {login_name("ipmi://h", "u", b"1"), login_name("ipmi://h", "u", b"2"), login_name("ipmi://i", "u", b"1")}
    assert len(names) == 3


def test_a_pause_lies_between_two_sessions(machine: SimulatedMachine, valkey: str) -> None:
    """Whoever comes within it waits, or is told that the BMC is busy; another's lock is never let go."""
    queue = JobQueue(valkey, pause_s=0.5)
    queue.redis.flushall()
    address = machine.login.address
    with queue.hold(address, Deadline.after(1)):
        pass
    with pytest.raises(BmcBusy), queue.hold(address, Deadline.after(0.1)):
        pass
    began = Deadline.after(2)
    with queue.hold(address, began):
        assert 1 < began.remaining_s < 1.9
        queue.redis.set(f"bmprov:bmc:{address}", b"another's")
    assert queue.redis.get(f"bmprov:bmc:{address}") == b"another's"
