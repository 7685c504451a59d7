"""VLAN numbers (IEEE 802.1Q: 1 to 4094) and ranges of them, in the notation that vendors share: `100-199,1577`."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from bmprov.errors import Invalid

FIRST, LAST = 1, 4094
EVERY = frozenset(range(FIRST, LAST + 1))

_SPAN = re.compile(r"(\d{1,4})(?:\s*-\s*(\d{1,4}))?", re.ASCII)


def checked(vlan: int) -> int:
    """The VLAN itself.

    Raises:
        Invalid: no VLAN has this number.
    """
    if not FIRST <= vlan <= LAST:
        raise Invalid(f"{vlan} is no VLAN", f"a VLAN is a number from {FIRST} to {LAST}")
    return vlan


def spans(vlans: Iterable[int]) -> list[tuple[int, int]]:
    """The same VLANs as few ranges, each with its first and its last, in order."""
    found: list[tuple[int, int]] = []
    for vlan in sorted(set(vlans)):
        if found and found[-1][1] == vlan - 1:
            found[-1] = (found[-1][0], vlan)
        else:
            found.append((vlan, vlan))
    return found


def written(vlans: Iterable[int], between: str = ",", to: str = "-") -> str:
    """The same VLANs in words, such as `100-110,200`."""
    return between.join(f"{first}{to}{last}" if last > first else f"{first}" for first, last in spans(vlans))


@dataclass(frozen=True)
class VlanRanges:
    """VLANs that an operator has given into our hands."""

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The ranges in a text such as `100-199, 1577`; empty text is no VLAN at all.

        Raises:
            Invalid: it is not such a text, a range runs backwards, or two of them overlap (which is a slip).
        """
        found = sorted(_span(part.strip()) for part in text.split(",")) if text.strip() else []
        for (first, last), (next_first, _) in pairwise(found):
            if next_first <= last:
                raise Invalid(f"the VLAN ranges '{text}' name {next_first} twice", f"it is in {first}-{last} already")
        return cls(tuple(found))

    @classmethod
    def of(cls, vlans: Iterable[int]) -> Self:
        """The ranges that hold these VLANs."""
        return cls(tuple(spans(vlans)))

    def __contains__(self, vlan: int) -> bool:
        return any(first <= vlan <= last for first, last in self.ranges)

    def __iter__(self) -> Iterator[int]:
        for first, last in self.ranges:
            yield from range(first, last + 1)

    def __str__(self) -> str:
        return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in self.ranges)

    def outside(self, vlans: Iterable[int]) -> Sequence[int]:
        """Those of the VLANs that are in none of the ranges, in order."""
        return [vlan for vlan in sorted(vlans) if vlan not in self]


def _span(part: str) -> tuple[int, int]:
    found = _SPAN.fullmatch(part)
    if not found:
        raise Invalid(f"'{part}' is no range of VLANs", "write it as in 100-199,1577")
    first, last = checked(int(found[1])), checked(int(found[2] or found[1]))
    if last < first:
        raise Invalid(f"the VLAN range '{part}' runs backwards", f"write {last}-{first}")
    return first, last
