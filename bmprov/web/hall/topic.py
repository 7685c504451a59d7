"""The hall as a live topic: one region for each machine, one for each count, and one that changes with the layout.

What has been drawn is kept, so that a look draws only what has changed since the last one.
"""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from bmprov.lifecycle import Kind, State
from bmprov.power import Power
from bmprov.store import Transaction
from bmprov.store.stands import Stand
from bmprov.web.hall.arrangement import arranged
from bmprov.web.hall.first_steps import FirstSteps, first_steps
from bmprov.web.hall.tile import BUSY, MAINTENANCE, PROBLEM, SILENT, Progress, tile_of
from bmprov.web.live.etag import Checksums
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
    """The hall at one moment. What it costs to make more of it is spent once, however many look."""

    seen: "_Seen"
    regions: Mapping[str, Markup]

    @cached_property
    def etag(self) -> str:
        """What names this state."""
        return Checksums.of(self.regions).etag

    @cached_property
    def racks(self) -> Markup:
        """All sites, zones and racks, with their machines."""
        zones = arranged(self.seen.stands)
        several_sites = len({zone.site for zone in zones}) > 1
        return part(_PARTS, "racks", zones, self.regions, several_sites)


@dataclass(frozen=True)
class _Seen:
    """What a picture is drawn from: the machines, the bytes by operation, and the steps that are left (None: none)."""

    stands: Sequence[Stand]
    written: Mapping[str, Progress]
    steps: FirstSteps | None


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
        self._last: Picture | None = None
        self._drawn: dict[str, _Drawn] = {}
        self._all_done = False

    def look(self, transaction: Transaction) -> Mapping[str, Markup]:
        """The regions as they are now."""
        return self.picture(transaction).regions

    def picture(self, transaction: Transaction) -> Picture:
        """The regions as they are now; the picture of before, if nothing has changed."""
        seen = self._see(transaction)
        with self._lock:
            if self._last is None or self._last.seen != seen:
                self._last = self._paint(seen)
            return self._last

    def _see(self, transaction: Transaction) -> _Seen:
        stands = transaction.stands.all(self._freshness_s)
        written = self._written.of([one.operation for one in stands if one.kind == Kind.DEPLOY])
        if self._all_done:
            return _Seen(stands, written, None)
        steps = first_steps(transaction, machines=bool(stands))
        self._all_done = steps.all_done  # and not asked again
        return _Seen(stands, written, None if steps.all_done else steps)

    def _paint(self, seen: _Seen) -> Picture:
        drawn = self._drawn = {one.id: self._draw(one, seen.written.get(one.operation)) for one in seen.stands}
        regions = {f"m-{machine_id}": one.html for machine_id, one in drawn.items()}
        regions |= _counts(drawn.values()) | _layout(seen.stands)
        steps = part(_PARTS, "first_steps", seen.steps) if seen.steps else part(_PARTS, "no_steps")
        return Picture(seen, regions | {"first-steps": steps})

    def _draw(self, stand: Stand, progress: Progress | None) -> _Drawn:
        known = self._drawn.get(stand.id)
        if known is not None and (known.stand, known.progress) == (stand, progress):
            return known
        tile = tile_of(stand, progress)
        return _Drawn(stand, progress, tile.tokens, part(_PARTS, "tile", tile))


def _counts(drawn: Iterable[_Drawn]) -> dict[str, Markup]:
    counted = Counter(token for one in drawn for token in one.tokens)
    return {f"n-{token}": part(_PARTS, "count", token, counted[token]) for token in COUNTED}


def _layout(stands: Iterable[Stand]) -> dict[str, Markup]:
    """A region whose name is made of all places: when a machine moves, no page has it, and fetches itself anew."""
    places = hashlib.blake2b(digest_size=8)
    for one in stands:
        places.update(repr((one.id, one.site, one.zone, one.pod, one.rack, one.position, one.height_u)).encode())
    name = f"layout-{places.hexdigest()}"
    return {name: part(_PARTS, "layout", name)}
