"""What the database says about the whole service: counts, and what stands out. Frozen records, without I/O.

Times are seconds since the epoch. Ages are for whoever shows them: the same state of things gives the same records.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from bmprov.lifecycle import Kind, State
from bmprov.model import OperationState, Urgency
from bmprov.power import Power

DURATIONS_S = (1, 5, 15, 30, 60, 120, 300, 600, 900, 1200, 1800, 2700, 3600, 7200)
"""Upper bounds of the histogram of how long operations take: seconds for power, minutes for deployments."""


@dataclass(frozen=True)
class MachineCount:
    """So many machines of a site and zone are in this state and power. `power` is what their BMCs said last."""

    site: str
    zone: str
    state: State
    power: Power
    maintenance: bool
    machines: int


@dataclass(frozen=True)
class SiteReadings:
    """How well a site's BMCs are read: `silent` of its machines failed last time, `stale` have no fresh reading."""

    site: str
    machines: int = 0
    silent: int = 0
    stale: int = 0
    newest_at: float | None = None

    def __add__(self, other: "SiteReadings") -> "SiteReadings":
        newest = max((at for at in (self.newest_at, other.newest_at) if at is not None), default=None)
        machines, silent = self.machines + other.machines, self.silent + other.silent
        return SiteReadings(self.site, machines, silent, self.stale + other.stale, newest)


@dataclass(frozen=True)
class SilentBmc:
    """A machine whose newest reading failed, why, and when it was read last (None: never)."""

    machine: str
    site: str
    zone: str
    rack: str
    address: str
    error: str
    read_at: float | None


@dataclass(frozen=True)
class Unfinished:
    """So many operations of a kind are under way in a site, the oldest since `oldest_at`."""

    site: str
    kind: Kind
    state: OperationState
    operations: int
    oldest_at: float


@dataclass(frozen=True)
class Due:
    """So many operations of a site's queue wait for a worker, the first since `oldest_at`. True without Redis too."""

    site: str
    urgency: Urgency
    operations: int
    oldest_at: float


@dataclass(frozen=True)
class Held:
    """An operation that a worker has in hand; after `lease_until` the worker is thought dead."""

    worker: str
    site: str
    operation_id: str
    kind: Kind
    machine: str
    step: str
    lease_until: float


@dataclass(frozen=True)
class Ended:
    """Operations that have ended: how many, their seconds in all, and how many took up to each of `DURATIONS_S`."""

    kind: Kind
    state: OperationState
    operations: int
    seconds: float
    within: tuple[int, ...]

    def __add__(self, other: "Ended") -> "Ended":
        within = tuple(map(sum, zip(self.within, other.within, strict=True)))
        return Ended(self.kind, self.state, self.operations + other.operations, self.seconds + other.seconds, within)

    @classmethod
    def of(cls, kind: str, state: str, seconds: float, buckets: list[int]) -> "Ended":
        """From how many fell between each two bounds; the last is of those above all bounds."""
        *within, every = accumulate(buckets)
        return cls(Kind(kind), OperationState(state), every, seconds, tuple(within))


@dataclass(frozen=True)
class Peer:
    """A MAAS region or a switch: when it was heard last, and why not since."""

    name: str
    site: str
    heard_at: float | None
    error: str


@dataclass(frozen=True)
class Drift:
    """Something of a machine that is not as its state says: `what` it is, `where`, and since when if that is known."""

    machine: str
    what: str
    where: str
    since: float | None


@dataclass(frozen=True)
class Outbox:
    """Webhook deliveries that are not done: how many, the oldest of them, and how many have failed at least once."""

    waiting: int
    failing: int
    oldest_at: float | None


@dataclass(frozen=True)
class Census:
    """The whole, as of `at`. Lists of single things are cut at some hundreds; the counts are not."""

    at: float
    machines: tuple[MachineCount, ...]
    readings: tuple[SiteReadings, ...]
    silent: tuple[SilentBmc, ...]
    unfinished: tuple[Unfinished, ...]
    due: tuple[Due, ...]
    held: tuple[Held, ...]
    ended_in_a_day: tuple[Ended, ...]
    out_of_band_in_a_day: Mapping[Power, int]
    regions: tuple[Peer, ...]
    switches: tuple[Peer, ...]
    drift: tuple[Drift, ...]
    outbox: Outbox
    instances: int
    images: int
    image_bytes: int

    @property
    def sites(self) -> tuple[str, ...]:
        """Every site that has a machine, a region, a switch or an operation."""
        machines, under_way = {one.site for one in self.readings}, {one.site for one in self.unfinished}
        return tuple(sorted(machines | under_way | {one.site for one in (*self.regions, *self.switches)}))
