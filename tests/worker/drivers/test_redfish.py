"""The Redfish driver where makes of BMC do not matter: threads, connections, systems by name, boot objects."""

import base64
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import BmcAuthFailed, BmcBusy, BmcMismatch, BmcRefused
from bmprov.power import BootDevice, BootOverride, Power, PowerAction
from tests.worker.drivers.vendors.bmc import PASSWORD, SESSIONS, VendorBmc, vendor
from tests.worker.drivers.vendors.faults import FAULTS
from tests.worker.drivers.vendors.server import Handler, closed_port, running
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.redfish import RedfishDriver
from worker.drivers.redfish_session import LocalSessions, log_out

NETWORK_ONCE = BootOverride(BootDevice.NETWORK, once=True)
DISK_ALWAYS = BootOverride(BootDevice.DISK, once=False)
NO_OVERRIDE = BootOverride(BootDevice.DEFAULT, once=False)


def soon() -> Deadline:
    return Deadline.after(5)


@pytest.fixture
def bmc() -> Iterator[VendorBmc]:
    """A machine that is off."""
    with running(VendorBmc(vendor("supermicro_x13"))) as bmc:
        yield bmc


@pytest.fixture
def memory() -> LocalSessions:
    return LocalSessions()


@pytest.fixture
def driver(bmc: VendorBmc, memory: LocalSessions) -> RedfishDriver:
    return RedfishDriver(bmc.login(), LocalBmcLock(), memory, patience_s=2.0)


def test_many_threads_share_one_session(bmc: VendorBmc, memory: LocalSessions) -> None:
    """One driver and many, from many threads: one login, and the BMC is asked by one at a time."""
    lock = LocalBmcLock()
    drivers = [RedfishDriver(bmc.login(), lock, memory) for _ in range(4)]

    def work(number: int) -> Power:
        mine = drivers[number % len(drivers)]
        if number % 5 == 0:
            mine.set_boot(NETWORK_ONCE, Deadline.after(20))
        return mine.read(Deadline.after(20))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(60))) == {Power.OFF}
    assert (bmc.logins, bmc.most_sessions) == (1, 1)


