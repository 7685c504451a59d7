"""Power and boot device over Redfish, each change read back. Fulfils `bmprov.power.PowerDriver` with sushy.

DSP0266, and the schema ComputerSystem (DSP2046). Once a session is there, a reading is one request.
"""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import structlog
from sushy.exceptions import AccessError, HTTPError, InvalidParameterValueError, SushyError
from sushy.resources.constants import PowerState, ResetType
from sushy.resources.system.constants import (
    BootSource,
    BootSourceOverrideEnabled,
    BootSourceOverrideMode,
)
from sushy.resources.system.system import System

from bmprov.deadline import Deadline
from bmprov.errors import BmcMismatch, BmcRefused
from bmprov.power import BmcLogin, BootDevice, BootOverride, Power, PowerAction
from worker.drivers.bmc_lock import BmcLock
from worker.drivers.redfish_session import SessionExpired, SessionMemory, redfish_system

log = structlog.get_logger()

_PATIENCE_S = 5.0
_READ_AGAIN_S = 0.25
_T = TypeVar("_T")

_POWERS = {PowerState.ON: Power.ON, PowerState.OFF: Power.OFF}
_SOURCES = {BootDevice.NETWORK: BootSource.PXE, BootDevice.DISK: BootSource.HDD}
_DEVICES = {
    BootSource.PXE: BootDevice.NETWORK,
    BootSource.UEFI_HTTP: BootDevice.NETWORK,
    BootSource.HDD: BootDevice.DISK,
}
_RESETS = {
    PowerAction.ON: (ResetType.ON, ResetType.FORCE_ON, ResetType.PUSH_POWER_BUTTON),
    PowerAction.OFF: (ResetType.FORCE_OFF,),
    PowerAction.SOFT_OFF: (ResetType.GRACEFUL_SHUTDOWN, ResetType.PUSH_POWER_BUTTON),
    PowerAction.CYCLE: (ResetType.POWER_CYCLE,),
    PowerAction.RESET: (ResetType.FORCE_RESTART, ResetType.GRACEFUL_RESTART),
}
"""What may be sent for an action: the first that the BMC says it has."""


