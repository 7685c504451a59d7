"""Power and boot device over IPMI 2.0, each change read back. Fulfils `bmprov.power.PowerDriver` with pyghmi.

One session for each call, one session per BMC at a time, whichever process asks. IPMI 1.5 is refused.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from bmprov.deadline import Deadline
from bmprov.errors import BmcMismatch
from bmprov.power import BmcLogin, BootDevice, BootOverride, Power, PowerAction
from worker.drivers.bmc_lock import BmcLock
from worker.drivers.ipmi_chassis import BootFlags, IpmiChassis
from worker.drivers.ipmi_session import CommandRefused, Connect, Habits, ipmi_session

log = structlog.get_logger()

_PATIENCE_S = 2.0
_READ_AGAIN_S = 0.1
_NO_CYCLE = {0xC1, 0xCC, 0xD5}  # VirtualBMC: "invalid data field" for a command that it does not have
_WANTED = {PowerAction.OFF: Power.OFF, PowerAction.ON: Power.ON}
_CLEAR = BootFlags(0, 0)


class IpmiDriver:
    """The power and the boot device of one machine. May be used by several threads.

    `habits` remembers which cipher suite the BMC takes: hand the same dictionary to all drivers of a process. `uefi` is
    how the machine boots, which the override must say. `patience_s` is how long a change may take to read back.
    `connect` opens the sessions' sockets.
    """

    def __init__(
        self,
        login: BmcLogin,
        lock: BmcLock,
        habits: Habits | None = None,
        *,
        uefi: bool = True,
        patience_s: float = _PATIENCE_S,
        sleep: Callable[[float], None] = time.sleep,
        connect: Connect | None = None,
    ) -> None:
        self._login = login
        self._lock = lock
        self._habits = {} if habits is None else habits
        self._uefi = uefi
        self._patience_s = patience_s
        self._sleep = sleep
        self._connect = connect

    def read(self, by: Deadline) -> Power:
        """The power as the BMC reads it now."""
        with self._chassis(by, brief=True) as chassis:
            return chassis.power()

    def switch(self, action: PowerAction, by: Deadline) -> Power:
        """Do `action` and return what the BMC reads afterwards."""
        with self._chassis(by) as chassis:
            before = chassis.power()
            if before is Power.OFF and action in (PowerAction.CYCLE, PowerAction.RESET):
                action = PowerAction.ON
            if action is PowerAction.CYCLE:
                return self._cycle(chassis, by)
            if action is PowerAction.RESET:
                chassis.control(action)
                return self._read_back(chassis, Power.ON, action, by)
            if action is PowerAction.SOFT_OFF:
                return before if before is Power.OFF else self._soft_off(chassis)
            return before if before is _WANTED[action] else self._set(chassis, action, by)

    def read_boot(self, by: Deadline) -> BootOverride:
        """The boot override in force; what a BMC marks invalid is not."""
        with self._chassis(by) as chassis:
            return (chassis.boot_flags() or _CLEAR).override

    def set_boot(self, override: BootOverride, by: Deadline) -> None:
        """Set where the firmware boots from; returns once the device reads back.

        Whether it reads back as once or always is not judged: VirtualBMC and other emulators keep one boot order and
        call it either. VirtualBMC also knows no `default`, so it gets the disk, which is what its machines boot from.
        """
        with self._chassis(by) as chassis:
            kept = self._try_boot(chassis, override)
            if kept and override.device is BootDevice.DEFAULT:
                log.info("BMC keeps a boot device for ever, gets the disk", bmc=self._login.address)
                kept = self._try_boot(chassis, BootOverride(BootDevice.DISK, once=False))
            if kept:
                raise self._lost(override.device, kept)

    def _try_boot(self, chassis: IpmiChassis, override: BootOverride) -> BootFlags | None:
        """Set the override. None when it reads back, else what reads back in its place.

        A BMC that cannot tell its override is believed, and the log says so.
        """
        wanted = BootFlags.of(override, uefi=self._uefi)
        chassis.keep_boot_flags()
        chassis.set_boot_flags(wanted)
        kept = chassis.boot_flags()
        if kept is None:
            log.warning("boot override cannot be read back", bmc=self._login.address, device=override.device)
            return None
        follows = kept.override.device is override.device or _follows(chassis, wanted, kept)
        return None if follows else kept

    def _set(self, chassis: IpmiChassis, action: PowerAction, by: Deadline) -> Power:
        chassis.control(action)
        return self._read_back(chassis, _WANTED[action], action, by)

    @staticmethod
    def _soft_off(chassis: IpmiChassis) -> Power:
        chassis.control(PowerAction.SOFT_OFF)
        return chassis.power()

    def _cycle(self, chassis: IpmiChassis, by: Deadline) -> Power:
        """Off and on. A BMC may read on for a moment before it takes the power away, which nothing tells apart."""
        try:
            chassis.control(PowerAction.CYCLE)
        except CommandRefused as refusal:
            if refusal.code not in _NO_CYCLE:
                raise
            self._set(chassis, PowerAction.OFF, by)
            return self._set(chassis, PowerAction.ON, by)
        return self._read_back(chassis, Power.ON, PowerAction.CYCLE, by)

    def _read_back(self, chassis: IpmiChassis, wanted: Power, action: PowerAction, by: Deadline) -> Power:
        patience = by.within(self._patience_s)
        while (now := chassis.power()) is not wanted:
            if patience.remaining_s <= _READ_AGAIN_S:
                raise BmcMismatch(
                    f"BMC {self._login.address} accepted power '{action}' and still reads {now}",
                    "check the machine's power supplies, its front panel and the BMC's event log",
                )
            self._sleep(_READ_AGAIN_S)
        return now

    def _lost(self, device: BootDevice, kept: BootFlags) -> BmcMismatch:
        return BmcMismatch(
            f"BMC {self._login.address} accepted boot device '{device}' and dropped it"
            f" (it reads '{kept.override.device}')",
            "check that the firmware's setup lets the BMC change the boot order, and the BMC's firmware version",
        )

    @contextmanager
    def _chassis(self, by: Deadline, *, brief: bool = False) -> Iterator[IpmiChassis]:
        with (
            self._lock.hold(self._login.address, by),
            ipmi_session(self._login, self._habits, by, self._connect, brief=brief) as session,
        ):
            yield IpmiChassis(session)


def _follows(chassis: IpmiChassis, wanted: BootFlags, kept: BootFlags) -> bool:
    """Whether the device field obeys although the BMC never marks it valid, as OpenIPMI's ipmi_sim does.

    A device that merely stands there may be left from an earlier boot: it must go and come as it is written.
    """
    if kept.selector != wanted.selector:
        return False
    chassis.set_boot_flags(_CLEAR)
    cleared = chassis.boot_flags()
    chassis.set_boot_flags(wanted)
    again = chassis.boot_flags()
    return cleared is not None and again is not None and not cleared.selector and again.selector == wanted.selector
