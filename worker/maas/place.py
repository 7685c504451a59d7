"""A machine of a MAAS region, as flows and drivers hold it."""

from dataclasses import dataclass

from bmprov.errors import BmcRefused
from bmprov.model import Region
from worker.maas.calls import MaasRegion


@dataclass(frozen=True)
class Place:
    """A machine of a MAAS region: where it is, and how the region is called."""

    region: Region
    calls: MaasRegion
    system_id: str

    def __str__(self) -> str:
        """As people look for it."""
        return f"machine {self.system_id} of MAAS region '{self.region.name}'"

    def cannot(self, what: str) -> BmcRefused:
        """What MAAS has no call for."""
        return BmcRefused(f"MAAS cannot {what}", f"use the BMC of {self} by itself")
