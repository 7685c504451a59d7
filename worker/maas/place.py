"""A machine of a MAAS region, as flows and drivers hold it."""

from dataclasses import dataclass

from bmprov.deadline import Deadline
from bmprov.errors import BmcRefused
from bmprov.maas import MaasMachine
from bmprov.model import Region
from worker.maas.calls import MaasRegion


@dataclass(frozen=True)
class Place:
    """A machine of a MAAS region: where it is, how the region is called, and the instance that has it, if any."""

    region: Region
    calls: MaasRegion
    system_id: str
    instance_id: str = ""

    def __str__(self) -> str:
        """As people look for it."""
        return f"machine {self.system_id} of MAAS region '{self.region.name}'"

    def mine(self, by: Deadline) -> MaasMachine:
        """The machine, which is about to be changed.

        Raises:
            BmcRefused: it is somebody else's in MAAS.
        """
        if not self.instance_id:
            found = self.calls.machine(self.system_id, by)
            if found.owner:
                raise BmcRefused(f"{self} is owned by {found.owner}", "it must be released in MAAS first")
            return found
        ours = self.calls.allocated_to(self.system_id, self.instance_id, by)
        if ours is None:
            raise BmcRefused(
                f"{self} is not this instance's any more: somebody has released, taken or deleted it there",
                "look at its events in MAAS",
            )
        return ours

    def cannot(self, what: str) -> BmcRefused:
        """What MAAS has no call for."""
        return BmcRefused(f"MAAS cannot {what}", f"use the BMC of {self} by itself")
