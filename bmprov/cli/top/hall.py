"""The page *Hall* as lines: machines by zone and rack, the state by shape and colour, the power as a light.

A machine is a light, a shape, a mark when it needs somebody, and its name. Long halls stay quick, because only what is
in view is drawn.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from types import MappingProxyType
from typing import Any

from rich.text import Text

from bmprov.cli.output import ago, power
from bmprov.cli.timeline import doing
from bmprov.cli.top.lines import GAP, Cell, Line, heading, search, whole, widest

SHAPES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "enrolled": ("◇", "default"),
        "inspecting": ("◆", "cyan"),
        "available": ("□", "green"),
        "reserved": ("◧", "blue"),
        "deploying": ("▶", "cyan"),
        "active": ("■", "bold green"),
        "releasing": ("◀", "cyan"),
        "cleaning": ("≈", "cyan"),
        "error": ("✗", "bold red"),
    }
)
"""The shape and the colour of each state of a machine."""

LIGHTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"on": ("●", "bold yellow"), "off": ("○", "dim"), "unknown": ("?", "yellow")}
)
"""The light of each power; `?` also stands for a BMC whose newest reading failed."""

_NAME_COLUMNS = (8, 28)
_SIGN_COLUMNS = 6  # light, shape, mark, each with a space

Machine = dict[str, Any]
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Hall:
    """The machines in the order of their places, and the words by which each is found."""

    machines: Sequence[Machine] = ()
    words: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, machines: Iterable[Machine]) -> "Hall":
        """The hall of these machines."""
        placed = sorted(machines, key=_place)
        return cls(placed, {one["name"]: _words(one) for one in placed})

    def found(self, wanted: str) -> list[Machine]:
        """The machines that have all words that somebody has typed."""
        return search(self.machines, wanted, lambda one: self.words[one["name"]])


def _place(machine: Machine) -> tuple[object, ...]:
    """Zone, rack, unit from the top, name; `r2` stands before `r10`."""
    unit = machine.get("rack_position")
    return (
        machine["site"],
        *map(_natural, (machine["zone"], machine["pod"], machine["rack"])),
        -unit if unit is not None else 0,
        _natural(machine["name"]),
    )


def _natural(text: str) -> list[tuple[int, str]]:
    return [
        (int(part), "") if part.isdecimal() and part.isascii() else (-1, part.lower()) for part in _DIGITS.split(text)
    ]


def _words(machine: Machine) -> str:
    """Name, MACs, instance, tags, state, power, place, in one line to look in."""
    operation = machine["operation"] or {}
    told = [machine[name] or "" for name in ("name", "instance", "state", "site", "zone", "pod", "rack")]
    told += [nic["mac"] for nic in machine["nics"]] + machine["tags"] + [machine["power"]["power"]]
    told += ["maintenance" if machine["maintenance"] else "", "stale" if machine["power"]["error"] else ""]
    return " ".join([*told, operation.get("asked_by") or ""]).lower()


def lines(machines: Sequence[Machine], width: int) -> list[Line]:
    """The page, `width` columns wide."""
    columns = min(_SIGN_COLUMNS + widest((one["name"] for one in machines), _NAME_COLUMNS), width)
    return list(_places(machines, width, columns))


def _places(machines: Sequence[Machine], width: int, columns: int) -> Iterator[Line]:
    several = len({one["site"] for one in machines}) > 1
    for number, (zone, in_zone) in enumerate(groupby(machines, key=partial(_zone, several=several))):
        if number:
            yield []
        yield heading(zone, width)
        for rack, in_rack in groupby(in_zone, key=_rack):
            members = list(in_rack)
            yield whole(_rack_words(rack, members), width)
            across = max(1, width // columns)
            for first in range(0, len(members), across):
                shown = members[first : first + across]
                yield [
                    Cell(place * columns, columns - GAP, partial(sign, one), one["name"])
                    for place, one in enumerate(shown)
                ]


def _zone(machine: Machine, *, several: bool) -> str:
    zone = f"zone {machine['zone']}" if machine["zone"] else "in no zone"
    return f"site {machine['site']}, {zone}" if several else zone


def _rack(machine: Machine) -> str:
    pod = f"pod {machine['pod']}, " if machine["pod"] else ""
    return f"{pod}rack {machine['rack']}" if machine["rack"] else f"{pod}in no rack"


def _rack_words(rack: str, members: Sequence[Machine]) -> Text:
    faulty = sum(one["state"] == "error" for one in members)
    words = Text(f"{rack}  ", style="default").append(
        f"{len(members)} machines" if len(members) > 1 else "1 machine", "dim"
    )
    return words.append(f", {faulty} in error", style="red") if faulty else words


def sign(machine: Machine) -> Text:
    """A machine in a rack: `● ■   rack1-07`."""
    shape, colour = SHAPES.get(machine["state"], ("?", "default"))
    light, shine = LIGHTS["unknown" if machine["power"]["error"] else machine["power"]["power"]]
    mark = Text("!", style="bold yellow") if machine["maintenance"] else Text(" ")
    return Text.assemble((light, shine), " ", (shape, colour), " ", mark, " ", (machine["name"], _ink(machine)))


def _ink(machine: Machine) -> str:
    return "bold red" if machine["state"] == "error" else "default"


def counts(machines: Iterable[Machine]) -> list[Text]:
    """How many are in each state and have which power: the key of the shapes too."""
    told = list(machines)
    states = Counter(one["state"] for one in told)
    power = Counter("unknown" if one["power"]["error"] else one["power"]["power"] for one in told)
    parts = [_count(SHAPES[state], states[state], state) for state in SHAPES if states[state]]
    parts += [_count(LIGHTS[light], power[light], word) for light, word in _POWER_WORDS.items() if power[light]]
    kept = sum(bool(one["maintenance"]) for one in told)
    parts += [_count(("!", "bold yellow"), kept, "in maintenance")] if kept else []
    return parts


_POWER_WORDS = {"on": "on", "off": "off", "unknown": "power unknown"}


def _count(look: tuple[str, str], number: int, what: str) -> Text:
    return Text.assemble(look, f" {number:,} {what}")


def about(machine: Machine) -> Text:
    """The machine under the cursor, in a line."""
    operation = machine["operation"]
    told = [f"power {power(machine)}, read {ago(machine['power']['read_at']) or 'never'}"]
    told += [f"{doing(operation)}: {operation['step'] or operation['state']}"] if operation else []
    told += [f"maintenance: {machine['maintenance']}"] if machine["maintenance"] else []
    told += [machine["fault"]] if machine["fault"] else []
    told += [f"instance {machine['instance']}"] if machine["instance"] else []
    unit = machine.get("rack_position")
    told += [f"unit {unit}"] if unit is not None else []
    return Text.assemble((machine["name"], "bold"), f"  {machine['state']}, ", "; ".join(told))
