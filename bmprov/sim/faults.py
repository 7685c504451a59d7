"""What can go wrong with a simulated BMC, settable while it runs."""

from collections.abc import Callable
from dataclasses import dataclass

from bmprov.power import Power, PowerAction
from bmprov.sim.chassis import BootFlags, Chassis, Drive
from bmprov.sim.serial_port import SerialPort

Later = Callable[[float, Callable[[], None]], object]
"""Calls a function after some seconds, as `asyncio.AbstractEventLoop.call_later` does."""


@dataclass
class BmcFaults:
    """The faults of one BMC; as made, it has none. Change a field and the next packet meets it."""

    silent: bool = False
    """Answers nothing, not even a ping."""
    slow_s: float = 0.0
    """Every answer takes this long."""
    refuses_sessions: bool = False
    """Says that it has no session left."""
    drops_boot: bool = False
    """Accepts a boot override and forgets it."""
    power_takes_s: float = 0.0
    """A power change takes this long; until then the old power is read."""
    power_stuck: bool = False
    """Accepts a power change and never does it."""
    lies: Power | None = None
    """Reads this power, whatever the machine does."""


class FaultyChassis:
    """A chassis seen through the faults of its BMC."""

    def __init__(self, chassis: Chassis, faults: BmcFaults, later: Later) -> None:
        self._chassis = chassis
        self._faults = faults
        self._later = later

    @property
    def power(self) -> Power:
        """What the BMC says the power is."""
        return self._faults.lies or self._chassis.power

    @property
    def boot(self) -> BootFlags:
        """The boot flags; with `drops_boot`, flags that nobody keeps."""
        return BootFlags() if self._faults.drops_boot else self._chassis.boot

    @property
    def serial(self) -> SerialPort:
        """The serial port."""
        return self._chassis.serial

    @property
    def drive(self) -> Drive:
        """The virtual CD."""
        return self._chassis.drive

    def press(self, action: PowerAction) -> None:
        """Do `action`, later or never as the faults have it."""
        if self._faults.power_stuck:
            return
        if self._faults.power_takes_s:
            self._later(self._faults.power_takes_s, lambda: self._chassis.press(action))
        else:
            self._chassis.press(action)
