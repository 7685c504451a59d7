"""The power of a machine of a MAAS region, and what else MAAS does for one, behind the protocols of a BMC.

MAAS holds the BMC. What it lists of a machine's power may be five minutes old, and what it answers to `power_on` and
`power_off` is the power from before; `query_power_state` asks the BMC. Two things to know of it: an Allocated machine
that is switched on is deployed, and no call restarts a machine. A machine that somebody else has there is not switched.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from bmprov.deadline import Deadline
from bmprov.errors import BmcMismatch, BmcRefused
from bmprov.hardware import Console, ConsoleKind, Health, LogEntry, Sensor
from bmprov.maas import Standing, status_words
from bmprov.power import BootDevice, BootOverride, Power, PowerAction
from worker.maas.errors import MaasBmcFailed
from worker.maas.place import Place

_LOOK_S = 1.0
_RUNS = {Standing.DEPLOYED, Standing.RESCUE}
_LEVELS = {"ERROR": Health.CRITICAL, "CRITICAL": Health.CRITICAL, "WARNING": Health.WARNING}


class MaasPower:
    """Fulfils `bmprov.power.PowerDriver`, save for the boot device, which MAAS keeps to itself."""

    def __init__(self, place: Place, sleep: Callable[[float], None] = time.sleep) -> None:
        self._place = place
        self._sleep = sleep

    def read(self, by: Deadline) -> Power:
        """The power as the BMC tells MAAS now."""
        return self._place.calls.query_power(self._place.system_id, by)

    def switch(self, action: PowerAction, by: Deadline) -> Power:
        """Do `action`; `CYCLE` and `RESET` are off and on again."""
        match action:
            case PowerAction.ON:
                return self._on(by)
            case PowerAction.OFF:
                return self._off(by)
            case PowerAction.SOFT_OFF:
                return self._soft_off(by)
            case PowerAction.CYCLE | PowerAction.RESET:
                self._refuse_to_deploy(by)
                self._off(by)
                return self._on(by)

    def _on(self, by: Deadline) -> Power:
        if self.read(by) is Power.ON:
            return Power.ON
        self._refuse_to_deploy(by)
        self._place.calls.power_on(self._place.system_id, by)
        return self._becomes(Power.ON, by)

    def _off(self, by: Deadline) -> Power:
        if self.read(by) is Power.OFF:
            return Power.OFF
        self._place.mine(by)
        self._place.calls.power_off(self._place.system_id, by, soft=False)
        return self._becomes(Power.OFF, by)

    def _soft_off(self, by: Deadline) -> Power:
        before = self.read(by)
        if before is Power.OFF:
            return before
        self._place.mine(by)
        try:
            self._place.calls.power_off(self._place.system_id, by, soft=True)
        except MaasBmcFailed as error:  # most of MAAS's power drivers know no soft one
            raise BmcRefused(f"MAAS could not ask the operating system to shut down ({error.why})") from error
        return before

    def _refuse_to_deploy(self, by: Deadline) -> None:
        found = self._place.mine(by)
        if found.standing not in _RUNS:
            raise BmcRefused(
                f"{self._place} is {status_words(found.status)}, and MAAS would deploy it or do something else with it",
                "only a deployed machine is switched on",
            )

    def _becomes(self, wanted: Power, by: Deadline) -> Power:
        """Wait until it reads so: MAAS answers before its BMC has."""
        while (found := self.read(by)) is not wanted:
            if by.remaining_s <= _LOOK_S:
                raise BmcMismatch(
                    f"MAAS has switched {self._place} {wanted}, and its BMC says {found}", "look at its events in MAAS"
                )
            self._sleep(_LOOK_S)
        return found

    def read_boot(self, by: Deadline) -> BootOverride:  # noqa: ARG002 - the protocol's
        """MAAS tells nothing of it."""
        raise self._place.cannot("tell the boot device")

    def set_boot(self, override: BootOverride, by: Deadline) -> None:  # noqa: ARG002 - the protocol's
        """MAAS sets it by itself; asking for its own order is asking for nothing."""
        if override.device is not BootDevice.DEFAULT:
            raise self._place.cannot("choose the boot device")


class MaasTools:
    """Fulfils `bmprov.hardware.BmcTools` as far as MAAS does."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def nmi(self, by: Deadline) -> None:  # noqa: ARG002 - the protocol's deadline; nobody is asked
        """MAAS cannot."""
        raise self._place.cannot("send an NMI")

    def identify(self, seconds: int, by: Deadline) -> bool:  # noqa: ARG002 - as above
        """MAAS cannot."""
        raise self._place.cannot("light the locator")

    def sensors(self, by: Deadline) -> Sequence[Sensor]:  # noqa: ARG002 - as above
        """MAAS cannot."""
        raise self._place.cannot("read sensors")

    def event_log(self, most: int, by: Deadline) -> Sequence[LogEntry]:
        """MAAS's own events of the machine, newest first."""
        found = self._place.calls.events(self._place.system_id, most, by)
        return [LogEntry(_clock(one.at), _LEVELS.get(one.level.upper(), Health.OK), one.text) for one in found]

    def clear_event_log(self, by: Deadline) -> None:  # noqa: ARG002 - as above
        """MAAS cannot."""
        raise self._place.cannot("empty its events")

    def reset_bmc(self, by: Deadline) -> None:  # noqa: ARG002 - as above
        """MAAS cannot."""
        raise self._place.cannot("restart a BMC")

    def hardware(self, by: Deadline) -> Mapping[str, str]:
        """What MAAS found when it commissioned the machine."""
        return self._place.calls.machine(self._place.system_id, by).hardware

    def macs(self, by: Deadline) -> Sequence[str]:
        """The MACs of its physical interfaces."""
        return [nic.mac for nic in self._place.calls.machine(self._place.system_id, by).nics]

    def firmware(self, by: Deadline) -> Mapping[str, str]:
        """Versions that MAAS found when it commissioned the machine."""
        found = self._place.calls.machine(self._place.system_id, by).hardware
        return {name: fact for name, fact in found.items() if "version" in name or "firmware" in name}

    def console(self, by: Deadline) -> Console:  # noqa: ARG002 - as above
        """MAAS has none to give."""
        return Console(ConsoleKind.NONE)


def _clock(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
