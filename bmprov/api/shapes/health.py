"""What a load balancer asks, and what a person asks about the whole service."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field

from bmprov.api.shapes.base import Reply
from bmprov.health import Facts, Severity, troubles
from bmprov.lifecycle import Kind, State
from bmprov.model import OperationState, Urgency
from bmprov.power import Power
from bmprov.signs import Part

_Said = Annotated[str | None, BeforeValidator(lambda text: text or None)]
_Path = Annotated[str, BeforeValidator(str)]


class Alive(Reply):
    """The process answers."""

    alive: Literal[True] = True


class Ready(Reply):
    """The process and everything it needs answer."""

    database: Literal["ok"] = "ok"
    redis: Literal["ok"] = "ok"


class _Mirror(Reply):
    """What is shown as the record of the same name has it; its seconds since the epoch become times."""

    model_config = ConfigDict(from_attributes=True)


class TroubleOut(_Mirror):
    """Something that is wrong. `where` is a site, a machine, or a folder of the API's host."""

    severity: Severity
    what: str
    where: str
    check: str
    since: datetime | None


class MachineCountOut(_Mirror):
    """How many machines of a site and zone are in a state, with the power that was read last."""

    site: str
    zone: str
    state: State
    power: Power
    maintenance: bool
    machines: int


class SiteReadingsOut(_Mirror):
    """How well a site's BMCs are read."""

    site: str
    machines: int
    silent: int = Field(description="their newest reading failed")
    stale: int = Field(description="their last good reading is too old to be told")
    newest_at: datetime | None


class SilentBmcOut(_Mirror):
    """A machine whose BMC could not be read, why, and when it was read last."""

    machine: str
    site: str
    zone: str
    rack: str
    address: str
    error: str
    read_at: datetime | None


class UnfinishedOut(_Mirror):
    """How many operations of a kind are under way."""

    site: str
    kind: Kind
    state: OperationState
    operations: int
    oldest_at: datetime


class DueOut(_Mirror):
    """How many operations of a queue wait for a worker, by the database: known without Redis too."""

    site: str
    urgency: Urgency
    operations: int
    oldest_at: datetime


class HeldOut(_Mirror):
    """An operation that a worker has in hand; after `lease_until` the worker is thought dead."""

    worker: str
    site: str
    operation_id: str
    kind: Kind
    machine: str
    step: str
    lease_until: datetime


class EndedOut(_Mirror):
    """How many operations ended, and how long they took together."""

    kind: Kind
    state: OperationState
    operations: int
    seconds: float


class PeerOut(_Mirror):
    """A MAAS region or a switch: when it was heard last, and why not since."""

    name: str
    site: str
    heard_at: datetime | None
    error: _Said


class DriftOut(_Mirror):
    """Something of a machine that is not as its state says."""

    machine: str
    what: str
    where: str
    since: datetime | None


class OutboxOut(_Mirror):
    """Webhook deliveries that are not done."""

    waiting: int
    failing: int = Field(description="those of them that have failed at least once")
    oldest_at: datetime | None


class CensusOut(_Mirror):
    """What the database says. Lists of single things are cut at some hundreds, the counts are not."""

    machines: list[MachineCountOut]
    readings: list[SiteReadingsOut]
    silent: list[SilentBmcOut]
    unfinished: list[UnfinishedOut]
    due: list[DueOut]
    held: list[HeldOut]
    ended_in_a_day: list[EndedOut]
    out_of_band_in_a_day: dict[Power, int]
    regions: list[PeerOut]
    switches: list[PeerOut]
    drift: list[DriftOut]
    outbox: OutboxOut
    instances: int
    images: int
    image_bytes: int


class QueueDepthOut(_Mirror):
    """The jobs of a queue in Redis."""

    site: str
    urgency: Urgency
    jobs: int
    oldest_at: datetime | None


class ProcessOut(_Mirror):
    """A process that lives. `doing` is the id of the operation that a worker has in hand."""

    part: Part
    site: str
    name: str
    host: str
    pid: int
    since: datetime
    doing: _Said
    doing_since: datetime | None


class SweepOut(_Mirror):
    """The last whole power sweep of a site."""

    site: str
    began_at: datetime
    ended_at: datetime
    machines: int
    answered: int


class LeftAloneOut(_Mirror):
    """A BMC that is not asked for now: until `until` because it is silent, or because it refuses its password."""

    machine: str
    address: str
    until: datetime | None
    silences: int
    refused: bool


class PulseOut(_Mirror):
    """What Redis says."""

    queues: list[QueueDepthOut]
    processes: list[ProcessOut]
    sweeps: list[SweepOut]
    left_alone: list[LeftAloneOut]


class DiskOut(_Mirror):
    """The file system of a folder on the API's host."""

    what: str
    path: _Path
    total_bytes: int
    free_bytes: int
    total_files: int
    free_files: int
    error: _Said


class CertificateOut(_Mirror):
    """A certificate on the API's host."""

    what: str
    path: _Path
    not_after: datetime | None
    error: _Said


class FactsOut(_Mirror):
    """How the service is. What could not be asked is null, and the sentence beside it says why."""

    at: datetime
    census: CensusOut | None
    database_error: _Said
    pulse: PulseOut | None
    redis_error: _Said
    disks: list[DiskOut]
    certificates: list[CertificateOut]
    sweep_s: float
    freshness_s: float
    sweep_ages: dict[str, float] = Field(description="seconds since each site's power was last read, as of `at`")


class HealthOut(FactsOut):
    """How the service is: what is wrong with it first, errors before warnings, then all that is known."""

    troubles: list[TroubleOut]

    @classmethod
    def of(cls, facts: Facts) -> Self:
        """The facts, judged as of their own time."""
        wrong = [TroubleOut.model_validate(one) for one in troubles(facts, facts.at)]
        return cls(**vars(FactsOut.model_validate(facts)), troubles=wrong)
