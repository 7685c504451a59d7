"""The Redfish driver against the shapes of real makes: one suite, whatever they answer."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import BmcAuthFailed, BmcBusy
from bmprov.power import BootDevice, BootOverride, Power, PowerAction
from tests.stopwatch import Stopwatch
from tests.worker.drivers.vendors.bmc import SESSIONS, VENDORS, VendorBmc, vendor
from tests.worker.drivers.vendors.server import running
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.redfish import RedfishDriver
from worker.drivers.redfish_session import LocalSessions, log_out

NETWORK_ONCE = BootOverride(BootDevice.NETWORK, once=True)
DISK_ALWAYS = BootOverride(BootDevice.DISK, once=False)
NO_OVERRIDE = BootOverride(BootDevice.DEFAULT, once=False)


def soon() -> Deadline:
    return Deadline.after(5)


@pytest.fixture(params=VENDORS)
def bmc(request: pytest.FixtureRequest) -> Iterator[VendorBmc]:
    """A machine that is off, behind each make of BMC in turn."""
    with running(VendorBmc(vendor(request.param))) as bmc:
        yield bmc
        assert bmc.most_sessions <= 1


@pytest.fixture
def memory() -> LocalSessions:
    return LocalSessions()


@pytest.fixture
def driver(bmc: VendorBmc, memory: LocalSessions) -> RedfishDriver:
    return RedfishDriver(bmc.login(), LocalBmcLock(), memory, patience_s=1.5)


def test_power_is_read_and_switched(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """On and off return the power that reads back, which is the machine's; what is so already moves nothing."""
    assert driver.read(soon()) is Power.OFF
    assert driver.switch(PowerAction.OFF, soon()) is Power.OFF
    assert driver.switch(PowerAction.SOFT_OFF, soon()) is Power.OFF
    assert bmc.resets == []
    assert driver.switch(PowerAction.ON, soon()) is Power.ON
    assert driver.switch(PowerAction.ON, soon()) is Power.ON
    assert (len(bmc.resets), bmc.machine_power()) == (1, Power.ON)
    assert driver.switch(PowerAction.OFF, soon()) is Power.OFF
    assert bmc.machine_power() is Power.OFF


