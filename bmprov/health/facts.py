"""What is known of the service at one time, each from where it says. Times are seconds since the epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bmprov.census import Census
from bmprov.model import Urgency
from bmprov.signs import Sign, Sweep


@dataclass(frozen=True)
class QueueDepth:
    """The jobs of one queue in Redis; `oldest_at` is when the first of them was queued."""

    site: str
    urgency: Urgency
    jobs: int
    oldest_at: float | None


@dataclass(frozen=True)
class LeftAlone:
    """A BMC that is not asked for now: until `until` because it is silent, or because it refuses its password."""

    machine: str
    address: str
    until: float | None
    silences: int
    refused: bool


@dataclass(frozen=True)
class Pulse:
    """What Redis knows."""

    queues: Sequence[QueueDepth] = ()
    processes: Sequence[Sign] = ()
    sweeps: Sequence[Sweep] = ()
    left_alone: Sequence[LeftAlone] = ()


@dataclass(frozen=True)
class Disk:
    """The file system of a folder on the API's host. `error` says why it could not be looked at."""

    what: str
    path: Path
    total_bytes: int = 0
    free_bytes: int = 0
    total_files: int = 0
    free_files: int = 0
    error: str = ""


@dataclass(frozen=True)
class Certificate:
    """A certificate on the API's host, and when it ends. `error` says why it could not be read."""

    what: str
    path: Path
    not_after: float | None = None
    error: str = ""


@dataclass(frozen=True)
class Facts:
    """Everything, as of `at`. What could not be asked is None, and the sentence beside it says why.

    `sweep_s` is how often the power sweep runs, `freshness_s` how long a reading counts.
    """

    at: float
    census: Census | None
    database_error: str
    pulse: Pulse | None
    redis_error: str
    disks: Sequence[Disk]
    certificates: Sequence[Certificate]
    sweep_s: float
    freshness_s: float

    @property
    def sweep_ages(self) -> dict[str, float]:
        """How long ago each site's sweep ended: the last whole one, else its newest reading."""
        newest = {one.site: one.newest_at for one in self.census.readings} if self.census else {}
        swept = {one.site: one.ended_at for one in self.pulse.sweeps} if self.pulse else {}
        at = {site: swept.get(site) or newest.get(site) for site in sorted({*newest, *swept})}
        return {site: max(0.0, self.at - when) for site, when in at.items() if when is not None}
