"""Which machines a list shows."""

from pydantic import Field

from bmprov.api.shapes.base import Label, Line
from bmprov.api.shapes.page import PageQuery, one_more
from bmprov.lifecycle import State
from bmprov.power import Power
from bmprov.store.machine_search import MachineSearch

MACHINES = "machines"
"""The list, in its cursors."""


class MachineFilter(PageQuery):
    """Which machines to list."""

    site: Label | None = None
    zone: Line | None = Field(None, description="empty: those that are in none")
    rack: Line | None = Field(None, description="empty: those that are in none")
    state: State | None = None
    power: Power | None = Field(None, description="what was read last, however long ago")
    maintenance: bool | None = None
    tag: Label | None = None
    q: Line = Field("", description="a piece of a name, MAC, BMC address, or instance's name or id, in any case")

    def to_search(self) -> MachineSearch:
        """The machines as they are looked for."""
        begin = self.key(MACHINES, str)
        return MachineSearch(
            site=self.site or "",
            zone=self.zone,
            rack=self.rack,
            state=self.state,
            power=self.power,
            maintenance=self.maintenance,
            tag=self.tag or "",
            text=self.q,
            after=str(begin[0]) if begin else "",
            limit=one_more(self.limit),
        )
