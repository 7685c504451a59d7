"""What a simulated machine's sensors measure, whatever its BMC speaks: plausible figures that follow its power.

Two machines of the same make read a little differently, as real ones do.
"""

import zlib
from dataclasses import dataclass

from bmprov.power import Power
from bmprov.sim.chassis import Chassis
from bmprov.sim.facts import MachineFacts

FANS = 4
_STANDBY_W, _IDLE_W, _WATTS_A_CPU = 14, 85, 9


@dataclass(frozen=True, slots=True)
class Readings:
    """The figures now. `chassis` is seen through the BMC's faults."""

    chassis: Chassis
    facts: MachineFacts

    @property
    def is_on(self) -> bool:
        """Whether the machine has power; without, its fans stand still."""
        return self.chassis.power is Power.ON

    @property
    def inlet_celsius(self) -> float:
        """The air that comes in."""
        return 21 + self._own / 2

    @property
    def cpu_celsius(self) -> float:
        """The processor."""
        return 44 + self._own if self.is_on else self.inlet_celsius + 3

    def fan_rpm(self, number: int) -> int:
        """The fan with this number, from 0 on."""
        return 4200 + 60 * self._own + 30 * number if self.is_on else 0

    @property
    def watts(self) -> int:
        """What is drawn from both power supplies."""
        return _IDLE_W + _WATTS_A_CPU * self.facts.cpus + 3 * self._own if self.is_on else _STANDBY_W

    @property
    def main_volts(self) -> float:
        """The 12 V rail."""
        return 12.05 if self.is_on else 0.0

    @property
    def standby_volts(self) -> float:
        """The 5 V standby rail, from which the BMC lives."""
        return 5.02

    @property
    def _own(self) -> int:
        """A number from 0 to 7 of this machine's own."""
        return zlib.crc32(self.facts.name.encode()) % 8
