"""Now as a live topic: what is under way, what has ended, and who does it.

Bytes come from Redis each second; how fast they come is the page's script to say, which has seen the last ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bmprov.health import Checkup
from bmprov.model import OperationState
from bmprov.store import Transaction
from bmprov.store.work import Work
from bmprov.web.now.staff import sites_of
from bmprov.web.render import part
from bmprov.web.written import Written

SHOWN = 100
"""So many are listed; a hall that does more at once tells how many more."""

RECENT_S = 3600.0

_PARTS = "now_parts.html"
_EVERY_S = 1.0


@dataclass(frozen=True)
class Row:
    """An operation, the bytes that are written of its image (None: nobody has told), and what its worker's name is."""

    work: Work
    written: int | None = None
    total: int | None = None

    @property
    def percent(self) -> int | None:
        """How much of the image is written."""
        return None if self.written is None or not self.total else self.written * 100 // self.total


@dataclass(frozen=True)
class Recent:
    """What ended in the last hour. `failed` are those of them that failed."""

    rows: Sequence[Work]

    @property
    def failed(self) -> int:
        """How many did not end well."""
        return sum(one.state is OperationState.FAILED for one in self.rows)


class NowTopic:
    """What is going on in all sites."""

    every_s: float | None = _EVERY_S

    def __init__(self, written: Written, checkup: Checkup) -> None:
        self._written = written
        self._checkup = checkup

    def look(self, transaction: Transaction) -> Mapping[str, Markup]:
        """The regions as they are now."""
        works = transaction.work.under_way(SHOWN)
        told = self._written.of([one.id for one in works])
        rows = [Row(one, *told.get(one.id, ())) for one in works]
        more = transaction.work.count_under_way() - len(works) if len(works) == SHOWN else 0
        recent = Recent(transaction.work.ended_since(_minute(transaction.now) - RECENT_S, SHOWN))
        facts = self._checkup.facts()
        return {
            "now-running": part(_PARTS, "running", rows, more),
            "now-ended": part(_PARTS, "ended", recent, SHOWN),
            "now-staff": part(_PARTS, "staff", sites_of(facts), facts, {one.id: one.machine for one in works}),
        }


def _minute(now: float) -> float:
    """The last whole minute, so that what leaves the list does so once a minute, in all processes alike."""
    return now - now % 60
