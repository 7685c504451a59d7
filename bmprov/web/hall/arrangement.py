"""How the hall is laid out: sites, their zones, the racks in them, and what stands at which unit. Pure.

A machine whose units are not known, or are another's already, stands below its rack; one without a rack, in a group of
its zone's own.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bmprov.place import Place
from bmprov.store.stands import Stand

LEAST_UNITS = 42
"""How high a rack is drawn at least: that is the usual height."""

_NUMBER = re.compile(r"(\d+)")
_SortKey = tuple[tuple[bool, int, str], ...]


@dataclass(frozen=True)
class Rack:
    """A rack, or (without a name) the machines of a zone whose rack nobody has told.

    `drawn` are the ids of the machines at their units, highest first, `loose` those below; `units` is its height, 0
    where no unit is known.
    """

    pod: str
    name: str
    units: int
    drawn: Sequence[str]
    loose: Sequence[str]

    @property
    def count(self) -> int:
        """How many machines it has."""
        return len(self.drawn) + len(self.loose)


@dataclass(frozen=True)
class Zone:
    """A zone of a site. `searched` is what its machines are found by too."""

    site: str
    name: str
    racks: Sequence[Rack]

    @property
    def count(self) -> int:
        """How many machines it has."""
        return sum(rack.count for rack in self.racks)


def arranged(stands: Iterable[Stand]) -> list[Zone]:
    """The zones of all sites, by name, with their racks by name."""
    by_rack: dict[tuple[str, str], dict[tuple[str, str], list[Stand]]] = defaultdict(lambda: defaultdict(list))
    for one in stands:
        by_rack[one.site, one.zone][one.pod if one.rack else "", one.rack].append(one)
    return [Zone(site, name, _racks(by_rack[site, name])) for site, name in sorted(by_rack, key=_by_name)]


def _racks(found: Mapping[tuple[str, str], Sequence[Stand]]) -> list[Rack]:
    names = sorted(found, key=lambda one: (not one[1], _by_name(one)))  # what has no rack comes last
    return [_rack(pod, name, found[pod, name]) for pod, name in names]


def _rack(pod: str, name: str, stands: Sequence[Stand]) -> Rack:
    taken: set[int] = set()
    drawn: list[str] = []
    loose: list[str] = []
    for one in sorted(stands, key=lambda stand: (-(stand.position or 0), natural(stand.name))):
        units = Place(rack=name, position=one.position, height_u=one.height_u).units
        fits = bool(name and units) and taken.isdisjoint(units)
        taken |= set(units) if fits else set()
        (drawn if fits else loose).append(one.id)
    return Rack(pod, name, max(LEAST_UNITS, *taken) if taken else 0, drawn, loose)


def _by_name(names: tuple[str, str]) -> tuple[_SortKey, ...]:
    return tuple(map(natural, names))


def natural(name: str) -> _SortKey:
    """So that rack2 comes before rack10."""
    return tuple(
        (not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in _NUMBER.split(name) if part
    )