def test_a_change_that_takes_its_time_is_waited_for(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """Whatever the BMC reads in between (the old power, nothing, a word for it), the end is what is returned."""
    bmc.transition_s = 0.4
    assert driver.switch(PowerAction.ON, soon()) is Power.ON
    assert driver.switch(PowerAction.OFF, soon()) is Power.OFF
    assert len(bmc.resets) == 2


@pytest.mark.parametrize("action", [PowerAction.CYCLE, PowerAction.RESET])
def test_cycle_and_reset_leave_the_machine_on(bmc: VendorBmc, driver: RedfishDriver, action: PowerAction) -> None:
    """Of a machine that is off they are power on; else the machine has been restarted by force, and is on."""
    assert driver.switch(action, soon()) is Power.ON
    del bmc.resets[:]
    assert driver.switch(action, soon()) is Power.ON
    assert bmc.machine_power() is Power.ON
    restarted = [["PowerCycle"], ["ForceOff", "On"], ["ForceRestart"]]
    assert bmc.resets in (restarted[:2] if action is PowerAction.CYCLE else restarted)


def test_soft_off_asks_the_system(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """The operating system is asked to shut down, by its own action or by the power button."""
    bmc.power = "On"
    assert driver.switch(PowerAction.SOFT_OFF, soon()) is Power.OFF
    assert bmc.resets in (["GracefulShutdown"], ["PushPowerButton"])


@pytest.mark.parametrize("firmware", ["UEFI", "Legacy"])
def test_boot_device_is_set_and_read_back(bmc: VendorBmc, memory: LocalSessions, firmware: str) -> None:
    """The network once, the disk always, then nothing: each is what the machine boots from, in the mode it has."""
    bmc.mode = firmware
    driver = RedfishDriver(bmc.login(), LocalBmcLock(), memory, uefi=firmware == "UEFI", patience_s=1.5)
    assert driver.read_boot(soon()) == NO_OVERRIDE
    driver.set_boot(NETWORK_ONCE, soon())
    assert (bmc.boots_from(), bmc.enabled, bmc.mode) == ("Pxe", "Once", firmware)
    assert driver.read_boot(soon()) == NETWORK_ONCE
    driver.set_boot(NETWORK_ONCE, soon())
    assert driver.read_boot(soon()) == NETWORK_ONCE
    driver.set_boot(DISK_ALWAYS, soon())
    assert (bmc.boots_from(), bmc.mode) == ("Hdd", firmware)
    assert driver.read_boot(soon()).device is BootDevice.DISK
    driver.set_boot(NO_OVERRIDE, soon())
    assert bmc.boots_from() == "None"
    assert driver.read_boot(soon()) == NO_OVERRIDE
    assert bmc.setup_jobs == 0


def test_an_override_in_force_is_not_sent_again(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """No override where there is none, and the disk where it is the disk for ever, send no change."""
    driver.set_boot(NO_OVERRIDE, soon())
    assert bmc.patches == []
    driver.set_boot(DISK_ALWAYS, soon())
    sent = len(bmc.patches)
    driver.set_boot(DISK_ALWAYS, soon())
    assert (len(bmc.patches) == sent) is (bmc.enabled == "Continuous")


def test_the_first_login_is_the_only_one(bmc: VendorBmc, driver: RedfishDriver, memory: LocalSessions) -> None:
    """A reading is one request once there is a session, which is closed when it is not wanted any more."""
    driver.read(soon())
    assert len(bmc.requests) == 4
    del bmc.requests[:]
    driver.read(soon())
    assert bmc.requests == [f"GET {bmc.path}"]
    assert (bmc.logins, len(bmc.sessions)) == (1, 1)
    log_out(bmc.login(), memory, soon())
    assert (bmc.sessions, memory.session(bmc.login())) == ({}, None)


def test_wrong_password_is_told(bmc: VendorBmc) -> None:
    """A wrong password is its own error at once, names the user, and does not show what the BMC repeats of it."""
    login = replace(bmc.login(), password='tr0ub4dor "and" 3')
    driver = RedfishDriver(login, LocalBmcLock(), LocalSessions())
    watch = Stopwatch()
    with pytest.raises(BmcAuthFailed, match="'admin'") as caught:
        driver.read(soon())
    assert watch.took_s() < 1
    assert "tr0ub4dor" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert bmc.sessions == {}


def test_too_many_sessions_are_told(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """A BMC that has no session left is busy, which is tried again; and then it works."""
    bmc.foreign_sessions = 100
    with pytest.raises(BmcBusy, match="session"):
        driver.read(soon())
    bmc.foreign_sessions = 0
    assert driver.read(soon()) is Power.OFF


def test_an_expired_session_is_renewed(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """A session that the BMC has forgotten is made anew, in the same call and once."""
    driver.read(soon())
    bmc.sessions.clear()
    assert driver.read(soon()) is Power.OFF
    assert (bmc.logins, len(bmc.sessions)) == (2, 1)


@pytest.mark.parametrize("action", list(PowerAction))
def test_a_session_that_expires_in_the_middle_moves_nothing_twice(
    bmc: VendorBmc, driver: RedfishDriver, action: PowerAction
) -> None:
    """Whenever the session ends in the course of a call, each change is sent as often as without that."""
    bmc.power = "On"
    driver.switch(action, soon())
    usual, steps = list(bmc.resets), len(bmc.requests) - 3
    for step in range(steps):
        bmc.power, left = "On", iter([*[False] * step, True])
        bmc.before = partial(_expire, bmc, left)
        del bmc.resets[:]
        driver.switch(action, soon())
        assert bmc.resets == usual
        assert len(bmc.sessions) <= 1


def _expire(bmc: VendorBmc, when: Iterator[bool], _method: str, path: str) -> None:
    if path != SESSIONS and next(when, False):
        bmc.sessions.clear()
