"""The Redfish driver when HTTP goes wrong: it ends in time, tells it in our words, and neither leaks nor invents."""

import json
import logging
import time
import traceback
from collections.abc import Iterator

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import BmcBusy, BmcMismatch, BmcRefused, BmcSilent, BmcUnreachable, BmprovError
from bmprov.power import BmcLogin, BootDevice, BootOverride, Power, PowerAction
from tests.stopwatch import Stopwatch
from tests.worker.drivers.vendors.bmc import PASSWORD, SESSIONS, USER, VendorBmc, vendor
from tests.worker.drivers.vendors.faults import FAULTS, Fault
from tests.worker.drivers.vendors.server import Handler, closed_port, running
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.redfish import RedfishDriver
from worker.drivers.redfish_session import LocalSessions, Session

NETWORK_ONCE = BootOverride(BootDevice.NETWORK, once=True)
SHORT_S, TIME_S, GRACE_S = 0.3, 0.5, 0.5
CALLS = {
    "read": lambda driver, by: driver.read(by),
    "reset": lambda driver, by: driver.switch(PowerAction.RESET, by),
    "off": lambda driver, by: driver.switch(PowerAction.OFF, by),
    "network": lambda driver, by: driver.set_boot(NETWORK_ONCE, by),
}
FROM = [("read", 0), ("read", 1), ("read", 2), ("read", 3), ("reset", 3), ("reset", 4), ("off", 5), ("network", 4)]
"""A call, and the request of it from which on a fault lasts: the four of a login, then those that change something."""


@pytest.fixture
def bmc() -> Iterator[VendorBmc]:
    """A machine that is on."""
    with running(VendorBmc(vendor("supermicro_x12"), power="On")) as bmc:
        yield bmc


@pytest.fixture
def memory() -> LocalSessions:
    return LocalSessions()


@pytest.fixture
def driver(bmc: VendorBmc, memory: LocalSessions) -> RedfishDriver:
    return RedfishDriver(bmc.login(), LocalBmcLock(), memory, patience_s=0.3)


