"""A machine with two BMCs, or with one by two protocols: the first is asked, and the second when it does not answer.

Only silence is a reason to turn to the second: a BMC that refuses, or reads back something else, has answered.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from bmprov.deadline import Deadline
from bmprov.errors import BmcUnreachable
from bmprov.power import BootOverride, Power, PowerAction, PowerDriver

log = structlog.get_logger()

_T = TypeVar("_T")


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
        try:
            return act(self.first, by.within(by.remaining_s / 2))
        except BmcUnreachable as silence:
            log.info("the first BMC does not answer, asking the second", machine=self.name, error=str(silence))
            try:
                return act(self.second, by)
            except BmcUnreachable as error:
                raise BmcUnreachable(f"{silence.why}, and {error.why}", error.check) from error
