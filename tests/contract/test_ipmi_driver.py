"""What the IPMI driver promises beyond what every driver does, against BMCs that others wrote and our own."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pyghmi.ipmi.private.simplesession import Session

from bmprov.deadline import Deadline
from bmprov.errors import BmcRefused
from tests.contract.bmcs import IpmiMachine
from tests.contract.machines import IPMI
from tests.stopwatch import Stopwatch
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.ipmi import IpmiDriver
from worker.drivers.ipmi_session import Habit


@pytest.fixture(params=IPMI)
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[IpmiMachine]:
    """A machine that is off, behind each kind of BMC in turn."""
    with IPMI[request.param](tmp_path) as machine:
        yield machine


def soon() -> Deadline:
    return Deadline.after(10)


def test_the_suite_costs_no_time(machine: IpmiMachine) -> None:
    """Without a pinned suite the first session takes less than a second, and the suite is remembered."""
    habits = dict[str, Habit]()
    watch = Stopwatch()
    IpmiDriver(machine.login, LocalBmcLock(), habits).read(soon())
    assert watch.took_s() < 1
    assert habits[machine.login.address].suite in (17, 3)


def test_a_pinned_suite_is_used(machine: IpmiMachine) -> None:
    """With suite 3 pinned, a BMC that has it works and one without it is refused with words."""
    login = replace(machine.login, cipher_suites=(3,))
    habits = dict[str, Habit]()
    pinned = IpmiDriver(login, LocalBmcLock(), habits)
    if machine.speaks_suite_3:
        pinned.read(soon())
        assert habits == {login.address: Habit(3)}
    else:
        with pytest.raises(BmcRefused, match=r"no cipher suite in common \(offered: 3\)"):
            pinned.read(soon())


def test_a_session_is_out_of_the_library_when_it_is_closed(machine: IpmiMachine) -> None:
    """Sessions in a row leave nothing in pyghmi's tables."""
    driver = IpmiDriver(machine.login, LocalBmcLock())
    for _ in range(10):
        driver.read(soon())
    assert not Session.keepalive_sessions
