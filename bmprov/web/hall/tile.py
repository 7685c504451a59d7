"""A machine as it is drawn in the hall: a link that tells in words what its marks tell by shape and colour. Pure.

`tokens` are what the marks and the filters go by: `s-STATE`, `w-POWER`, and `k-…` for what else is to be seen.
"""

import json
from dataclasses import dataclass
from urllib.parse import quote

from bmprov.lifecycle import State
from bmprov.place import unit_words
from bmprov.power import Power
from bmprov.step_words import plain
from bmprov.store.stands import Stand
from bmprov.web.doings import doing

Progress = tuple[int, int]
"""Bytes written, and bytes in all."""

MAINTENANCE, SILENT, BUSY, PROBLEM = "k-maintenance", "k-silent", "k-busy", "k-problem"
"""Nobody may use it; its BMC does not answer; something is being done to it; somebody should look at it."""


@dataclass(frozen=True)
class Tile:
    """What stands on it. `label` says all of it in words; `search` is what else it is found by."""

    id: str
    name: str
    url: str
    tokens: tuple[str, ...]
    label: str
    search: str
    note: str = ""
    percent: int | None = None
    position: int | None = None
    height_u: int = 1


def tile_of(stand: Stand, progress: Progress | None) -> Tile:
    """A machine's tile. `progress` is that of the image which is being written to it."""
    percent = progress[0] * 100 // progress[1] if progress and progress[1] else None
    power = stand.power if stand.current else Power.UNKNOWN
    return Tile(
        id=f"m-{stand.id}",
        name=stand.name,
        url=f"/machines/{quote(stand.name, safe='')}",
        tokens=(f"s-{stand.state}", f"w-{power}", *_marks(stand)),
        label=", ".join(_words(stand, percent)),
        search=" ".join(_search(stand)),
        note=doing(stand) if stand.operation else stand.instance,
        percent=percent,
        position=stand.position,
        height_u=stand.height_u,
    )


def _marks(stand: Stand) -> list[str]:
    seen = {
        MAINTENANCE: stand.maintenance,
        SILENT: stand.power_error,
        BUSY: stand.operation,
        PROBLEM: stand.state == State.ERROR or stand.fault or stand.power_error or not stand.current,
    }
    return [mark for mark, is_so in seen.items() if is_so]


def _words(stand: Stand, percent: int | None) -> list[str]:
    power = stand.power if stand.current else f"unknown, last read {stand.power}"
    told = [stand.name, stand.state, f"power {power}"]
    told += [f"in maintenance: {stand.maintenance}"] if stand.maintenance else []
    told += ["its BMC does not answer"] if stand.power_error else []
    told += [f"fault: {stand.fault}"] if stand.fault else []
    told += [f"instance {stand.instance}"] if stand.instance else []
    if stand.operation:
        told.append(f"under way: {doing(stand)}" + (f", {plain(stand.step)}" if stand.step else ""))
    told += [f"{percent} % written"] if percent is not None else []
    return told + ([unit_words(stand.position, stand.height_u)] if stand.position else [])


def _search(stand: Stand) -> list[str]:
    return list(filter(None, [stand.macs, stand.addresses, stand.instance_id, *json.loads(stand.tags)]))
