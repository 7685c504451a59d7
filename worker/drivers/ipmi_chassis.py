"""The chassis behind a session: power and boot flags, in IPMI's terms.

IPMI 2.0, sections 28.2 (status), 28.3 (control), 28.12 and 28.13 (boot options).
"""

from dataclasses import dataclass

from bmprov.power import BootDevice, BootOverride, Power, PowerAction
from worker.drivers.ipmi_session import CommandRefused, IpmiSession

_CHASSIS = 0x00
_STATUS, _CONTROL, _SET_BOOT, _GET_BOOT = 0x01, 0x02, 0x08, 0x09
_ACTIONS = {
    PowerAction.OFF: 0,
    PowerAction.ON: 1,
    PowerAction.CYCLE: 2,
    PowerAction.RESET: 3,
    PowerAction.SOFT_OFF: 5,
}
_VALID_BIT_CLEARING, _BOOT_FLAGS = 3, 5
_KEEP_WITHOUT_CHASSIS_CONTROL = 0x08
_LOCKED = 0x80
_VALID, _PERSISTENT, _UEFI = 0x80, 0x40, 0x20
_SELECTORS = {
    BootDevice.DEFAULT: 0,
    BootDevice.NETWORK: 1,
    BootDevice.DISK: 2,
    BootDevice.CDROM: 5,
    BootDevice.SETUP: 6,
}
_DEVICES = {selector: device for device, selector in _SELECTORS.items()} | {3: BootDevice.DISK}  # in safe mode


@dataclass(frozen=True)
class BootFlags:
    """The first two data bytes of boot option parameter 5; the others stay zero."""

    flags: int
    selector: int

    @classmethod
    def of(cls, override: BootOverride, *, uefi: bool) -> "BootFlags":
        """The flags that ask for an override. `DEFAULT` is asked for by no flag at all."""
        selector = _SELECTORS[override.device]
        if not selector:
            return cls(0, 0)
        return cls(_VALID | (0 if override.once else _PERSISTENT) | (_UEFI if uefi else 0), selector)

    @property
    def override(self) -> BootOverride:
        """What they mean. A device that `BootDevice` has no word for, such as a CD, counts as `DEFAULT`."""
        if not self.flags & _VALID:
            return BootOverride(BootDevice.DEFAULT, once=False)
        return BootOverride(_DEVICES.get(self.selector, BootDevice.DEFAULT), once=not self.flags & _PERSISTENT)


class IpmiChassis:
    """A machine's chassis, for as long as the session lasts."""

    def __init__(self, session: IpmiSession) -> None:
        self._session = session

    def power(self) -> Power:
        """The power now."""
        status = self._session.ask("tell the power", _CHASSIS, _STATUS)
        return Power.ON if status[0] & 1 else Power.OFF

    def control(self, action: PowerAction) -> None:
        """Ask for `action`; returns once it is accepted."""
        self._session.ask(f"do '{action}'", _CHASSIS, _CONTROL, [_ACTIONS[action]])

    def boot_flags(self) -> BootFlags | None:
        """The boot flags, None when the BMC has them locked or cannot tell."""
        try:
            answer = self._session.ask("tell the boot override", _CHASSIS, _GET_BOOT, [_BOOT_FLAGS, 0, 0])
        except CommandRefused:
            return None
        if answer[1] & _LOCKED:
            return None
        return BootFlags(answer[2], answer[3] >> 2 & 0xF)

    def set_boot_flags(self, wanted: BootFlags) -> None:
        """Write the boot flags."""
        data = [_BOOT_FLAGS, wanted.flags, wanted.selector << 2, 0, 0, 0]
        self._session.ask("set the boot override", _CHASSIS, _SET_BOOT, data)

    def keep_boot_flags(self) -> None:
        """Have the flags last until the machine starts: by default they are gone after 60 s (table 28-14)."""
        try:
            data = [_VALID_BIT_CLEARING, _KEEP_WITHOUT_CHASSIS_CONTROL]
            self._session.ask("keep the boot override", _CHASSIS, _SET_BOOT, data)
        except CommandRefused:
            return  # a BMC without the timeout has no such parameter
