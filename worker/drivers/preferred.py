"""A machine with two BMCs, or with one by two protocols: the first is asked, and the second when it does not answer.

Only silence is a reason to turn to the second: a BMC that refuses, or reads back something else, has answered.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from bmprov.deadline import Deadline
from bmprov.errors import BmcUnreachable, BmprovError
from bmprov.hardware import BmcTools, Console, ConsoleKind, LogEntry, Sensor
from bmprov.power import BootOverride, Power, PowerAction, PowerDriver

log = structlog.get_logger()

_T = TypeVar("_T")
_D = TypeVar("_D")


@dataclass(frozen=True)
class PreferredDriver:
    """Fulfils `bmprov.power.PowerDriver` by one of two; the first gets half of the time."""

    name: str
    first: PowerDriver
    second: PowerDriver

    def read(self, by: Deadline) -> Power:
        """The power as a BMC reads it now."""
        return self._ask(lambda driver, part: driver.read(part), by)

    def switch(self, action: PowerAction, by: Deadline) -> Power:
        """Do `action` and return what the BMC reads afterwards.

        A BMC that has fallen silent may have done it before: what the other one reads first decides, and a cycle or a
        reset may be one too many, never one too few.
        """
        return self._ask(lambda driver, part: driver.switch(action, part), by)

    def read_boot(self, by: Deadline) -> BootOverride:
        """The boot override in force."""
        return self._ask(lambda driver, part: driver.read_boot(part), by)

    def set_boot(self, override: BootOverride, by: Deadline) -> None:
        """Set where the firmware boots from."""
        self._ask(lambda driver, part: driver.set_boot(override, part), by)

    def _ask(self, act: Callable[[PowerDriver, Deadline], _T], by: Deadline) -> _T:
        return _either(self.name, self.first, self.second, act, by)


@dataclass(frozen=True)
class PreferredTools:
    """Fulfils `bmprov.hardware.BmcTools` by one of two; the first gets half of the time."""

    name: str
    first: BmcTools
    second: BmcTools

    def nmi(self, by: Deadline) -> None:
        """Send a non-maskable interrupt."""
        self._ask(lambda tools, part: tools.nmi(part), by)

    def identify(self, seconds: int, by: Deadline) -> bool:
        """Light the machine's locator."""
        return self._ask(lambda tools, part: tools.identify(seconds, part), by)

    def sensors(self, by: Deadline) -> Sequence[Sensor]:
        """All sensors that have a reading."""
        return self._ask(lambda tools, part: tools.sensors(part), by)

    def event_log(self, most: int, by: Deadline) -> Sequence[LogEntry]:
        """The newest entries of the event log."""
        return self._ask(lambda tools, part: tools.event_log(most, part), by)

    def clear_event_log(self, by: Deadline) -> None:
        """Empty the event log."""
        self._ask(lambda tools, part: tools.clear_event_log(part), by)

    def reset_bmc(self, by: Deadline) -> None:
        """Restart the BMC itself."""
        self._ask(lambda tools, part: tools.reset_bmc(part), by)

    def hardware(self, by: Deadline) -> Mapping[str, str]:
        """What the machine is."""
        return self._ask(lambda tools, part: tools.hardware(part), by)

    def macs(self, by: Deadline) -> Sequence[str]:
        """The MACs of the machine's NICs."""
        return self._ask(lambda tools, part: tools.macs(part), by)

    def firmware(self, by: Deadline) -> Mapping[str, str]:
        """Versions by component."""
        return self._ask(lambda tools, part: tools.firmware(part), by)

    def console(self, by: Deadline) -> Console:
        """The serial console of whichever has one, else what the first has to offer."""
        first = self._ask(lambda tools, part: tools.console(part), by)
        if first.serial:
            return first
        try:
            second = self.second.console(by)
        except BmprovError as error:
            log.info("the second BMC does not tell of its console", machine=self.name, error=str(error))
            return first
        return second if second.serial or first.kind is ConsoleKind.NONE else first

    def _ask(self, act: Callable[[BmcTools, Deadline], _T], by: Deadline) -> _T:
        return _either(self.name, self.first, self.second, act, by)


def _either(name: str, first: _D, second: _D, act: Callable[[_D, Deadline], _T], by: Deadline) -> _T:
    try:
        return act(first, by.within(by.remaining_s / 2))
    except BmcUnreachable as silence:
        log.info("the first BMC does not answer, asking the second", machine=name, error=str(silence))
        try:
            return act(second, by)
        except BmcUnreachable as error:
            raise BmcUnreachable(f"{silence.why}, and {error.why}", error.check) from error
