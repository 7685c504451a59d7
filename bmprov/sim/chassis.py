"""What a BMC moves: the power of its machine, the boot flags that its firmware reads, and its virtual CD.

`Chassis` is what a simulated machine shows to its BMC, whatever that BMC speaks. The flags are those of IPMI 2.0,
section 28.13, boot option parameter 5.
"""

from enum import IntEnum
from typing import Protocol

from bmprov.power import BootDevice, BootOverride, Power, PowerAction
from bmprov.sim.serial_port import SerialPort

_VALID, _PERSISTENT, _UEFI = 0x80, 0x40, 0x20
_DEVICE_SHIFT, _DEVICE_MASK = 2, 0xF
_NO_FLAGS = bytes(5)


class BootSource(IntEnum):
    """Boot devices by their number in the flags; others count as none."""

    NONE = 0
    NETWORK = 1
    DISK = 2
    DIAGNOSTICS = 4
    CD = 5
    SETUP = 6


_DEVICES = {
    BootSource.NETWORK: BootDevice.NETWORK,
    BootSource.DISK: BootDevice.DISK,
    BootSource.CD: BootDevice.CDROM,
    BootSource.SETUP: BootDevice.SETUP,
}


class BootFlags:
    """The boot flags as the BMC keeps them. The firmware takes them each time it starts."""

    def __init__(self) -> None:
        self.raw = _NO_FLAGS
        """The five data bytes of boot option parameter 5, as they were written."""
        self.taken = 0
        """How often the firmware has taken them."""

    def write(self, source: BootSource, *, valid: bool, once: bool, uefi: bool) -> None:
        """Write the flags of a BMC that does not speak IPMI. What is not `valid` is kept and has no effect."""
        first = valid * _VALID | (not once) * _PERSISTENT | uefi * _UEFI
        self.raw = bytes([first, source << _DEVICE_SHIFT, 0, 0, 0])

    @property
    def written(self) -> bool:
        """Whether anything is in them, valid or not."""
        return self.raw != _NO_FLAGS

    @property
    def valid(self) -> bool:
        """Whether they are in force."""
        return bool(self.raw[0] & _VALID)

    @property
    def once(self) -> bool:
        """Whether they are for one boot."""
        return not self.raw[0] & _PERSISTENT

    @property
    def source(self) -> BootSource:
        """The device in them, in force or not."""
        number = self.raw[1] >> _DEVICE_SHIFT & _DEVICE_MASK
        return BootSource(number) if number in list(BootSource) else BootSource.NONE

    @property
    def uefi(self) -> bool:
        """Whether a UEFI boot was asked for."""
        return bool(self.raw[0] & _UEFI)

    @property
    def override(self) -> BootOverride:
        """What is in force now. A device that no firmware here has, such as a floppy, counts as `DEFAULT`."""
        if not self.valid:
            return BootOverride(BootDevice.DEFAULT, once=False)
        return BootOverride(_DEVICES.get(self.source, BootDevice.DEFAULT), once=self.once)

    def take(self) -> BootOverride:
        """What is in force for the boot that begins now; flags for one boot are gone afterwards."""
        self.taken += 1
        taken = self.override
        if taken.once:
            self.raw = _NO_FLAGS
        return taken


class Drive:
    """A virtual CD drive. The firmware reads it when it boots from it."""

    def __init__(self) -> None:
        self.image = ""
        """The address of the image in it; empty when nothing is."""


class Chassis(Protocol):
    """A machine as its BMC sees it.

    A simulated machine fulfils this with a firmware. `press` returns at once; whatever takes time happens afterwards.
    When the machine starts (`ON` while it is off, `CYCLE`, `RESET`) its firmware begins anew and calls `boot.take()` to
    learn where to boot from; so it does when its operating system reboots by itself. `ON` of a machine that is on does
    nothing.
    """

    @property
    def power(self) -> Power:
        """The power now, `ON` or `OFF`."""
        ...

    @property
    def boot(self) -> BootFlags:
        """The boot flags, which the BMC writes and the firmware takes."""
        ...

    @property
    def serial(self) -> SerialPort:
        """The serial port that the BMC has as a console."""
        ...

    @property
    def drive(self) -> Drive:
        """The virtual CD drive, if the BMC has one to fill."""
        ...

    def press(self, action: PowerAction) -> None:
        """Do `action`. The BMC has already refused a `CYCLE`, `RESET` or `SOFT_OFF` of a machine that is off."""
        ...


class PlainChassis:
    """A machine without firmware: it obeys at once and remembers which overrides it started with."""

    def __init__(self) -> None:
        self.power = Power.OFF
        self.boot = BootFlags()
        self.serial = SerialPort()
        self.drive = Drive()
        self.boots: list[BootOverride] = []

    def press(self, action: PowerAction) -> None:
        """Do `action` at once."""
        was_off = self.power is Power.OFF
        self.power = Power.OFF if action in (PowerAction.OFF, PowerAction.SOFT_OFF) else Power.ON
        if self.power is Power.ON and (was_off or action is not PowerAction.ON):
            self.boots.append(self.boot.take())