def test_a_change_has_a_connection_of_its_own_and_readings_share_one(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """However long a change takes, a BMC makes two TLS handshakes: one before it, one for it and what follows."""
    driver.read(soon())
    bmc.connections, bmc.transition_s = 0, 0.8
    assert driver.switch(PowerAction.ON, soon()) is Power.ON
    assert len(bmc.requests) > 8
    assert bmc.connections == 2


def test_the_address_that_answers_is_used(bmc: VendorBmc, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with two addresses, of which one is dead, is looked up once in a call, and the dead one tried once."""
    kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    looked_up: list[str] = []

    def look_up(host: str, *_: object, **__: object) -> list[object]:
        looked_up.append(host)
        return [(*kind, ("127.0.0.1", closed)), (*kind, ("127.0.0.1", bmc.port))]

    closed = closed_port()
    monkeypatch.setattr("socket.getaddrinfo", look_up)
    login = replace(bmc.login(), address="redfish+http://bmc.example")
    assert RedfishDriver(login, LocalBmcLock(), LocalSessions()).switch(PowerAction.ON, soon()) is Power.ON
    assert looked_up == ["bmc.example"]


def test_one_of_several_systems_is_named(bmc: VendorBmc, memory: LocalSessions) -> None:
    """A chassis of blades tells several: the address names one, and without that the error says how."""
    blades = [{"@odata.id": f"/redfish/v1/Systems/{number}"} for number in (1, 2)]
    bmc.fault = lambda handler: handler.path == "/redfish/v1/Systems" and not handler.tell(200, {"Members": blades}, {})
    with pytest.raises(BmcRefused, match=r"has 2 systems: name one: redfish://HOST/redfish/v1/Systems/1"):
        RedfishDriver(bmc.login(), LocalBmcLock(), memory).read(soon())
    log_out(bmc.login(), memory, soon())
    login = replace(bmc.login(), address=f"{bmc.login().address}/redfish/v1/Systems/1")
    assert RedfishDriver(login, LocalBmcLock(), memory).read(soon()) is Power.OFF


def test_a_bmc_without_a_system_is_starting(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """Before the host is known there is none, which is tried again; the session is kept meanwhile."""
    bmc.fault = lambda handler: handler.path == "/redfish/v1/Systems" and not handler.tell(200, {"Members": []}, {})
    for _ in range(3):
        with pytest.raises(BmcBusy, match="tells of no system"):
            driver.read(soon())
    bmc.fault = None
    assert driver.read(soon()) is Power.OFF
    assert bmc.logins == 1


@pytest.mark.parametrize("tells", [True, False])
def test_a_bmc_without_sessions_gets_the_password(
    bmc: VendorBmc, driver: RedfishDriver, memory: LocalSessions, *, tells: bool
) -> None:
    """Basic authentication is for those that have no sessions, whether they say so or answer that there are none."""
    bmc.vendor["login"]["basic"] = True
    bmc.vendor["root"] = {} if tells else {"Links": {}}
    assert driver.read(soon()) is Power.OFF
    del bmc.requests[:]
    assert driver.read(soon()) is Power.OFF
    assert bmc.requests == [f"GET {bmc.path}"]
    wrong = replace(bmc.login(), password=f"not {PASSWORD}")
    with pytest.raises(BmcAuthFailed):
        RedfishDriver(wrong, LocalBmcLock(), memory).read(soon())


def test_a_password_in_any_letters_gets_in(bmc: VendorBmc, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a session or with each request (RFC 7617: UTF-8), and it is not shown when the BMC repeats it."""
    password = "pässwörd-€-密碼"
    monkeypatch.setattr("tests.worker.drivers.vendors.bmc.PASSWORD", password)
    login = replace(bmc.login(), password=password)
    assert RedfishDriver(login, LocalBmcLock(), LocalSessions()).read(soon()) is Power.OFF
    bmc.vendor["login"]["basic"] = True
    basic = RedfishDriver(login, LocalBmcLock(), LocalSessions())
    assert basic.read(soon()) is Power.OFF
    bmc.fault = FAULTS["what was sent"]
    with pytest.raises(BmcRefused) as caught:
        basic.read(soon())
    assert "***" in str(caught.value)
    assert base64.b64encode(f"admin:{password}".encode()).decode() not in f"{caught.value} {caught.value.__cause__!r}"


@pytest.mark.parametrize("root", [{}, {"Name": "lighttpd"}])
def test_what_is_no_service_gets_no_password(bmc: VendorBmc, driver: RedfishDriver, root: dict[str, str]) -> None:
    """A BMC that is starting may show an empty root: it has sessions all the same, and is asked again later."""
    bmc.fault = lambda handler: handler.path == "/redfish/v1/" and not handler.tell(200, root, {})
    with pytest.raises(BmcBusy, match="shows no Redfish service"):
        driver.read(soon())
    assert bmc.requests == []


def test_a_login_that_is_refused_for_now_is_no_reason_for_the_password(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """Only where there are no sessions the password goes with each request."""
    bmc.vendor["login"]["basic"] = True
    bmc.fault = lambda handler: handler.path == SESSIONS and not handler.tell(400, None, {})
    with pytest.raises(BmcRefused):
        driver.read(soon())


def test_a_device_without_a_word_counts_as_none_and_is_removed(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """An override to a floppy is there: it is read as no device of ours, and goes when there shall be none."""
    bmc.target, bmc.enabled = "Floppy", "Continuous"
    assert driver.read_boot(soon()).device is BootDevice.DEFAULT
    driver.set_boot(NO_OVERRIDE, soon())
    assert bmc.boots_from() == "None"


def test_an_override_that_takes_its_time_is_waited_for(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """HTTP 202 says that it is done by and by: nothing else is sent meanwhile."""
    bmc.vendor["boot"] |= {"later_s": 0.5, "mode": "kept"}
    bmc.vendor["answers"]["boot_done"] = {"status": 202}
    driver.set_boot(DISK_ALWAYS, soon())
    assert len(bmc.patches) == 1
    assert driver.read_boot(soon()) == DISK_ALWAYS


def test_an_override_that_is_dropped_is_told(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """Whatever is sent, if nothing reads back the caller is told what does."""
    bmc.fault = lambda handler: handler.command == "PATCH" and not handler.tell(204, None, {})
    with pytest.raises(BmcMismatch, match=r"accepted boot device 'network' and dropped it .it reads 'default'"):
        driver.set_boot(NETWORK_ONCE, soon())


def test_an_override_that_is_refused_is_told(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """What the BMC has said last is in the error."""
    body = {"error": {"@Message.ExtendedInfo": [{"MessageId": "x", "Message": "Locked down.", "Severity": "Warning"}]}}
    bmc.fault = lambda handler: handler.command == "PATCH" and not handler.tell(400, body, {})
    with pytest.raises(BmcRefused, match=r"Locked down\."):
        driver.set_boot(NETWORK_ONCE, soon())


def test_what_is_said_beside_a_property_is_told(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """OpenBMC says what is wrong with a property without an error object: an operator sees it all the same."""
    body = {"BootSourceOverrideTarget@Message.ExtendedInfo": [{"MessageId": "Base.1.4.0.x", "Message": "Not so."}]}
    bmc.fault = lambda handler: handler.command == "PATCH" and not handler.tell(400, body, {})
    with pytest.raises(BmcRefused, match=r"Not so\."):
        driver.set_boot(NETWORK_ONCE, soon())


def test_the_setup_is_shown_once_or_not_at_all(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """The firmware's menu is for one boot: a BMC that knows no once does not get it for ever."""
    driver.set_boot(BootOverride(BootDevice.SETUP, once=True), soon())
    assert (bmc.boots_from(), bmc.enabled) == ("BiosSetup", "Once")
    driver.set_boot(NO_OVERRIDE, soon())
    once = "BootSourceOverrideEnabled"
    bmc.fault = lambda handler: handler.document.get("Boot", {}).get(once) == "Once" and not handler.tell(400, None, {})
    with pytest.raises(BmcRefused):
        driver.set_boot(BootOverride(BootDevice.SETUP, once=True), soon())
    assert bmc.boots_from() == "None"


def test_a_machine_that_boots_over_http_netboots(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """Where there is no PXE, the network is UEFI HTTP boot."""
    bmc.vendor["boot"]["allowed"] = ["None", "UefiHttp", "Hdd"]
    driver.set_boot(NETWORK_ONCE, soon())
    assert bmc.boots_from() == "UefiHttp"
    assert driver.read_boot(soon()) == NETWORK_ONCE


@pytest.mark.parametrize("body", [b"Success", b"", b'"done"', b"[]"])
def test_what_a_change_answers_may_be_anything(bmc: VendorBmc, driver: RedfishDriver, body: bytes) -> None:
    """It has been accepted, and what reads back is judged: not its words."""

    def words(handler: Handler) -> bool:
        if handler.command not in ("POST", "PATCH") or handler.path == SESSIONS:
            return False
        headers = {name.lower(): value for name, value in handler.headers.items()}
        status, _, more = bmc.answer(handler.command, handler.path, headers, handler.document)
        handler.tell_bytes(status, body, more)
        return True

    bmc.fault = words
    assert driver.switch(PowerAction.ON, soon()) is Power.ON
    driver.set_boot(NETWORK_ONCE, soon())
    assert bmc.boots_from() == "Pxe"


def test_a_user_who_may_not_read_leaves_no_session(bmc: VendorBmc, driver: RedfishDriver) -> None:
    """Some BMCs answer 401 to what a user may not do: the session is there still, and is closed before the next."""
    driver.read(soon())
    bmc.fault = lambda handler: handler.path == bmc.path and not handler.tell(401, None, {})
    for _ in range(3):
        with pytest.raises(BmcBusy, match="takes the password and then ends the session at once"):
            driver.read(soon())
        assert bmc.sessions == {}
    assert bmc.most_sessions == 1


def test_a_changed_password_is_a_new_session(bmc: VendorBmc, driver: RedfishDriver, memory: LocalSessions) -> None:
    """A session belongs to the login that made it: another password does not get in by it."""
    driver.read(soon())
    with pytest.raises(BmcAuthFailed):
        RedfishDriver(replace(bmc.login(), password="other"), LocalBmcLock(), memory).read(soon())
    assert driver.read(soon()) is Power.OFF
    assert bmc.logins == 1
