"""Each row of the tables of `worker.drivers.quirks` is needed: without it, its test fails."""

from collections.abc import Iterator

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import BmcAuthFailed, BmcBusy, BmcRefused, BmprovError
from bmprov.power import BootDevice, BootOverride, PowerAction
from tests.worker.drivers.vendors.bmc import SESSIONS, VendorBmc, vendor
from tests.worker.drivers.vendors.server import running
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.quirks import MESSAGES, NONE, QUIRKS, quirk_of
from worker.drivers.redfish import RedfishDriver
from worker.drivers.redfish_session import LocalSessions

NETWORK_ONCE = BootOverride(BootDevice.NETWORK, once=True)
SYSTEMS, RESET = "/redfish/v1/Systems", "ComputerSystem.Reset"
CASES: dict[str, tuple[str, int, str, type[BmprovError], str]] = {
    "SWC0700": ("IDRAC.1.6", 400, SYSTEMS, BmcBusy, "cannot do it now"),
    "SYS518": ("IDRAC.2.8", 400, SYSTEMS, BmcBusy, "cannot do it now"),
    "InvalidOperationForSystemState": ("iLO.2.15", 400, RESET, BmcBusy, "cannot do it now"),
    "SessionLimitExceeded": ("Base.1.8", 403, SESSIONS, BmcBusy, "has no session left"),
    "RAC0218": ("IDRAC.2.4", 503, SESSIONS, BmcBusy, "has no session left"),
    "CreateLimitReachedForResource": ("Base.1.4", 400, SESSIONS, BmcBusy, "has no session left"),
    "UnauthorizedLoginAttempt": ("iLO.2.14", 400, SESSIONS, BmcAuthFailed, "refused user 'admin' or its password"),
    "SWC1908": ("IDRAC.2.9", 403, SYSTEMS, BmcRefused, "wants a new password for user 'admin'"),
    "PasswordChangeRequired": ("Base.1.5", 403, SYSTEMS, BmcRefused, "wants a new password for user 'admin'"),
    "OemLicenseNotPassed": ("SMC.1.0", 403, SYSTEMS, BmcRefused, "has no licence for this"),
}
"""Registry, HTTP status, where it is said, our error, and its words."""


@pytest.fixture
def bmc() -> Iterator[VendorBmc]:
    """A machine that is on."""
    with running(VendorBmc(vendor("idrac9"), power="On")) as bmc:
        yield bmc


def test_each_row_has_a_test_and_a_source() -> None:
    """A row that nobody needs any more is seen."""
    assert {message.name for message in MESSAGES} == set(CASES)
    assert all(message.device and message.source.startswith("https://") for message in MESSAGES)
    assert all(quirk.source.startswith("https://") for quirk in QUIRKS)


@pytest.mark.parametrize("key", ["MessageId", "MessageID"])
@pytest.mark.parametrize("name", CASES)
def test_a_refusal_means_what_its_message_says(bmc: VendorBmc, name: str, key: str) -> None:
    """HTTP's status alone would have it stopped at, or tried for ever, or the wrong thing looked at."""
    registry, status, where, error, words = CASES[name]
    body = {"error": {"code": "x", "message": "see", "@Message.ExtendedInfo": [{key: f"{registry}.{name}"}]}}
    bmc.fault = lambda handler: where in handler.path and not handler.tell(status, body, {})
    with pytest.raises(error, match=words):
        RedfishDriver(bmc.login(), LocalBmcLock(), LocalSessions()).switch(PowerAction.RESET, Deadline.after(3))


def test_dells_boot_mode_is_left_alone(bmc: VendorBmc) -> None:
    """An override on a Dell that boots the other way is set, and makes no job that changes its setup for ever."""
    bmc.mode = "Legacy"
    RedfishDriver(bmc.login(), LocalBmcLock(), LocalSessions(), uefi=True).set_boot(NETWORK_ONCE, Deadline.after(3))
    assert (bmc.boots_from(), bmc.setup_jobs) == ("Pxe", 0)


def test_supermicros_cd_is_a_usb_drive(bmc: VendorBmc) -> None:
    """Where both are offered, a Supermicro boots its mounted media as UsbCd; another make's CD is Cd."""
    cd_once = BootOverride(BootDevice.CDROM, once=True)
    bmc.vendor["boot"]["allowed"] = ["None", "Cd", "UsbCd"]
    for manufacturer, target in (("Supermicro", "UsbCd"), ("Lenovo", "Cd")):
        bmc.vendor["system"]["Manufacturer"] = manufacturer
        driver = RedfishDriver(bmc.login(), LocalBmcLock(), LocalSessions())
        driver.set_boot(cd_once, Deadline.after(3))
        assert bmc.boots_from() == target
        assert driver.read_boot(Deadline.after(3)) == cd_once


def test_a_system_is_matched_by_what_it_says_of_itself() -> None:
    """By the beginning of manufacturer and model, whatever the case; a BMC that says nothing has no quirk."""
    assert quirk_of("Dell Inc.", "PowerEdge R740").mode_is_setup
    assert quirk_of("DELL", None).mode_is_setup
    for other in ("Lenovo", "", None, 7, ["Dell"]):
        assert quirk_of(other, "PowerEdge") is NONE
