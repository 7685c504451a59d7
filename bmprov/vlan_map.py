"""From the networks that CloudStack names (`broadcastUri` of a NIC) to the VLANs that switches carry for them.

`vlan://1577` is VLAN 1577. All else means a VLAN only when an operator has said which: `vlan://untagged`, which is
whatever the hypervisors' ports carry without a tag, and the numbers of VXLAN and others, whose tunnels end in VLANs.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from bmprov.errors import Invalid
from bmprov.vlans import checked

UNTAGGED = "vlan://untagged"

_ENTRY = re.compile(r"([a-z]+)://(untagged|\d{1,8})(?:-(\d{1,8}))?\s*=\s*(\d{1,4})(?:-(\d{1,4}))?", re.ASCII)
_NUMBER = re.compile(r"([a-z]+)://(\d{1,8})", re.ASCII)
_LONGEST = 60


@dataclass(frozen=True)
class _Entry:
    scheme: str
    first: int
    last: int
    vlan: int


@dataclass(frozen=True)
class VlanMap:
    """What an operator has said, as settings have it: `vxlan://5000-5099=1500-1599`, `vlan://untagged=12`."""

    entries: tuple[_Entry, ...] = ()
    untagged: int | None = None

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """The map that these texts write down.

        Raises:
            ValueError: one is not of that form, its ranges are not of one length, or it maps twice.
        """
        entries, untagged = list[_Entry](), list[int]()
        for text in texts:
            found = _ENTRY.fullmatch(text.strip())
            if found is None:
                raise ValueError(f"'{text}' is no mapping of a network: write vxlan://5000-5099=1500-1599")
            scheme, first, last, vlan, last_vlan = found.groups()
            if first == "untagged":
                untagged.append(_untagged(text, scheme, last or last_vlan, int(vlan)))
            else:
                entries.append(
                    _entry(text, scheme, (int(first), int(last or first)), (int(vlan), int(last_vlan or vlan)))
                )
        _refuse_overlaps(entries)
        if len(untagged) > 1:
            raise ValueError(f"{UNTAGGED} is mapped twice")
        return cls(tuple(entries), untagged[0] if untagged else None)

    def vlan_of(self, broadcast_uri: str) -> int:
        """The VLAN of a network.

        Raises:
            Invalid: it is of a kind that no switch port carries as it is, and no VLAN is mapped to it.
        """
        uri = broadcast_uri.strip().lower()
        if uri == UNTAGGED and self.untagged is not None:
            return self.untagged
        found = _NUMBER.fullmatch(uri)
        scheme, number = (found[1], int(found[2])) if found else ("", 0)
        for entry in self.entries:
            if entry.scheme == scheme and entry.first <= number <= entry.last:
                return entry.vlan + number - entry.first
        if scheme == "vlan":
            return checked(number)
        named = f"the network {broadcast_uri[:_LONGEST]}" if uri else "a network that CloudStack gives no VLAN"
        raise Invalid(
            f"a switch port cannot be put onto {named}",
            "use a network isolated by VLAN, or say by `mappings` of the setting `network` which VLAN carries it",
        )


def _untagged(text: str, scheme: str, last: str | None, vlan: int) -> int:
    if scheme != "vlan" or last:
        raise ValueError(f"'{text}' is no mapping: {UNTAGGED} is one network, and becomes one VLAN")
    return _vlan(text, vlan)


def _entry(text: str, scheme: str, numbers: tuple[int, int], vlans: tuple[int, int]) -> _Entry:
    (first, last), (vlan, last_vlan) = numbers, vlans
    if last < first or last - first != last_vlan - vlan:
        raise ValueError(f"'{text}' maps ranges that are not of one length, or run backwards")
    _vlan(text, last_vlan)
    return _Entry(scheme, first, last, _vlan(text, vlan))


def _vlan(text: str, vlan: int) -> int:
    try:
        return checked(vlan)
    except Invalid as error:
        raise ValueError(f"'{text}': {error}") from error


def _refuse_overlaps(entries: list[_Entry]) -> None:
    for place, one in enumerate(entries):
        for other in entries[:place]:
            if one.scheme == other.scheme and one.first <= other.last and other.first <= one.last:
                raise ValueError(f"{one.scheme}://{max(one.first, other.first)} is mapped twice")
