"""Power as the field speaks of it, and the protocol that every power driver fulfils."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from bmprov.deadline import Deadline


class Power(StrEnum):
    """The power of a machine as its BMC reads it."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"


class PowerAction(StrEnum):
    """What can be asked of a machine's power.

    `CYCLE` takes the power away and gives it back, `RESET` keeps it (IPMI 2.0, section 28.3, Chassis Control);
    `SOFT_OFF` asks the operating system to shut down (ACPI).
    """

    ON = "on"
    OFF = "off"
    SOFT_OFF = "soft-off"
    CYCLE = "cycle"
    RESET = "reset"


class BootDevice(StrEnum):
    """Where the firmware looks for its next boot; `DEFAULT` means that nothing overrides the firmware's own order.

    `SETUP` is the firmware's own menu.
    """

    NETWORK = "network"
    DISK = "disk"
    CDROM = "cdrom"
    SETUP = "setup"
    DEFAULT = "default"


@dataclass(frozen=True)
class BootOverride:
    """A boot device override as the BMC reads it back."""

    device: BootDevice
    once: bool


@dataclass(frozen=True)
class BmcLogin:
    """Where a BMC is and how to log in to it.

    `address` is a URL without user and password, such as `ipmi://10.1.0.7:623`. `cipher_suites` are IPMI suite numbers
    in the order in which they are offered; empty lets the driver choose. `trust` is for `redfish://`: the certificate's
    fingerprint (`sha256:` and 64 hexadecimal digits), or the path of a CA file; empty are the system's CAs. `privilege`
    is IPMI's level to log in with, `administrator` or `operator`; empty tries the first, and then the second.
    """

    address: str
    user: str
    password: str = field(repr=False)
    cipher_suites: tuple[int, ...] = ()
    trust: str = ""
    privilege: str = ""


class PowerDriver(Protocol):
    """The power and the boot device of one machine, through its BMC.

    Asking for the state that the machine is already in succeeds and sends no change. Every method ends before its
    deadline, verifies by reading back, and leaves no session open.

    Raises:
        BmcUnreachable: no answer before the deadline (retry).
        BmcBusy: the BMC has no session left for us (retry).
        BmcMismatch: the change was accepted and does not read back (retry).
        BmcAuthFailed: the user or the password is wrong (an operator must look).
        BmcRefused: the BMC answered and will not (an operator must look).
    """

    def read(self, by: Deadline) -> Power:
        """The power as the BMC reads it now."""
        ...

    def switch(self, action: PowerAction, by: Deadline) -> Power:
        """Do `action` and return what the BMC reads afterwards.

        `ON`, `OFF`, `CYCLE` and `RESET` return once the wanted state reads back, else raise `BmcMismatch`. `SOFT_OFF`
        returns as soon as the request is accepted, because the operating system takes its time: the caller waits and
        reads again. `CYCLE` and `RESET` of a machine that is off switch it on.
        """
        ...

    def read_boot(self, by: Deadline) -> BootOverride:
        """The boot override in force."""
        ...

    def set_boot(self, override: BootOverride, by: Deadline) -> None:
        """Set where the firmware boots from next (`once`) or from now on; returns once it reads back.

        `default` is no override. A BMC that must have one gets the disk.
        """
        ...
