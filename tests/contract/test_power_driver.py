"""The one suite that every power driver passes: IPMI and Redfish, against BMCs that others wrote and our own."""

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import BmcAuthFailed, BmcBusy, BmcMismatch, BmcRefused, BmcUnreachable
from bmprov.power import BootDevice, BootOverride, Power, PowerAction, PowerDriver
from tests.contract.bmcs import Machine
from tests.contract.machines import IPMI, REDFISH, driver_of
from tests.stopwatch import Stopwatch

NETWORK_ONCE = BootOverride(BootDevice.NETWORK, once=True)
NETWORK_ALWAYS = BootOverride(BootDevice.NETWORK, once=False)
DISK_ALWAYS = BootOverride(BootDevice.DISK, once=False)
NO_OVERRIDE = BootOverride(BootDevice.DEFAULT, once=False)


@pytest.fixture(params=[*IPMI, *REDFISH])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    """A machine that is off, behind each kind of BMC in turn."""
    with (IPMI | REDFISH)[request.param](tmp_path) as machine:
        yield machine


@pytest.fixture
def driver(machine: Machine) -> PowerDriver:
    return driver_of(machine.login)


def soon() -> Deadline:
    return Deadline.after(10)


def test_power_is_read_and_switched(driver: PowerDriver, machine: Machine) -> None:
    """On and off return the power that reads back, which is the machine's."""
    assert driver.read(soon()) is Power.OFF
    assert driver.switch(PowerAction.ON, soon()) is Power.ON
    assert (driver.read(soon()), machine.power()) == (Power.ON, Power.ON)
    assert driver.switch(PowerAction.OFF, soon()) is Power.OFF
    assert (driver.read(soon()), machine.power()) == (Power.OFF, Power.OFF)


def test_asking_for_what_is_sends_no_change(driver: PowerDriver, machine: Machine) -> None:
    """On of a machine that is on, and off and soft off of one that is off, succeed and move nothing."""
    assert driver.switch(PowerAction.OFF, soon()) is Power.OFF
    assert driver.switch(PowerAction.SOFT_OFF, soon()) is Power.OFF
    assert machine.changes() == 0
    driver.switch(PowerAction.ON, soon())
    assert driver.switch(PowerAction.ON, soon()) is Power.ON
    assert machine.changes() == 1


@pytest.mark.parametrize("action", [PowerAction.CYCLE, PowerAction.RESET])
def test_cycle_and_reset_leave_the_machine_on(driver: PowerDriver, machine: Machine, action: PowerAction) -> None:
    """Cycle and reset switch on a machine that is off, and one that is on reads on afterwards."""
    assert driver.switch(action, soon()) is Power.ON
    assert machine.power() is Power.ON
    before = machine.changes()
    assert driver.switch(action, soon()) is Power.ON
    assert machine.power() is Power.ON
    assert machine.changes() > before


def test_soft_off_is_accepted(driver: PowerDriver, machine: Machine) -> None:
    """Soft off returns when it is accepted; these machines shut down at once."""
    driver.switch(PowerAction.ON, soon())
    driver.switch(PowerAction.SOFT_OFF, soon())
    by = soon()
    while machine.power() is not Power.OFF and not by.passed:
        time.sleep(0.01)  # ipmi_sim's program runs after the answer
    assert driver.read(soon()) is Power.OFF


@pytest.mark.parametrize("override", [NETWORK_ONCE, NETWORK_ALWAYS])
def test_boot_device_is_set_and_read_back(driver: PowerDriver, machine: Machine, override: BootOverride) -> None:
    """The network, once or always, then the disk, then nothing: each is what the machine will boot from."""
    driver.set_boot(override, soon())
    assert machine.netboots()
    assert driver.read_boot(soon()).device is (BootDevice.NETWORK if machine.tells_boot else BootDevice.DEFAULT)
    driver.set_boot(DISK_ALWAYS, soon())
    assert not machine.netboots()
    assert driver.read_boot(soon()).device is (BootDevice.DISK if machine.tells_boot else BootDevice.DEFAULT)
    driver.set_boot(override, soon())
    driver.set_boot(NO_OVERRIDE, soon())
    assert not machine.netboots()
    assert driver.read_boot(soon()).device is (BootDevice.DISK if machine.keeps_boot else BootDevice.DEFAULT)


@pytest.mark.parametrize("device", [BootDevice.CDROM, BootDevice.SETUP])
def test_a_device_that_not_every_bmc_has(driver: PowerDriver, machine: Machine, device: BootDevice) -> None:
    """It reads back, or is refused; never is something else set in its place and called a success."""
    with suppress(BmcRefused, BmcMismatch, BmcBusy):
        driver.set_boot(BootOverride(device, once=True), soon())
        assert driver.read_boot(soon()).device is (device if machine.tells_boot else BootDevice.DEFAULT)
    assert not machine.netboots()


def test_setting_the_same_boot_device_twice_succeeds(driver: PowerDriver, machine: Machine) -> None:
    """A step that runs twice ends in the same world."""
    driver.set_boot(NETWORK_ONCE, soon())
    driver.set_boot(NETWORK_ONCE, soon())
    assert machine.netboots()


def test_wrong_password_is_told(machine: Machine) -> None:
    """A wrong password is its own error, quickly, names the user and does not show the password."""
    login = replace(machine.login, password="not the password")
    watch = Stopwatch()
    with pytest.raises(BmcAuthFailed, match="'admin'") as caught:
        driver_of(login).read(soon())
    assert watch.took_s() < 2
    assert "not the password" not in str(caught.value)


def test_unknown_user_is_told(machine: Machine) -> None:
    """An unknown user is refused, or, where the BMC ignores it, named as what to check."""
    login = replace(machine.login, user="nobody")
    with pytest.raises((BmcAuthFailed, BmcUnreachable), match=r"user.*'nobody'"):
        driver_of(login).read(Deadline.after(4))


def test_a_hundred_calls_leave_nothing_behind(driver: PowerDriver) -> None:
    """Readings in a row leave no file descriptor and no thread."""
    driver.read(soon())
    gc.collect()
    before = settled()
    for _ in range(100):
        driver.read(soon())
    by = soon()
    while held() != before:
        assert not by.passed
        time.sleep(0.01)  # a simulated BMC, in this process, closes its own ends a little later


def held() -> tuple[int, int]:
    return open_files(), threading.active_count()


def settled() -> tuple[int, int]:
    """What is held once it has not changed for a while: the tests before this one let go late too."""
    now, since = held(), time.monotonic()
    while time.monotonic() - since < 0.5:
        time.sleep(0.01)  # threads and other processes bring it about
        if held() != now:
            now, since = held(), time.monotonic()
    return now


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
