"""What the Redfish driver promises beyond what every driver does, against our simulated BMC and its faults."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import BmcBusy, BmcMismatch, BmcUnreachable, BmcUntrusted, BmprovError, Retryable
from bmprov.power import BootDevice, BootOverride, Power, PowerAction
from bmprov.sim.redfish.sessions import SessionLimits
from tests.contract.bmcs import Machine
from tests.contract.machines import REDFISH, driver_of
from tests.contract.redfish_bmcs import RedfishBmcs, SimulatedRedfish, redfish_bmcs
from tests.stopwatch import Stopwatch
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.redfish import RedfishDriver
from worker.drivers.redfish_session import LocalSessions, log_out

SYSTEM = "/redfish/v1/Systems/1"
NETWORK_ONCE = BootOverride(BootDevice.NETWORK, once=True)
LATE_S = 0.5


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[RedfishBmcs]:
    with redfish_bmcs(tmp_path) as hall:
        yield hall


@pytest.fixture(params=[True, False], ids=["TLS", "HTTP"])
def machine(hall: RedfishBmcs, request: pytest.FixtureRequest) -> SimulatedRedfish:
    return hall.start_redfish(with_tls=request.param)


@pytest.fixture
def memory() -> LocalSessions:
    return LocalSessions()


@pytest.fixture
def driver(machine: SimulatedRedfish, memory: LocalSessions) -> RedfishDriver:
    return RedfishDriver(machine.login, LocalBmcLock(), memory, patience_s=1.0)


@pytest.fixture(params=REDFISH)
def any_machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    """A machine that is off, behind each kind of Redfish BMC in turn."""
    with REDFISH[request.param](tmp_path) as machine:
        yield machine


def soon() -> Deadline:
    return Deadline.after(10)


def test_a_reading_is_one_request(driver: RedfishDriver, machine: SimulatedRedfish, memory: LocalSessions) -> None:
    """Once a session is there; it is one session for all, also for the next driver, and it can be closed."""
    driver.read(soon())
    machine.counts.requests.clear()
    for _ in range(10):
        driver.read(soon())
    RedfishDriver(machine.login, LocalBmcLock(), memory).read(soon())
    assert machine.counts.requests == {("GET", SYSTEM): 11}
    assert (machine.counts.logins, machine.counts.most_sessions, machine.open_sessions()) == (1, 1, 1)
    log_out(machine.login, memory, soon())
    assert machine.open_sessions() == 0


def test_a_session_that_has_ended_is_made_anew(driver: RedfishDriver, machine: SimulatedRedfish) -> None:
    """A reading and a change go through all the same; there is never more than one session."""
    driver.read(soon())
    acts: list[Callable[[Deadline], Power]] = [driver.read, lambda by: driver.switch(PowerAction.ON, by)]
    for act in acts:
        machine.bmc.sessions.end_all()
        act(soon())
    assert (machine.power(), machine.changes()) == (Power.ON, 1)
    assert (machine.counts.logins, machine.counts.most_sessions) == (3, 1)


def test_sessions_that_others_have_are_waited_for(hall: RedfishBmcs) -> None:
    """Somebody else has all sessions: that is busy and not a wrong password, with either status."""
    for status in (400, 503):
        machine = hall.start_redfish(limits=SessionLimits(full=status))
        machine.faults.refuses_sessions = True
        with pytest.raises(BmcBusy):
            driver_of(machine.login).read(soon())


def test_another_certificate_is_not_trusted(hall: RedfishBmcs) -> None:
    """No password leaves for a BMC with another fingerprint; the error tells the one that was found."""
    machine = hall.start_redfish()
    with pytest.raises(BmcUntrusted) as caught:
        driver_of(replace(machine.login, trust="sha256:" + "0" * 64)).read(soon())
    assert f"sha256:{caught.value.found}" == hall.trust
    with pytest.raises(BmcUntrusted):
        driver_of(replace(machine.login, trust="")).read(soon())
    assert driver_of(replace(machine.login, trust=str(hall.certificate))).read(soon()) is Power.OFF
    assert machine.counts.logins == 1


FAULTS: dict[str, tuple[dict[str, object], type[BmprovError]]] = {
    "silent": ({"silent": True}, BmcUnreachable),
    "slow": ({"slow_s": 5.0}, BmcUnreachable),
    "a dribble": ({"dribbles_s": 0.05}, BmcUnreachable),
    "HTML": ({"html": True}, BmcBusy),
    "503": ({"unavailable_s": 7}, BmcBusy),
    "half a body": ({"truncates": True}, Retryable),
    "an answer that breaks off": ({"breaks_off": True}, Retryable),
    "JSON that is not Redfish": ({"not_redfish": True}, BmprovError),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("sessions", [1, 0], ids=["with a session", "without"])
def test_a_fault_is_told_in_time(
    driver: RedfishDriver, machine: SimulatedRedfish, fault: str, sessions: int, caplog: pytest.LogCaptureFixture
) -> None:
    """By the deadline, with the right kind of error, no invented state and no secret; all is well when it ends."""
    caplog.set_level("DEBUG")
    if sessions:
        driver.read(soon())
    fields, kind = FAULTS[fault]
    for name, value in fields.items():
        setattr(machine.faults, name, value)
    acts: list[Callable[[Deadline], Power]] = [driver.read, lambda by: driver.switch(PowerAction.ON, by)]
    for act in acts:
        by = Deadline.after(1)
        with pytest.raises(kind) as caught:
            act(by)
        assert by.clock() - by.at < LATE_S
        assert "secret" not in str(caught.value)
    for name in fields:
        setattr(machine.faults, name, type(machine.faults).__dataclass_fields__[name].default)
    assert driver.read(soon()) is machine.power()
    assert machine.counts.logins == 1 or not sessions  # without one, logins whose answer was lost are open for a while
    assert "secret" not in caplog.text


def test_when_to_come_again(driver: RedfishDriver, machine: SimulatedRedfish) -> None:
    """503 with Retry-After is busy for that long."""
    machine.faults.unavailable_s = 7
    with pytest.raises(BmcBusy) as caught:
        driver.read(soon())
    assert caught.value.retry_after_s == 7


def test_power_that_does_not_follow(driver: RedfishDriver, machine: SimulatedRedfish) -> None:
    """A power that is stuck, and one that the BMC lies about, are told; one that is slow is waited for."""
    machine.faults.power_takes_s = 0.6
    assert driver.switch(PowerAction.ON, soon()) is Power.ON
    machine.faults.power_takes_s, machine.faults.power_stuck = 0.0, True
    with pytest.raises(BmcMismatch):
        driver.switch(PowerAction.OFF, soon())
    machine.faults.power_stuck, machine.faults.lies = False, Power.ON
    with pytest.raises(BmcMismatch):
        driver.switch(PowerAction.OFF, soon())
    assert driver.read(soon()) is Power.ON


def test_a_boot_override_that_is_dropped(driver: RedfishDriver, machine: SimulatedRedfish) -> None:
    """What the BMC accepts and forgets is told."""
    machine.faults.drops_boot = True
    with pytest.raises(BmcMismatch):
        driver.set_boot(NETWORK_ONCE, soon())


def test_a_boot_override_that_must_wait(driver: RedfishDriver, machine: SimulatedRedfish) -> None:
    """A BMC that takes no override before the machine has started is busy, and takes it afterwards."""
    machine.faults.busy_until_boot = True
    with pytest.raises(BmcBusy):
        driver.set_boot(NETWORK_ONCE, soon())
    driver.switch(PowerAction.ON, soon())
    driver.set_boot(NETWORK_ONCE, soon())
    assert machine.netboots()


def test_once_is_for_one_boot(driver: RedfishDriver, machine: SimulatedRedfish) -> None:
    """It reads as once, the next boot is from the network, and afterwards there is no override."""
    driver.set_boot(NETWORK_ONCE, soon())
    assert driver.read_boot(soon()) == NETWORK_ONCE
    driver.switch(PowerAction.ON, soon())
    assert machine.chassis.boots == [NETWORK_ONCE]
    assert driver.read_boot(soon()).device is BootDevice.DEFAULT


def test_a_bmc_that_resets_is_found_again(driver: RedfishDriver, machine: SimulatedRedfish) -> None:
    """While it starts it is not there, then it knows no session, and the next reading works."""
    driver.read(soon())
    machine.bmc.restart()
    with pytest.raises(Retryable):
        driver.read(soon())
    machine.wait_until(lambda: not machine.bmc.is_away)
    assert driver.read(soon()) is Power.OFF
    assert machine.open_sessions() == 1


def test_what_the_machine_does_by_itself_is_read(any_machine: Machine) -> None:
    """What somebody else has changed is read: nothing is remembered but the session."""
    ours, theirs = driver_of(any_machine.login), driver_of(any_machine.login)
    assert ours.read(soon()) is Power.OFF
    theirs.switch(PowerAction.ON, soon())
    assert ours.read(soon()) is Power.ON


def test_a_wrong_password_opens_nothing(any_machine: Machine) -> None:
    """And the right one works directly afterwards."""
    watch = Stopwatch()
    with pytest.raises(BmprovError, match="'admin'"):
        driver_of(replace(any_machine.login, password="wrong")).read(soon())
    assert driver_of(any_machine.login).read(soon()) is Power.OFF
    assert watch.took_s() < 2
