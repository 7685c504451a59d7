"""A machine with two BMCs: real simulated ones, of which the first may fall silent."""

import time
from collections.abc import Iterator

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import BmcAuthFailed, BmcUnreachable
from bmprov.hardware import Console, ConsoleKind
from bmprov.power import BmcLogin, BootDevice, BootOverride, Power, PowerAction
from tests.contract.bmcs import PASSWORD, USER, SimulatedMachine, free_udp_port, simulated_bmcs
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.ipmi import IpmiDriver
from worker.drivers.ipmi_tools import IpmiTools
from worker.drivers.preferred import PreferredDriver, PreferredTools


@pytest.fixture
def machines() -> Iterator[list[SimulatedMachine]]:
    """The first BMC's machine and the second's, which tells who was asked."""
    with simulated_bmcs() as hall:
        yield [hall.start(), hall.start()]


def driver(*logins: BmcLogin) -> PreferredDriver:
    first, second = (IpmiDriver(login, LocalBmcLock()) for login in logins)
    return PreferredDriver("rack1-07", first, second)


def test_the_first_is_asked(machines: list[SimulatedMachine]) -> None:
    """As long as it answers, the second hears nothing."""
    both = driver(*(machine.login for machine in machines))
    assert both.switch(PowerAction.ON, Deadline.after(10)) is Power.ON
    both.set_boot(BootOverride(BootDevice.NETWORK, once=True), Deadline.after(10))
    assert [machine.power() for machine in machines] == [Power.ON, Power.OFF]
    assert [machine.netboots() for machine in machines] == [True, False]


def test_the_second_is_asked_when_the_first_is_silent(machines: list[SimulatedMachine]) -> None:
    """Within the same deadline."""
    machines[0].faults.silent = True
    both, began = driver(*(machine.login for machine in machines)), time.monotonic()
    assert both.switch(PowerAction.ON, Deadline.after(4)) is Power.ON
    assert both.read(Deadline.after(4)) is Power.ON
    assert machines[1].power() is Power.ON
    assert time.monotonic() - began < 6


def test_an_answer_is_an_answer(machines: list[SimulatedMachine]) -> None:
    """A BMC that refuses is not gone round."""
    wrong = BmcLogin(machines[0].login.address, USER, "wrong")
    with pytest.raises(BmcAuthFailed):
        driver(wrong, machines[1].login).read(Deadline.after(4))


def test_when_both_are_silent_both_are_named() -> None:
    """The sentence has two addresses to look at."""
    gone = [BmcLogin(f"ipmi://127.0.0.1:{free_udp_port()}", USER, PASSWORD) for _ in range(2)]
    with pytest.raises(BmcUnreachable) as caught:
        driver(*gone).read(Deadline.after(2))
    assert all(login.address in str(caught.value) for login in gone)


def test_the_console_is_of_the_one_that_has_one(machines: list[SimulatedMachine]) -> None:
    """Neither order nor a second BMC that is silent hides it."""
    machines[0].bmc.serial.enabled = False
    has_none, has_one = (IpmiTools(machine.login, LocalBmcLock()) for machine in machines)
    serial = Console(ConsoleKind.IPMI, machines[1].login.address)
    assert PreferredTools("rack1-07", has_one, has_none).console(Deadline.after(8)) == serial
    assert PreferredTools("rack1-07", has_none, has_one).console(Deadline.after(8)) == serial
    silent = IpmiTools(BmcLogin(f"ipmi://127.0.0.1:{free_udp_port()}", USER, PASSWORD), LocalBmcLock())
    assert PreferredTools("rack1-07", has_none, silent).console(Deadline.after(8)) == Console(ConsoleKind.NONE)