@pytest.fixture
def told(
    bmc: VendorBmc, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Iterator[list[BaseException]]:
    """Errors that a test gathers. At its end no secret is in them, their causes and traces, nor in any log."""
    for name in ("", "sushy", "urllib3", "requests"):
        caplog.set_level(logging.DEBUG, logger=name)
    errors: list[BaseException] = []
    yield errors
    traces = "".join("".join(traceback.format_exception(error)) + repr(error.__dict__) for error in errors)
    output = capfd.readouterr()
    for secret in bmc.secrets:
        for text in (traces, caplog.text, output.out, output.err):
            assert secret not in text


@pytest.mark.parametrize(("call", "first"), FROM, ids="{}".format)
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_goes_wrong_ends_in_time_and_words(
    bmc: VendorBmc,
    driver: RedfishDriver,
    memory: LocalSessions,
    told: list[BaseException],
    fault: str,
    call: str,
    first: int,
) -> None:
    """Each fault from each request of a call on: in time, one of our errors, no session open but the remembered one."""
    steps = iter(range(100))
    bmc.fault = lambda handler: next(steps) >= first and FAULTS[fault](handler)
    watch = Stopwatch()
    try:
        answer = CALLS[call](driver, Deadline.after(SHORT_S))
    except BmprovError as error:
        told.append(error)
    else:
        assert answer is not Power.OFF or bmc.power == "Off"
    assert watch.took_s() < SHORT_S + GRACE_S
    known = memory.session(bmc.login())
    assert set(bmc.sessions) <= {known.token if known else None}
    assert bmc.resets in ([], ["ForceRestart"], ["ForceOff"])


def when(fault: Fault, method: str, path: str) -> Fault:
    """The fault at one kind of request only."""

    def fault_then(handler: Handler) -> bool:
        return handler.command == method and path in handler.path and fault(handler)

    return fault_then


def test_retry_after_is_told(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """A BMC that says when to come back is believed, in seconds, as a date and in a message; for an hour at most."""
    told = {"MessageId": "Base.1.12.ServiceTemporarilyUnavailable", "MessageArgs": ["30"]}
    message = json.dumps({"error": {"@Message.ExtendedInfo": [told]}}).encode()
    soon = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 60))
    for headers, body, least, most in [
        ({"Retry-After": "7"}, b"", 7, 7),
        ({"Retry-After": soon}, b"", 50, 61),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, b"", 0, 0),
        ({"Retry-After": "9" * 40}, b"", 3600, 3600),
        ({}, message, 30, 30),
    ]:
        bmc.fault = lambda handler, headers=headers, body=body: bool(handler.tell_bytes(503, body, headers)) or True
        with pytest.raises(BmcBusy, match="HTTP 503") as caught:
            driver.read(Deadline.after(2))
        assert caught.value.retry_after_s is not None
        assert least <= caught.value.retry_after_s <= most
    bmc.fault = lambda handler: bool(handler.tell_bytes(503, b"", {"Retry-After": "soon"})) or True
    with pytest.raises(BmcBusy) as caught:
        driver.read(Deadline.after(2))
    assert caught.value.retry_after_s is None


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("HTML", BmcBusy, "answers with text/html that is not Redfish's JSON"),
        ("silence", BmcSilent, "did not answer for 0.5"),
        ("a byte now and then in the headers", BmcSilent, "did not answer"),
        ("a byte now and then in the body", BmcSilent, "did not answer"),
        ("half of the body", BmcBusy, "broke off its answer"),
        ("reset before the answer", BmcUnreachable, "is not there"),
        ("a body without end", BmcBusy, "answers without end"),
        ("redirect elsewhere", BmcRefused, "sends us on to https://192.0.2.1/login.html"),
    ],
)
def test_what_went_wrong_is_said(
    bmc: VendorBmc, driver: RedfishDriver, fault: str, error: type[BmprovError], words: str
) -> None:
    """The error's class says what happens next, its text what happened."""
    driver.read(Deadline.after(2))
    bmc.fault = FAULTS[fault]
    with pytest.raises(error, match=words):
        driver.read(Deadline.after(TIME_S))


