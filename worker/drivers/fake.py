"""A power driver without hardware, for machines whose BMC is `fake://NAME`.

It measures what the control plane costs by itself, and lets an operator rehearse. It remembers nothing: the machine's
last reading is its power.
"""

from collections.abc import Mapping, Sequence

from bmprov.deadline import Deadline
from bmprov.hardware import Console, ConsoleKind, LogEntry, Sensor
from bmprov.power import BootDevice, BootOverride, Power, PowerAction


class FakeDriver:
    """Does what it is asked, at once."""

    def __init__(self, power: Power) -> None:
        self._power = Power.OFF if power is Power.UNKNOWN else power
        self._boot = BootOverride(BootDevice.DEFAULT, once=False)

    def read(self, by: Deadline) -> Power:  # noqa: ARG002 - the protocol's deadline; nothing here takes time
        """The power."""
        return self._power

    def switch(self, action: PowerAction, by: Deadline) -> Power:  # noqa: ARG002 - as above
        """Do `action`."""
        self._power = Power.OFF if action in (PowerAction.OFF, PowerAction.SOFT_OFF) else Power.ON
        return self._power

    def read_boot(self, by: Deadline) -> BootOverride:  # noqa: ARG002 - as above
        """The boot override."""
        return self._boot

    def set_boot(self, override: BootOverride, by: Deadline) -> None:  # noqa: ARG002 - as above
        """Set the boot override."""
        self._boot = override


class FakeTools:
    """A BMC with nothing to tell."""

    def nmi(self, by: Deadline) -> None:
        """Nothing."""

    def identify(self, seconds: int, by: Deadline) -> bool:  # noqa: ARG002 - as above
        """Nothing."""
        return True

    def sensors(self, by: Deadline) -> Sequence[Sensor]:  # noqa: ARG002 - as above
        """None."""
        return []

    def event_log(self, most: int, by: Deadline) -> Sequence[LogEntry]:  # noqa: ARG002 - as above
        """Nothing."""
        return []

    def clear_event_log(self, by: Deadline) -> None:
        """Nothing."""

    def reset_bmc(self, by: Deadline) -> None:
        """Nothing."""

    def hardware(self, by: Deadline) -> Mapping[str, str]:  # noqa: ARG002 - as above
        """That it is none."""
        return {"manufacturer": "none: this machine's BMC is fake://"}

    def macs(self, by: Deadline) -> Sequence[str]:  # noqa: ARG002 - as above
        """None."""
        return []

    def console(self, by: Deadline) -> Console:  # noqa: ARG002 - as above
        """None."""
        return Console(ConsoleKind.NONE)

    def firmware(self, by: Deadline) -> Mapping[str, str]:  # noqa: ARG002 - as above
        """None."""
        return {}


class FakeMedia:
    """A virtual CD that nothing boots from."""

    def __init__(self) -> None:
        self._name = ""

    def read(self, by: Deadline) -> str:  # noqa: ARG002 - as above
        """The name of what is in it."""
        return self._name

    def insert(self, url: str, by: Deadline) -> None:  # noqa: ARG002 - as above
        """Put an image into it."""
        self._name = url.rpartition("/")[2]

    def eject(self, by: Deadline) -> None:  # noqa: ARG002 - as above
        """Empty it."""
        self._name = ""
