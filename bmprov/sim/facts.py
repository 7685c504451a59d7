"""What a simulated machine says of itself."""

import uuid
from dataclasses import dataclass

from bmprov.model import BootMode

VENDOR, MODEL = "bmprov", "Simulated machine"
"""Who made all simulated machines, and what they are."""


@dataclass(frozen=True)
class MachineFacts:
    """What a BMC tells of its machine. `macs` are those of its NICs, in their order."""

    name: str
    macs: tuple[str, ...] = ()
    cpus: int = 4
    memory_mib: int = 8192
    boot_mode: BootMode = BootMode.UEFI

    @property
    def uuid(self) -> str:
        """The same at each start."""
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.name}.bmprov.invalid"))

    @property
    def bmc_uuid(self) -> str:
        """The BMC's, as lasting as the machine's."""
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"bmc.{self.name}.bmprov.invalid"))

    @property
    def bmc_mac(self) -> str:
        """A locally administered address of the BMC's own."""
        return ":".join(f"{byte:02x}" for byte in (2, *uuid.UUID(self.bmc_uuid).bytes[:5]))

    @property
    def serial_number(self) -> str:
        """Twelve letters and digits."""
        return f"SIM{uuid.UUID(self.uuid).hex[:9].upper()}"
