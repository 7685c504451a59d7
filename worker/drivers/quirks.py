"""What single makes of BMC force on the Redfish driver, as data, each with the public source that tells of it.

What can be solved by sending, reading back and trying the next is no quirk and is not here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any


class Meaning(Enum):
    """What an operator, or the flow, makes of a refusal whose HTTP status does not tell."""

    BUSY = auto()
    NO_SESSION_LEFT = auto()
    WRONG_PASSWORD = auto()
    NEW_PASSWORD_DUE = auto()
    NO_LICENCE = auto()


@dataclass(frozen=True)
class Message:
    """A message id, without its registry and version, and what it means."""

    name: str
    meaning: Meaning
    device: str
    source: str


@dataclass(frozen=True)
class Quirk:
    """How one make of BMC differs. `manufacturer` and `model` are beginnings, in small letters, of the system's."""

    manufacturer: str
    source: str
    model: str = ""
    cd_is_usb: bool = False
    """Media that the BMC has mounted are a USB drive: `Cd` is taken, reads back, and is not booted from."""
    mode_is_setup: bool = False
    """Its boot mode is the firmware's own setting: what is sent for an override would change it for ever."""
    enter_console: str = ""
    """What is typed into the BMC's shell to get to the serial console, where Redfish does not tell."""

    def fits(self, manufacturer: str, model: str) -> bool:
        """Whether a system with these words is meant."""
        return manufacturer.lower().startswith(self.manufacturer) and model.lower().startswith(self.model)


MESSAGES = (
    Message(
        "SWC0700",
        Meaning.BUSY,
        "iDRAC 9: HTTP 400 while it starts",
        "https://github.com/quadsproject/badfish/issues/129",
    ),
    Message(
        "SYS518",
        Meaning.BUSY,
        "iDRAC 9: HTTP 503, older ones 400, while it collects data",
        "https://github.com/ironcore-dev/metal-operator/issues/170",
    ),
    Message(
        "InvalidOperationForSystemState",
        Meaning.BUSY,
        "iLO 4 to 6: HTTP 400, for a reset of a machine that is off or on its way",
        "https://github.com/goldyfruit/ansible-ilo/issues/1",
    ),
    Message(
        "SessionLimitExceeded",
        Meaning.NO_SESSION_LEFT,
        "Lenovo XCC: HTTP 403, and 503 with XCC 3",
        "https://pubs.lenovo.com/xcc-restapi/create_a_session_post",
    ),
    Message(
        "RAC0218",
        Meaning.NO_SESSION_LEFT,
        "iDRAC 8 and 9, HTTP 503",
        "https://github.com/stmcginnis/gofish/issues/75",
    ),
    Message(
        "CreateLimitReachedForResource",
        Meaning.NO_SESSION_LEFT,
        "iLO, HTTP 400: its sessions are few",
        "https://developer.hpe.com/blog/managing-ilo-sessions-with-redfish/",
    ),
    Message(
        "UnauthorizedLoginAttempt",
        Meaning.WRONG_PASSWORD,
        "iLO 4 and 5, HTTP 400",
        "https://servermanagementportal.ext.hpe.com/docs/redfishservices/ilos/ilo5/ilo5_319/ilo5_msgregs319.md",
    ),
    Message(
        "SWC1908",
        Meaning.NEW_PASSWORD_DUE,
        "iDRAC 9 with the password it was delivered with",
        "https://github.com/dell/iDRAC-Redfish-Scripting/issues/346",
    ),
    Message(
        "PasswordChangeRequired",
        Meaning.NEW_PASSWORD_DUE,
        "AMI MegaRAC and OpenBMC, HTTP 403",
        "https://github.com/redhat-eets/glpi-helper-scripts/issues/94",
    ),
    Message(
        "OemLicenseNotPassed",
        Meaning.NO_LICENCE,
        "Supermicro X11 to X13, HTTP 403",
        "https://github.com/metal3-io/ironic-image/issues/688",
    ),
)

QUIRKS = (
    Quirk(
        "supermicro",
        "https://opendev.org/openstack/sushy/src/tag/5.14.0/sushy/resources/system/system.py",
        cd_is_usb=True,
    ),
    # The overrides themselves need no mode there: DSP0266 leaves alone what is not sent.
    Quirk(
        "dell",
        "https://github.com/dsx-ai-factory/libredfish/pull/75 (mode), "
        "https://gist.github.com/01BTC10/6fa36c55adf39bb4bdc5987ddf55597c (console)",
        mode_is_setup=True,
        enter_console="console com2",
    ),
    Quirk("hp", "https://gist.github.com/mowings/fdbb78799720461fda691965a997d22e", enter_console="vsp"),
)

NONE = Quirk("", "")


def quirk_of(manufacturer: object, model: object) -> Quirk:
    """What is to be known of a system, by what it says of itself; nothing, as a rule."""
    words = (manufacturer if isinstance(manufacturer, str) else "", model if isinstance(model, str) else "")
    return next((one for one in QUIRKS if one.fits(*words)), NONE)


def meaning_of(extended: object) -> Meaning | None:
    """What a refusal means, by its `@Message.ExtendedInfo`."""
    names = set(_names(extended))
    return next((one.meaning for one in MESSAGES if one.name in names), None)


def _names(extended: object) -> Iterator[str]:
    """The message ids; iLO 4 writes `MessageID`."""
    messages: list[Any] = extended if isinstance(extended, list) else []
    for one in messages:
        told = one.get("MessageId", one.get("MessageID")) if isinstance(one, dict) else None
        yield str(told).rpartition(".")[2]
