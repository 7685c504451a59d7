"""A machine's NICs: how they are told and how they are shown."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from bmprov.api.shapes.base import Label, Line, Reply, Request
from bmprov.api.shapes.cable import Aggregate, CablingOut, Port
from bmprov.cabling import NicCabling
from bmprov.carrier import check_bonds
from bmprov.errors import Invalid
from bmprov.mac import spelt
from bmprov.model import BondMode, Nic
from bmprov.orders import NicPort

_LIMIT = 64


def _mac(text: str) -> str:
    mac = spelt(text)
    if mac is None:
        raise ValueError("a MAC has twelve hexadecimal digits, such as 52:54:00:12:34:56")
    return mac


class NicIn(Request):
    """A network port; its position is its place in the list."""

    mac: Annotated[Line, AfterValidator(_mac)] = Field(examples=["52:54:00:12:34:56"])
    tag: Label | None = Field(None, description="what an instance's NIC may ask for")
    netboot: bool = Field(False, description="whether the machine boots from this one; else it boots from the first")
    bond: Label | None = Field(
        None, description="the bond that it is cabled to be a member of, with another one", examples=["bond0"]
    )
    bond_mode: BondMode | None = Field(None, description="as the switch has it; the same for all members")
    switch: Label | None = Field(None, description="the switch that it is cabled to, which must be known")
    port: Port | None = None
    aggregate: Aggregate = ""

    @model_validator(mode="after")
    def _cable_has_two_ends(self) -> Self:
        if bool(self.switch) != bool(self.port) or (self.aggregate and not self.port):
            raise ValueError("a NIC's cable has a switch and a port: give both, or neither")
        return self

    @property
    def cable(self) -> NicPort | None:
        """Its cable, when one is told."""
        return NicPort(self.mac, self.switch, self.port, self.aggregate) if self.switch and self.port else None


class NicsIn(Request):
    """A machine's NICs, in order."""

    nics: list[NicIn] = Field([], max_length=_LIMIT)

    @model_validator(mode="after")
    def _form_bonds(self) -> Self:
        try:
            check_bonds(self.to_nics())
        except Invalid as error:
            raise ValueError(str(error)) from None
        return self

    def to_nics(self) -> tuple[Nic, ...]:
        """The NICs as they are ordered."""
        return tuple(
            Nic(one.mac, place, one.tag or "", netboot=one.netboot, bond=one.bond or "", bond_mode=one.bond_mode)
            for place, one in enumerate(self.nics)
        )


class NicsOrder(NicsIn):
    """All NICs that a machine has now."""

    nics: list[NicIn] = Field(min_length=1, max_length=_LIMIT)

    @model_validator(mode="after")
    def _have_cables_of_their_own(self) -> Self:
        if any(nic.cable for nic in self.nics):
            raise ValueError("cables are told by `bmprov cable set`; a NIC that stays keeps its own")
        return self


class NicOut(Reply):
    """A network port."""

    mac: str
    position: int
    tag: str
    netboot: bool
    bond: str
    bond_mode: BondMode | None
    cabling: CablingOut | None = Field(description="told where one machine is shown")

    @classmethod
    def of(cls, nic: Nic, cabling: Mapping[str, NicCabling] | None) -> Self:
        """A port, and what is known of its cable."""
        shown = {name: value for name, value in vars(nic).items() if name in cls.model_fields}
        return cls(**shown, cabling=CablingOut.of(cabling[nic.mac]) if cabling is not None else None)
