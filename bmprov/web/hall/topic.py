"""The hall as a live topic: one region for each machine, one for each count, and one that changes with the layout.

What has been drawn is kept, so that a look draws only what has changed since the last one.
"""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bmprov.lifecycle import State
from bmprov.power import Power
from bmprov.store import Transaction
from bmprov.store.stands import Stand
from bmprov.web.hall.arrangement import Zone, arranged
from bmprov.web.hall.first_steps import first_steps
from bmprov.web.hall.tile import BUSY, MAINTENANCE, PROBLEM, SILENT, Progress, tile_of
from bmprov.web.render import part
from bmprov.web.written import Written

COUNTED = (
    *(f"s-{state}" for state in State),
    *(f"w-{power}" for power in (Power.ON, Power.OFF, Power.UNKNOWN)),
    *(MAINTENANCE, SILENT, BUSY, PROBLEM),
)
"""The tokens that the page counts and filters by."""

_PARTS = "hall_parts.html"
_EVERY_S = 5.0


@dataclass(frozen=True)
class Picture:
    """The hall at one moment: its regions, and the machines that it shows."""

    regions: Mapping[str, Markup]
    stands: Sequence[Stand]
    layout: str
    """The id of the region that changes with the layout."""

    @property
    def zones(self) -> Sequence[Zone]:
        """Where in the page each machine belongs."""
        return arranged(self.stands)


@dataclass(frozen=True)
class _Drawn:
    stand: Stand
    progress: Progress | None
    tokens: tuple[str, ...]
    html: Markup


class HallTopic:
    """The hall. `freshness_s` is how long a reading of the power counts; what the clock changes is looked at again."""

    every_s: float | None = _EVERY_S

    def __init__(self, written: Written, freshness_s: float) -> None:
        self._written = written
        self._freshness_s = freshness_s
        self._lock = threading.Lock()
        self._drawn: dict[str, _Drawn] = {}
        self._all_done = False

    def look(self, transaction: Transaction) -> Mapping[str, Markup]:
        """The regions as they are now."""
        return self.picture(transaction).regions

    def picture(self, transaction: Transaction) -> Picture:
        """The regions as they are now, and where they belong."""
        stands = transaction.stands.all(self._freshness_s)
        told = self._written.of([one.operation for one in stands if one.kind == "deploy"])
        with self._lock:
            self._drawn = {one.id: self._draw(one, told.get(one.operation)) for one in stands}
            drawn = self._drawn
        regions = {f"m-{machine_id}": one.html for machine_id, one in drawn.items()}
        layout = _layout(stands)
        regions |= _counts(drawn.values()) | {layout: part(_PARTS, "layout", layout)}
        return Picture(regions | self._first_steps(transaction, stands), stands, layout)

    def _first_steps(self, transaction: Transaction, stands: Sequence[Stand]) -> dict[str, Markup]:
        if not self._all_done:
            steps = first_steps(transaction, machines=bool(stands))
            self._all_done = steps.all_done  # and not asked again
        return {"first-steps": part(_PARTS, "no_steps") if self._all_done else part(_PARTS, "first_steps", steps)}

    def _draw(self, stand: Stand, progress: Progress | None) -> _Drawn:
        known = self._drawn.get(stand.id)
        if known is not None and (known.stand, known.progress) == (stand, progress):
            return known
        tile = tile_of(stand, progress)
        return _Drawn(stand, progress, tile.tokens, part(_PARTS, "tile", tile))


def _counts(drawn: Iterable[_Drawn]) -> dict[str, Markup]:
    counted = Counter(token for one in drawn for token in one.tokens)
    return {f"n-{token}": part(_PARTS, "count", token, counted[token]) for token in COUNTED}


def _layout(stands: Iterable[Stand]) -> str:
    """The id of a region, made of all places: when a machine moves, no page has it, and fetches itself anew."""
    places = hashlib.blake2b(digest_size=8)
    for one in stands:
        places.update(repr((one.id, one.site, one.zone, one.pod, one.rack, one.position, one.height_u)).encode())
    return f"layout-{places.hexdigest()}"
