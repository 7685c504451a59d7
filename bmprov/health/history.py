"""Counters over all that ever happened, without counting all of it each time.

What is some minutes old changes no more: its sum is kept, and only the rest is asked for. A restart counts once from
the beginning, so that nothing is lost by it, and every process tells the same.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from bmprov.census import Ended
from bmprov.lifecycle import Kind
from bmprov.model import OperationState
from bmprov.power import Power
from bmprov.store import Store
from bmprov.store.census import SETTLED_S


@dataclass(frozen=True)
class Sums:
    """How many operations have ended, and how often a machine was switched by somebody else."""

    ended: dict[tuple[Kind, OperationState], Ended] = field(default_factory=dict)
    out_of_band: dict[Power, int] = field(default_factory=dict)

    def __add__(self, other: "Sums") -> "Sums":
        ended, out_of_band = dict(self.ended), dict(self.out_of_band)
        for key, more in other.ended.items():
            ended[key] = ended[key] + more if key in ended else more
        for power, times in other.out_of_band.items():
            out_of_band[power] = out_of_band.get(power, 0) + times
        return Sums(ended, out_of_band)


class History:
    """The sums of one store. Threads may share it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._settled_at = 0.0
        self._settled = Sums()

    def sums(self) -> Sums:
        """All that has happened. Raises `Retryable` when the database does not answer."""
        with self._lock:
            now = self._store.clock()
            settled_at = max(self._settled_at, now - SETTLED_S)
            self._settled = self._settled + self._between(self._settled_at, settled_at)
            self._settled_at = settled_at
            return self._settled + self._between(settled_at, now)

    def _between(self, after: float, until: float) -> Sums:
        with self._store.read() as transaction:
            ended = transaction.census.ended(after, until)
            out_of_band = transaction.census.out_of_band(after, until)
        return Sums(_by_kind(ended), dict(out_of_band))


def _by_kind(ended: Iterable[Ended]) -> dict[tuple[Kind, OperationState], Ended]:
    return {(one.kind, one.state): one for one in ended}
