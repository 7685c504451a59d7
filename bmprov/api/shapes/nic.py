"""A machine's NICs: how they are told and how they are shown."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from bmprov.api.shapes.base import Label, Line, Reply, Request
from bmprov.carrier import check_bonds
from bmprov.errors import Invalid
from bmprov.model import BondMode, Nic

_LIMIT = 64


def _mac(text: str) -> str:
    digits = re.sub(r"[:.-]", "", text).lower()
    if not re.fullmatch(r"[0-9a-f]{12}", digits):
        raise ValueError("a MAC has twelve hexadecimal digits, such as 52:54:00:12:34:56")
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


class NicIn(Request):
    """A network port; its position is its place in the list."""

    mac: Annotated[Line, AfterValidator(_mac)] = Field(examples=["52:54:00:12:34:56"])
    tag: Label | None = Field(None, description="what an instance's NIC may ask for")
    netboot: bool = Field(False, description="whether the machine boots from this one; else it boots from the first")
    bond: Label | None = Field(
        None, description="the bond that it is cabled to be a member of, with another one", examples=["bond0"]
    )
    bond_mode: BondMode | None = Field(None, description="as the switch has it; the same for all members")


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


class NicOut(Reply):
    """A network port."""

    mac: str
    position: int
    tag: str
    netboot: bool
    bond: str
    bond_mode: BondMode | None

    @classmethod
    def of(cls, nic: Nic) -> Self:
        """A NIC of ours."""
        shown = {name: value for name, value in vars(nic).items() if name in cls.model_fields}
        return cls(**shown)
