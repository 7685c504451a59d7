"""What a machine has for an instance's NICs: NICs of its own, and bonds that several of them are cabled to be. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bmprov.errors import Invalid
from bmprov.model import BondMode, Nic

_BOND = re.compile(r"bond[0-9]{1,3}", re.ASCII)


@dataclass(frozen=True)
class Carrier:
    """A NIC by itself, or all members of a bond; to CloudStack each is one."""

    nics: tuple[Nic, ...]

    @property
    def leader(self) -> Nic:
        """The member that network-boots alone, else the first: the one whose MAC a bond has."""
        return next((nic for nic in self.nics if nic.netboot), self.nics[0])

    @property
    def mac(self) -> str:
        """Its MAC while nobody imposes another."""
        return self.leader.mac

    @property
    def macs(self) -> frozenset[str]:
        """The MACs of all its NICs."""
        return frozenset(nic.mac for nic in self.nics)

    @property
    def tags(self) -> frozenset[str]:
        """What an instance's NIC may ask for: any member's tag."""
        return frozenset(nic.tag for nic in self.nics if nic.tag)

    @property
    def bond(self) -> str:
        """The bond's name; empty for a NIC by itself."""
        return self.leader.bond

    @property
    def bond_mode(self) -> BondMode | None:
        """The bond's mode; None for a NIC by itself."""
        return self.leader.bond_mode


def carriers(nics: Iterable[Nic]) -> list[Carrier]:
    """The carriers of a machine with these NICs, in their order; a bond stands where its first member does."""
    found: dict[str, tuple[Nic, ...]] = {}
    for nic in nics:
        key = nic.bond or nic.mac
        found[key] = (*found.get(key, ()), nic)
    return [Carrier(members) for members in found.values()]


def is_bond(text: str) -> bool:
    """Whether this is a bond's name."""
    return _BOND.fullmatch(text) is not None


def check_bonds(nics: Sequence[Nic]) -> None:
    """Make sure that the NICs of a machine can form the bonds that they name.

    Raises:
        Invalid: a bond has one member, no mode or two, or a name that is none; or a NIC has a mode and no bond.
    """
    for nic in nics:
        if nic.bond and not is_bond(nic.bond):
            raise Invalid(f"NIC {nic.mac} is in bond '{nic.bond[:40]}'", "a bond's name is like `bond0`")
        if bool(nic.bond) is not bool(nic.bond_mode):
            missing = "no mode" if nic.bond else "a mode and no name"
            raise Invalid(f"the bond of NIC {nic.mac} has {missing}", f"tell both; modes: {', '.join(BondMode)}")
    modes = {nic.bond: nic.bond_mode for nic in nics}
    for bond, members in Counter(nic.bond for nic in nics if nic.bond).items():
        if members == 1:
            raise Invalid(f"{bond} has one NIC", "a bond has at least two")
        if any(nic.bond_mode is not modes[bond] for nic in nics if nic.bond == bond):
            raise Invalid(f"{bond} has two modes", "all its NICs have the same")