def test_a_reading_whose_connection_breaks_is_asked_once_more(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """One reset costs nothing but a second question."""
    driver.read(Deadline.after(2))
    breaks = iter([True])
    bmc.fault = lambda handler: next(breaks, False) and FAULTS["reset in the body"](handler)
    assert driver.read(Deadline.after(2)) is Power.ON


def test_a_change_whose_connection_breaks_is_not_sent_again(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """Nobody knows whether a reset was done whose answer is lost: the caller is told, and looks."""
    bmc.fault = when(FAULTS["reset in the body"], "POST", "ComputerSystem.Reset")
    with pytest.raises((BmcUnreachable, BmcBusy)):
        driver.switch(PowerAction.RESET, Deadline.after(2))
    assert bmc.resets == ["ForceRestart"]


def test_a_login_whose_body_is_lost_is_a_login(bmc: VendorBmc, driver: RedfishDriver, memory: LocalSessions) -> None:
    """The token is in the headers: the session is used, and not left open unknown."""
    for fault in ("a byte now and then in the body", "half of the body", "reset in the body", "a body without end"):
        bmc.fault = when(FAULTS[fault], "POST", SESSIONS)
        assert driver.read(Deadline.after(TIME_S)) is Power.ON
        known = memory.session(bmc.login())
        assert known is not None
        assert list(bmc.sessions) == [known.token]
        bmc.sessions.clear()
        memory.forget(bmc.login())


def test_a_session_that_cannot_be_remembered_is_closed(bmc: VendorBmc) -> None:
    """When the memory fails, the new session does not stay open on the BMC."""

    class Full(LocalSessions):
        def remember(self, session: Session) -> None:  # noqa: ARG002 - the protocol's
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        RedfishDriver(bmc.login(), LocalBmcLock(), Full()).read(Deadline.after(2))
    assert (bmc.logins, bmc.sessions) == (1, {})


def test_a_token_is_never_sent_elsewhere(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """Of a link only the path is used, so that another host's address in it leads back to the BMC."""
    bmc.vendor = vendor("ilo5")
    bmc.vendor["root"] = {"Systems": {"@odata.id": "http://192.0.2.1/redfish/v1/Systems"}}
    bmc.vendor["path"] = "/redfish/v1/Systems/1"
    assert driver.read(Deadline.after(2)) is Power.ON


def test_a_bmc_that_reads_on_while_off_is_told(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """What is returned and told is what was read, never what was asked for."""
    bmc.reads = "On"
    with pytest.raises(BmcMismatch, match="accepted power 'off' and still reads on"):
        driver.switch(PowerAction.OFF, Deadline.after(3))
    assert driver.read(Deadline.after(2)) is Power.ON


@pytest.mark.parametrize("reads", ["Paused", "Reset", "on", "", "Unknown"])
def test_a_power_that_nobody_knows_is_unknown(bmc: VendorBmc, driver: RedfishDriver, reads: str) -> None:
    """Only the schema's On and Off are believed."""
    bmc.reads = reads or "PoweringOff"
    assert driver.read(Deadline.after(2)) is Power.UNKNOWN


def test_a_cycle_that_ends_half_way_says_that_the_machine_is_off(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """Without PowerCycle it is off and on. When on fails, the error says so, and asking again switches it on."""
    bmc.fault = lambda handler: handler.document.get("ResetType") == "On" and FAULTS["503"](handler)
    with pytest.raises(BmcMismatch, match=r"switched the machine off for a power cycle and not on again .*HTTP 503"):
        driver.switch(PowerAction.CYCLE, Deadline.after(3))
    assert driver.read(Deadline.after(2)) is Power.OFF
    bmc.fault = None
    assert driver.switch(PowerAction.CYCLE, Deadline.after(3)) is Power.ON


def test_a_cycle_that_cannot_end_on_is_not_begun(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """A BMC without any way to switch on does not switch off for a cycle."""
    bmc.vendor["resets"] = ["ForceOff", "GracefulShutdown"]
    with pytest.raises(BmcRefused, match=r"has no power 'cycle' .it has ForceOff, GracefulShutdown"):
        driver.switch(PowerAction.CYCLE, Deadline.after(3))
    assert bmc.resets == []


def test_the_power_button_is_pressed_only_when_the_power_is_known(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """It does the one or the other: a machine that is on its way would be switched off again."""
    bmc.vendor["resets"] = ["PushPowerButton"]
    bmc.reads = "PoweringOn"
    with pytest.raises(BmcRefused, match="has no power 'on'"):
        driver.switch(PowerAction.ON, Deadline.after(2))
    bmc.power, bmc.reads = "Off", None
    assert driver.switch(PowerAction.ON, Deadline.after(2)) is Power.ON
    assert bmc.resets == ["PushPowerButton"]


def test_a_closed_port_and_a_wrong_name_are_told_at_once() -> None:
    """Nobody there is not waited for."""
    for address in (f"127.0.0.1:{closed_port()}", "no-such-bmc.invalid", "a" * 70):
        watch = Stopwatch()
        driver = RedfishDriver(BmcLogin(f"redfish://{address}", USER, PASSWORD), LocalBmcLock(), LocalSessions())
        with pytest.raises(BmcUnreachable, match="check its address"):
            driver.read(Deadline.after(5))
        assert watch.took_s() < 4


def test_a_slow_resolver_does_not_outlive_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look-up of a name is waited for until the deadline, however long the system takes."""
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: time.sleep(3))
    watch = Stopwatch()
    with pytest.raises(BmcSilent):
        RedfishDriver(BmcLogin("redfish://bmc.example", USER, PASSWORD), LocalBmcLock(), LocalSessions()).read(
            Deadline.after(TIME_S)
        )
    assert watch.took_s() < TIME_S + GRACE_S
