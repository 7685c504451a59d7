"""The IPMI driver against simulated BMCs with faults, over real UDP."""

import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import BmcAuthFailed, BmcBusy, BmcMismatch, BmcSilent, BmcUnreachable
from bmprov.power import BmcLogin, BootDevice, BootOverride, Power, PowerAction
from bmprov.sim.chassis import BootFlags
from bmprov.sim.ipmi.sessions import SessionLimits
from tests.contract.bmcs import SimulatedBmcs, SimulatedMachine, free_udp_port, simulated_bmcs
from tests.stopwatch import Stopwatch
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.ipmi import IpmiDriver
from worker.drivers.ipmi_session import Habit

NETWORK_ONCE = BootOverride(BootDevice.NETWORK, once=True)


@pytest.fixture
def hall() -> Iterator[SimulatedBmcs]:
    with simulated_bmcs() as hall:
        yield hall


@pytest.fixture
def machine(hall: SimulatedBmcs) -> SimulatedMachine:
    return hall.start()


@pytest.fixture
def driver(machine: SimulatedMachine) -> IpmiDriver:
    return IpmiDriver(machine.login, LocalBmcLock(), patience_s=0.5)


def soon(seconds: float = 5.0) -> Deadline:
    return Deadline.after(seconds)


def test_a_closed_port_is_told_at_once() -> None:
    """A wrong port is not waited for when the network says that nobody is there."""
    login = BmcLogin(f"ipmi://127.0.0.1:{free_udp_port()}", "admin", "secret")
    watch = Stopwatch()
    with pytest.raises(BmcUnreachable, match="check its address and its UDP port"):
        IpmiDriver(login, LocalBmcLock()).read(soon())
    assert watch.took_s() < 1


def test_a_name_that_does_not_exist_is_told() -> None:
    """A host name that nobody knows is unreachable, with words."""
    with pytest.raises(BmcUnreachable, match="check its address"):
        IpmiDriver(BmcLogin("ipmi://no-such-bmc.invalid", "admin", "secret"), LocalBmcLock()).read(soon())


def test_a_silent_bmc_is_unreachable_in_time(driver: IpmiDriver, machine: SimulatedMachine) -> None:
    """A silent BMC costs the deadline and no more."""
    machine.faults.silent = True
    watch = Stopwatch()
    with pytest.raises(BmcUnreachable, match=r"did not answer for 0\.5"):
        driver.read(soon(0.5))
    assert 0.4 < watch.took_s() < 2


def test_a_bmc_that_falls_silent_and_wakes_is_read(driver: IpmiDriver, machine: SimulatedMachine) -> None:
    """What is lost at first is sent again."""
    machine.faults.silent = True
    threading.Timer(0.2, lambda: setattr(machine.faults, "silent", False)).start()
    assert driver.read(soon()) is Power.OFF


def test_a_slow_bmc_is_read(driver: IpmiDriver, machine: SimulatedMachine) -> None:
    """Answers that take their time are answers."""
    machine.faults.slow_s = 0.1
    assert driver.read(soon()) is Power.OFF


def test_a_dropped_boot_override_is_told(driver: IpmiDriver, machine: SimulatedMachine) -> None:
    """A BMC that accepts the override and forgets it is a mismatch that says so and what to check."""
    machine.faults.drops_boot = True
    with pytest.raises(BmcMismatch, match=r"accepted boot device 'network' and dropped it.*check that the firmware"):
        driver.set_boot(NETWORK_ONCE, soon())


