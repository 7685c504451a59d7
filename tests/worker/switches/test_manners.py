"""A silent switch is left alone for a while, a refused login is not repeated, and every process knows."""

from collections.abc import Iterator

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import SwitchAuthFailed, SwitchBusy, SwitchLockedOut, SwitchRefused, SwitchUnreachable
from bmprov.queue import JobQueue
from tests.contract.switches import SimulatedStand, simulated
from tests.sim_switch.ssh import switch_servers
from worker.switches.command_line import CommandLineSwitch
from worker.switches.dialects import DIALECTS
from worker.switches.manners import LOGIN_PAUSE_S, REFUSALS, SILENCES, SwitchManners
from worker.switches.switch_lock import LocalSwitchLock

ADDRESS = "sonic://10.0.0.1"


class Worker:
    """One process's manners, at a time that the test moves."""

    def __init__(self, valkey: str, login: str = "first") -> None:
        self.now = 1_000_000.0
        self.manners = SwitchManners(LocalSwitchLock(), JobQueue(valkey), login, lambda: self.now)

    def meets(self, error: Exception | None, address: str = ADDRESS) -> None:
        """A session that ends so."""
        with self.manners.hold(address, Deadline.after(5)):
            if error is not None:
                raise error


@pytest.fixture
def worker(valkey: str) -> Iterator[Worker]:
    worker = Worker(valkey)
    worker.meets(None)
    yield worker
    worker.now += 1e6
    worker.meets(None)


def silent(worker: Worker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(SwitchUnreachable, match=r"^no answer"):
            worker.meets(SwitchUnreachable("no answer"))


def test_a_silent_switch_is_left_alone(worker: Worker, valkey: str) -> None:
    """Not at its first silence; then for seconds that double up to half a minute; another process knows it too."""
    silent(worker, SILENCES)
    for pause_s in (5, 10, 20, 30, 30):
        with pytest.raises(SwitchUnreachable, match=r"did not answer . times in a row") as left_alone:
            Worker(valkey).meets(None) if pause_s == 5 else worker.meets(None)
        assert left_alone.value.retry_after_s == pytest.approx(pause_s)
        worker.now += pause_s
        silent(worker, 1)
    worker.now += 30
    worker.meets(None)
    silent(worker, 1)
    worker.meets(None)


@pytest.mark.parametrize("answer", [SwitchRefused("no such port"), SwitchBusy("ada configures it")])
def test_a_switch_that_answers_is_there(worker: Worker, answer: Exception) -> None:
    """Whatever it says."""
    silent(worker, SILENCES - 1)
    with pytest.raises(type(answer)):
        worker.meets(answer)
    silent(worker, SILENCES - 1)
    worker.meets(None)


def test_one_tries_again_and_the_others_need_not_wait(worker: Worker, valkey: str) -> None:
    """While somebody asks a silent switch, whoever comes is told at once, and does not queue up behind."""
    silent(worker, SILENCES)
    worker.now += 5
    other = Worker(valkey)
    other.now = worker.now
    with worker.manners.hold(ADDRESS, Deadline.after(5)), pytest.raises(SwitchUnreachable, match="in a row"):
        other.meets(None)
    other.meets(None)


def test_a_login_that_is_refused(worker: Worker, valkey: str) -> None:
    """Not tried a third time until some minutes have gone by; one that is told anew is tried at once."""
    for _ in range(REFUSALS):
        with pytest.raises(SwitchAuthFailed, match="refused user 'admin'"):
            worker.meets(SwitchAuthFailed(ADDRESS, "admin"))
    with pytest.raises(SwitchLockedOut, match=r"has refused its user or password 2 times"):
        worker.meets(None)
    Worker(valkey, "second").meets(None, f"{ADDRESS}0")
    worker.now += LOGIN_PAUSE_S
    with pytest.raises(SwitchAuthFailed, match="refused user 'admin'"):
        worker.meets(SwitchAuthFailed(ADDRESS, "admin"))
    with pytest.raises(SwitchLockedOut):
        worker.meets(None)
    Worker(valkey, "second").meets(None)
    worker.meets(None)


def test_a_real_switch_hears_a_wrong_password_twice(valkey: str) -> None:
    """Whatever asks it, and however often."""
    with switch_servers() as servers:
        stand: SimulatedStand = simulated("sonic", servers)
        manners = SwitchManners(LocalSwitchLock(), JobQueue(valkey), "third")
        stand.device.password = "another"
        switch = CommandLineSwitch(stand.login, DIALECTS["sonic"], manners)
        for _ in range(5):
            with pytest.raises(SwitchAuthFailed):
                switch.read(stand.ports, Deadline.after(10))
        assert servers.refusals == REFUSALS
