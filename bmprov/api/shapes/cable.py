"""Cables: which port of a switch each NIC is said to be on, by whom, and which holds."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints

from bmprov.api.shapes.base import Key, Label, Line, Reply, Request, moment
from bmprov.api.shapes.page import PageOut, PageQuery
from bmprov.cabling import Fact, NicCabling, PortPlace, Source
from bmprov.mac import spelt
from bmprov.model import Machine, Nic
from bmprov.orders import Entered, MachineCable, NicPort

LONGEST_FILE = 5000

NicKey = Annotated[Key, AfterValidator(lambda text: spelt(text) or text)]
"""A NIC of a machine: its MAC, or its position."""

Port = Annotated[Line, StringConstraints(min_length=1), Field(description="in full, as the switch itself writes it")]
Aggregate = Annotated[Line, Field(description="the interface of the link aggregation that the port belongs to")]


class CableIn(Request):
    """The port that a NIC is cabled to."""

    switch: Label
    port: Port
    aggregate: Aggregate = ""

    def to_order(self, nic: str) -> NicPort:
        """The cable of a NIC as it is ordered."""
        return NicPort(nic, self.switch, self.port, self.aggregate)


class FileCableIn(CableIn):
    """One cable of a file."""

    machine: Label
    nic: NicKey = Field(description="its MAC, or its position")


class CableFileIn(Request):
    """All cables of a file, which are entered as a whole."""

    cables: list[FileCableIn] = Field(min_length=1, max_length=LONGEST_FILE)

    def to_order(self) -> list[MachineCable]:
        """The cables as they are ordered."""
        return [MachineCable(one.machine, one.to_order(one.nic)) for one in self.cables]


class CableFileOut(Reply):
    """What was done with a file. `unchanged` stood there just so, and were left alone with their time."""

    entered: int
    unchanged: int

    @classmethod
    def of(cls, entered: Entered) -> Self:
        """The same."""
        return cls(entered=entered.entered, unchanged=entered.unchanged)


class CableFilter(PageQuery):
    """Which NICs to list: of a machine (all of its NICs), said to be on a switch, with conflicts only."""

    machine: Label | None = None
    switch: Label | None = None
    conflicts: bool = False


class PlaceOut(Reply):
    """A port of one of our switches."""

    switch: str
    port: str
    aggregate: str | None

    @classmethod
    def of(cls, place: PortPlace) -> Self:
        """The same."""
        return cls(switch=place.switch.name, port=place.port, aggregate=place.aggregate or None)


class FactOut(Reply):
    """What somebody says of a cable: in words, and as a port of ours if it means one."""

    source: Source
    words: str
    at: datetime
    by: str | None
    place: PlaceOut | None

    @classmethod
    def of(cls, fact: Fact) -> Self:
        """The same."""
        place = PlaceOut.of(fact.place) if fact.place else None
        return cls(source=fact.source, words=fact.words, at=moment(fact.at), by=fact.by or None, place=place)


class CablingOut(Reply):
    """What is known of a NIC's cable. `place` holds; with `conflicts` nothing does."""

    place: PlaceOut | None
    conflicts: list[str]
    facts: list[FactOut]

    @classmethod
    def of(cls, cabling: NicCabling) -> Self:
        """The same."""
        place = PlaceOut.of(cabling.place) if cabling.place else None
        return cls(place=place, conflicts=list(cabling.conflicts), facts=list(map(FactOut.of, cabling.facts)))


class CableOut(CablingOut):
    """A NIC, and what is known of its cable."""

    machine: str
    mac: str
    position: int
    netboot: bool

    @classmethod
    def at(cls, machine: Machine, nic: Nic, cabling: NicCabling) -> Self:
        """The cable of a machine's NIC."""
        known = vars(CablingOut.of(cabling))
        return cls(machine=machine.name, mac=nic.mac, position=nic.position, netboot=nic.netboot, **known)


class CableList(PageOut):
    """NICs by machine and position. Without the filter `machine`, only those of which something is said."""

    cables: list[CableOut]