class RedfishDriver:
    """The power and the boot device of one machine. May be used by several threads.

    `memory` remembers the BMC's session: hand the same one to all drivers. `uefi` is how the machine boots, which some
    BMCs forget when it is not said with each override. `patience_s` is how long a change may take to read back.
    """

    def __init__(
        self,
        login: BmcLogin,
        lock: BmcLock,
        memory: SessionMemory,
        *,
        uefi: bool = True,
        patience_s: float = _PATIENCE_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._login = login
        self._lock = lock
        self._memory = memory
        self._uefi = uefi
        self._patience_s = patience_s
        self._sleep = sleep

    def read(self, by: Deadline) -> Power:
        """The power as the BMC reads it now; unknown while it says that it changes."""
        return self._with_system(_power, by)

    def switch(self, action: PowerAction, by: Deadline) -> Power:
        """Do `action` and return what the BMC reads afterwards."""
        return self._with_system(lambda system: self._switch(system, action, by), by)

    def read_boot(self, by: Deadline) -> BootOverride:
        """The boot override in force."""
        return self._with_system(_override, by)

    def set_boot(self, override: BootOverride, by: Deadline) -> None:
        """Set where the firmware boots from; returns once the device reads back.

        BMCs differ in what they want to hear. So what is most likely right is sent first, the answer is not believed,
        and only what reads back counts: iDRAC 8 sets the device and answers 400.
        """
        self._with_system(lambda system: self._set_boot(system, override), by)

    def _switch(self, system: System, action: PowerAction, by: Deadline) -> Power:
        before = _power(system)
        if before is Power.OFF and action in (PowerAction.CYCLE, PowerAction.RESET):
            action = PowerAction.ON
        if action is PowerAction.SOFT_OFF:
            if before is not Power.OFF:
                self._press(system, action, Power.OFF)
            return self._read(system)
        if action is PowerAction.CYCLE and not _has(system, PowerAction.CYCLE):
            before = self._settle(system, PowerAction.OFF, Power.OFF, by)
            action = PowerAction.ON
        wanted = Power.OFF if action is PowerAction.OFF else Power.ON
        if before is wanted and action in (PowerAction.ON, PowerAction.OFF):
            return before
        return self._settle(system, action, wanted, by)

    def _settle(self, system: System, action: PowerAction, wanted: Power, by: Deadline) -> Power:
        """Press, and return once the power reads as it should."""
        self._press(system, action, wanted)
        patience = by.within(self._patience_s)
        while (now := self._read(system)) is not wanted:
            if patience.remaining_s <= _READ_AGAIN_S:
                raise BmcMismatch(
                    f"BMC {self._login.address} accepted power '{action}' and still reads {now}",
                    "check the machine's power supplies, its front panel and the BMC's event log",
                )
            self._sleep(_READ_AGAIN_S)
        return now

    def _press(self, system: System, action: PowerAction, wanted: Power) -> None:
        """Send it. A refusal because the machine is there already, or is on its way, is none."""
        allowed = system.get_allowed_reset_system_values()
        value = next((one for one in _RESETS[action] if one in allowed), None)
        if value is None:
            offered = ", ".join(sorted(one.value for one in allowed))
            raise BmcRefused(
                f"BMC {self._login.address} has no power '{action}' (it has {offered})", "do it at the machine"
            )
        try:
            system.reset_system(value)
        except HTTPError as error:
            repeats = action in (PowerAction.CYCLE, PowerAction.RESET)
            if isinstance(error, AccessError) or repeats or self._read(system) is not wanted:
                raise

    def _set_boot(self, system: System, override: BootOverride) -> None:
        kept, refusal = self._try_boot(system, override)
        if kept is not override.device and override.device is BootDevice.DEFAULT:
            log.info("BMC keeps a boot device for ever, gets the disk", bmc=self._login.address)
            override = BootOverride(BootDevice.DISK, once=False)
            kept, refusal = self._try_boot(system, override)
        if kept is override.device:
            return
        if refusal:
            raise refusal
        raise BmcMismatch(
            f"BMC {self._login.address} accepted boot device '{override.device}' and dropped it (it reads '{kept}')",
            "check that the firmware's setup lets the BMC change the boot order, and the BMC's firmware version",
        )

    def _try_boot(self, system: System, override: BootOverride) -> tuple[BootDevice, SushyError | None]:
        """What reads back in the end, and what the BMC has refused last."""
        refusal: SushyError | None = None
        for attempt in self._attempts(system, override):
            try:
                system.set_system_boot_options(**attempt)
            except AccessError:
                raise
            except (HTTPError, InvalidParameterValueError) as error:
                refusal = error
            system.refresh()
            if (kept := _override(system).device) is override.device:
                break
            log.info("boot override does not read back", bmc=self._login.address, sent=str(attempt), kept=kept)
        return kept, refusal

    def _attempts(self, system: System, override: BootOverride) -> Iterator[dict[str, object]]:
        """What to send, one after the other, until one is kept."""
        mode = BootSourceOverrideMode.UEFI if self._uefi else BootSourceOverrideMode.LEGACY
        told = system.boot.mode if system.boot else None
        modes = [{"mode": mode}, {}] if told is not None else [{}]
        often = [BootSourceOverrideEnabled.ONCE, BootSourceOverrideEnabled.CONTINUOUS]
        if override.device is BootDevice.DEFAULT:
            for more in modes:
                yield {"target": BootSource.NONE, "enabled": BootSourceOverrideEnabled.DISABLED, **more}
            for more in modes:  # HPE's iLO wants no target with it
                yield {"enabled": BootSourceOverrideEnabled.DISABLED, **more}
            return
        for enabled in often if override.once else often[::-1]:
            for more in modes:
                yield {"target": _SOURCES[override.device], "enabled": enabled, **more}

    @staticmethod
    def _read(system: System) -> Power:
        system.refresh()
        return _power(system)

    def _with_system(self, act: Callable[[System], _T], by: Deadline) -> _T:
        with self._lock.hold(self._login.address, by):
            try:
                with redfish_system(self._login, self._memory, by) as system:
                    return act(system)
            except SessionExpired:
                with redfish_system(self._login, self._memory, by) as system:
                    return act(system)


def _power(system: System) -> Power:
    return _POWERS.get(system.power_state, Power.UNKNOWN)


def _has(system: System, action: PowerAction) -> bool:
    return not system.get_allowed_reset_system_values().isdisjoint(_RESETS[action])


def _override(system: System) -> BootOverride:
    boot = system.boot
    enabled = boot.enabled if boot else None
    if enabled in (None, BootSourceOverrideEnabled.DISABLED):
        return BootOverride(BootDevice.DEFAULT, once=False)
    device = _DEVICES.get(boot.target, BootDevice.DEFAULT)
    return BootOverride(device, once=enabled is BootSourceOverrideEnabled.ONCE)