class StuckFlags(BootFlags):
    """Flags left from an earlier boot, no longer valid, that no write changes."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, bytes([0, 4, 0, 0, 0]))


def test_a_device_left_from_an_earlier_boot_is_no_proof(driver: IpmiDriver, machine: SimulatedMachine) -> None:
    """A device field that stays whatever is written, beside flags that are invalid, is a dropped override."""
    machine.chassis.boot = StuckFlags()
    with pytest.raises(BmcMismatch, match="dropped it"):
        driver.set_boot(NETWORK_ONCE, soon())


def test_an_override_says_uefi_once_and_always(machine: SimulatedMachine) -> None:
    """The flags on the wire are those of IPMI 2.0, table 28-14."""
    for uefi, override, flags in [
        (True, NETWORK_ONCE, 0xA0),
        (False, NETWORK_ONCE, 0x80),
        (True, BootOverride(BootDevice.NETWORK, once=False), 0xE0),
    ]:
        driver = IpmiDriver(machine.login, LocalBmcLock(), uefi=uefi)
        driver.set_boot(override, soon())
        assert machine.chassis.boot.raw == bytes([flags, 0x04, 0, 0, 0])
        assert driver.read_boot(soon()) == override


def test_an_override_is_gone_after_the_boot(driver: IpmiDriver, machine: SimulatedMachine) -> None:
    """An override for one boot is what the machine boots, and is not in force afterwards."""
    driver.set_boot(NETWORK_ONCE, soon())
    driver.switch(PowerAction.CYCLE, soon())
    assert machine.chassis.boots == [NETWORK_ONCE]
    assert driver.read_boot(soon()).device is BootDevice.DEFAULT


@pytest.mark.parametrize("action", [PowerAction.ON, PowerAction.CYCLE, PowerAction.RESET])
def test_power_that_never_changes_is_told(driver: IpmiDriver, machine: SimulatedMachine, action: PowerAction) -> None:
    """A BMC that accepts a change and does not make it is a mismatch, after the patience and not the deadline."""
    machine.faults.power_stuck = True
    watch = Stopwatch()
    with pytest.raises(BmcMismatch, match="accepted power 'on' and still reads off: check the machine's power"):
        driver.switch(action, soon())
    assert watch.took_s() < 2


def test_power_that_takes_its_time_is_waited_for(driver: IpmiDriver, machine: SimulatedMachine) -> None:
    """A change that reads back within the patience succeeds."""
    machine.faults.power_takes_s = 0.3
    assert driver.switch(PowerAction.ON, soon()) is Power.ON


def test_a_lying_bmc_is_believed_when_it_reads(driver: IpmiDriver, machine: SimulatedMachine) -> None:
    """The driver says what the BMC says; it has no other eyes."""
    machine.faults.lies = Power.ON
    assert driver.read(soon()) is Power.ON


def test_a_bmc_without_sessions_is_busy(driver: IpmiDriver, machine: SimulatedMachine) -> None:
    """A BMC that refuses a session is busy, which is tried again."""
    machine.faults.refuses_sessions = True
    with pytest.raises(BmcBusy, match="no session left"):
        driver.read(soon())


def test_a_bmc_that_we_hold_is_busy(machine: SimulatedMachine) -> None:
    """While one holds the BMC another waits until its deadline and opens no session."""
    lock = LocalBmcLock()
    with lock.hold(machine.login.address, soon()), pytest.raises(BmcBusy, match="another session of ours"):
        IpmiDriver(machine.login, lock).read(soon(0.1))


def test_calls_leave_no_session_open(driver: IpmiDriver, machine: SimulatedMachine) -> None:
    """After a hundred calls, failed ones among them, the BMC has no session left open."""
    for number in range(100):
        machine.faults.drops_boot = number % 3 == 0
        if machine.faults.drops_boot:
            with pytest.raises(BmcMismatch):
                driver.set_boot(NETWORK_ONCE, soon())
        else:
            driver.read(soon())
    assert machine.open_sessions() == 0


def test_a_deadline_in_the_middle_leaves_no_session_open(driver: IpmiDriver, machine: SimulatedMachine) -> None:
    """A call whose time runs out while it waits for the power still logs out."""
    machine.faults.power_stuck = True
    with pytest.raises((BmcMismatch, BmcUnreachable)):
        driver.switch(PowerAction.ON, soon(0.2))
    assert machine.open_sessions() == 0


def test_many_threads_share_one_bmc(hall: SimulatedBmcs) -> None:
    """Eight threads and a BMC with one session: each gets its turn."""
    machine = hall.start(limits=SessionLimits(sessions=1))
    driver = IpmiDriver(machine.login, LocalBmcLock())
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: driver.read(soon()), range(40))) == {Power.OFF}


def test_many_bmcs_are_read_at_once(hall: SimulatedBmcs) -> None:
    """32 BMCs from 32 threads, silent and refusing ones among them: each gets its own answer."""
    machines = [hall.start() for _ in range(32)]
    for number, machine in enumerate(machines):
        machine.chassis.power = Power.ON if number % 2 else Power.OFF
        machine.faults.silent = number == 7
        machine.faults.refuses_sessions = number == 8
    lock = LocalBmcLock()
    habits = dict[str, Habit]()

    def read(machine: SimulatedMachine) -> Power | type:
        try:
            return IpmiDriver(machine.login, lock, habits).read(soon(0.5 if machine.faults.silent else 10))
        except (BmcUnreachable, BmcBusy) as error:
            return type(error)

    with ThreadPoolExecutor(32) as pool:
        for _ in range(2):
            answers = list(pool.map(read, machines))
            assert answers[7:9] == [BmcSilent, BmcBusy]
            assert all(
                answers[number] is machine.power() for number, machine in enumerate(machines) if number not in (7, 8)
            )
    assert sum(machine.open_sessions() for machine in machines) == 0


def test_no_error_shows_the_password(machine: SimulatedMachine) -> None:
    """Neither the login's repr nor a whole traceback has the password in it."""
    login = BmcLogin(machine.login.address, "admin", "hush-hush")
    with pytest.raises(BmcAuthFailed) as caught:
        IpmiDriver(login, LocalBmcLock()).read(soon())
    assert "hush-hush" not in "".join(traceback.format_exception(caught.value)) + repr(login)
