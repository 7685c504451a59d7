"""Power and boot device over Redfish, each change read back. Fulfils `bmprov.power.PowerDriver` with sushy.

DSP0266, and the schema ComputerSystem (DSP2046). Once a session is there, a reading is one request.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from sushy.exceptions import AccessError, BadRequestError, HTTPError, SushyError
from sushy.resources.constants import ResetType

from bmprov.deadline import Deadline
from bmprov.errors import BmcMismatch, BmcRefused, BmprovError
from bmprov.power import BmcLogin, BootOverride, Power, PowerAction
from worker.drivers.bmc_lock import BmcLock
from worker.drivers.redfish_boot import BootSetting, read_override
from worker.drivers.redfish_session import SessionMemory, readable, redfish_system
from worker.drivers.redfish_system import ComputerSystem

log = structlog.get_logger()

_PATIENCE_S = 5.0
_READ_AGAIN_S = 0.25
_RESETS = {
    PowerAction.ON: (ResetType.ON, ResetType.FORCE_ON, ResetType.PUSH_POWER_BUTTON),
    PowerAction.OFF: (ResetType.FORCE_OFF,),
    PowerAction.SOFT_OFF: (ResetType.GRACEFUL_SHUTDOWN, ResetType.PUSH_POWER_BUTTON),
    PowerAction.CYCLE: (ResetType.POWER_CYCLE,),
    PowerAction.RESET: (ResetType.FORCE_RESTART, ResetType.POWER_CYCLE),
}
"""What may be sent for an action: the first that the BMC says it has. Off and on does for a cycle or a reset that it
has not; a graceful restart does not, for a system that hangs would never do it."""


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
        self._mode = "UEFI" if uefi else "Legacy"
        self._patience_s = patience_s
        self._sleep = sleep

    def read(self, by: Deadline) -> Power:
        """The power as the BMC reads it now; unknown while it says that it changes."""
        with self._system(by) as system:
            return system.power

    def switch(self, action: PowerAction, by: Deadline) -> Power:
        """Do `action` and return what the BMC reads afterwards."""
        with self._system(by) as system:
            return self._switch(system, action, by)

    def read_boot(self, by: Deadline) -> BootOverride:
        """The boot override in force."""
        with self._system(by) as system:
            return read_override(system)

    def set_boot(self, override: BootOverride, by: Deadline) -> None:
        """Set where the firmware boots from; returns once the device reads back (`worker.drivers.redfish_boot`)."""
        with self._system(by) as system:
            patience = by.within(self._patience_s)
            BootSetting(system, self._login.address, self._mode, patience, self._sleep).set(override)

    def _switch(self, system: ComputerSystem, action: PowerAction, by: Deadline) -> Power:
        before = system.power
        if before is Power.OFF and action in (PowerAction.CYCLE, PowerAction.RESET):
            action = PowerAction.ON
        if action is PowerAction.SOFT_OFF:
            return before if before is Power.OFF else self._soft_off(system)
        if action in (PowerAction.CYCLE, PowerAction.RESET) and self._value(system, action) is None:
            return self._off_and_on(system, action, by)
        wanted = Power.OFF if action is PowerAction.OFF else Power.ON
        if before is wanted and action in (PowerAction.ON, PowerAction.OFF):
            return before
        try:
            return self._settle(system, action, wanted, by)
        except BadRequestError:
            if system.tells_resets or action not in (PowerAction.CYCLE, PowerAction.RESET):
                raise
            return self._off_and_on(system, action, by)

    def _soft_off(self, system: ComputerSystem) -> Power:
        try:
            self._press(system, PowerAction.SOFT_OFF)
        except HTTPError as error:
            if isinstance(error, AccessError) or self._read(system) is not Power.OFF:
                raise
        return self._read(system)

    def _off_and_on(self, system: ComputerSystem, action: PowerAction, by: Deadline) -> Power:
        """For a BMC that cannot do it in one. What fails in between says that the machine is off now."""
        for half in (PowerAction.OFF, PowerAction.ON):
            if self._value(system, half, sure=True) is None:
                raise self._cannot(system, action)
        self._settle(system, PowerAction.OFF, Power.OFF, by)
        try:
            return self._settle(system, PowerAction.ON, Power.ON, by)
        except (BmprovError, SushyError) as error:
            log.warning("machine is left off", bmc=self._login.address, action=action)
            raise BmcMismatch(
                f"BMC {self._login.address} has switched the machine off for a power {action} and not on again"
                f" ({readable(error)})",
                "switch it on when the BMC answers again",
            ) from error

    def _settle(self, system: ComputerSystem, action: PowerAction, wanted: Power, by: Deadline) -> Power:
        """Press, and return once the power reads as it should.

        A refusal because the machine is there already, or is on its way, is none; another is told after that.
        """
        refusal: HTTPError | None = None
        try:
            self._press(system, action)
        except HTTPError as error:
            if isinstance(error, AccessError) or action in (PowerAction.CYCLE, PowerAction.RESET):
                raise
            refusal = error
        patience = by.within(self._patience_s)
        while (now := self._read(system)) is not wanted:
            if patience.remaining_s <= _READ_AGAIN_S:
                raise refusal or BmcMismatch(
                    f"BMC {self._login.address} accepted power '{action}' and still reads {now}",
                    "check the machine's power supplies, its front panel and the BMC's event log",
                )
            self._sleep(_READ_AGAIN_S)
        return now

    def _press(self, system: ComputerSystem, action: PowerAction) -> None:
        value = self._value(system, action, sure=system.power is not Power.UNKNOWN)
        if value is None:
            raise self._cannot(system, action)
        system.press(value)

    @staticmethod
    def _value(system: ComputerSystem, action: PowerAction, *, sure: bool = False) -> ResetType | None:
        """What to send for an action. The power button does it, or the opposite: only if one is sure of the power."""
        return next(
            (
                one
                for one in _RESETS[action]
                if one in system.resets and (sure or one is not ResetType.PUSH_POWER_BUTTON)
            ),
            None,
        )

    def _cannot(self, system: ComputerSystem, action: PowerAction) -> BmcRefused:
        offered = ", ".join(sorted(one.value for one in system.resets))
        return BmcRefused(
            f"BMC {self._login.address} has no power '{action}' (it has {offered})", "do it at the machine"
        )

    @staticmethod
    def _read(system: ComputerSystem) -> Power:
        system.refresh()
        return system.power

    @contextmanager
    def _system(self, by: Deadline) -> Iterator[ComputerSystem]:
        with self._lock.hold(self._login.address, by), redfish_system(self._login, self._memory, by) as system:
            yield system
