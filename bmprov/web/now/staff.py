"""Who does the work, for the side of the page: queues, workers and sweeps of each site, and what is wrong there. Pure.

A site without machines and without work is left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bmprov.health import Facts
from bmprov.health.troubles import QUEUE_S, SWEEPS_MISSED
from bmprov.signs import Part, Sign, Sweep


@dataclass(frozen=True)
class Site:
    """A site. `stuck` says that the first of those that wait has waited too long, `late` that the sweep is overdue.

    `jobs` are those in Redis, by queue, and `workers` those that live: None when Redis is silent. `due` are the
    operations that wait for a worker, by the database.
    """

    name: str
    jobs: Mapping[str, int] | None
    due: int
    due_since: float | None
    stuck: bool
    workers: Sequence[Sign] | None
    sweep: Sweep | None
    read_at: float | None
    late: bool

    @property
    def unmanned(self) -> bool:
        """Whether no worker lives, as far as is known."""
        return self.workers is not None and not self.workers


def sites_of(facts: Facts) -> list[Site]:
    """The sites, by name; none when the database is silent too."""
    return [_site(name, facts) for name in facts.census.sites] if facts.census else []


def _site(name: str, facts: Facts) -> Site:
    census, pulse = facts.census, facts.pulse
    due = [one for one in census.due if one.site == name] if census else []
    oldest = min((one.oldest_at for one in due), default=None)
    age_s = facts.sweep_ages.get(name)
    return Site(
        name=name,
        jobs={one.urgency: one.jobs for one in pulse.queues if one.site == name} if pulse else None,
        due=sum(one.operations for one in due),
        due_since=oldest,
        stuck=oldest is not None and facts.at - oldest > QUEUE_S,
        workers=[one for one in pulse.processes if (one.site, one.part) == (name, Part.WORKER)] if pulse else None,
        sweep=next((one for one in pulse.sweeps if one.site == name), None) if pulse else None,
        read_at=next((one.newest_at for one in census.readings if one.site == name), None) if census else None,
        late=age_s is not None and age_s > SWEEPS_MISSED * facts.sweep_s,
    )
