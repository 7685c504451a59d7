"""A power driver without hardware, for machines whose BMC is `fake://NAME`.

It measures what the control plane costs by itself, and lets an operator rehearse. It remembers nothing: the machine's
last reading is its power.
"""

from bmprov.deadline import Deadline
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
