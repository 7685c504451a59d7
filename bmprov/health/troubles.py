"""What is wrong with the service, and what to check first: the one place where facts become judgements. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from bmprov.census import Census
from bmprov.health.facts import Disk, Facts, Pulse
from bmprov.signs import Part

DISK_FREE = 0.10
"""A file system with less than this part free is filling; with less than a third of it, full."""
CERTIFICATE_S = 30 * 86_400.0
SWEEPS_MISSED = 3
QUEUE_S = 60.0
PEER_S = 180.0
"""A MAAS region whose machines were not listed for so long."""
OUTBOX_S = 600.0
LEASE_S = 60.0

_URGENT_CERTIFICATE_S = 7 * 86_400.0
_NAMED = 3
_BOOTING_CHECK = "start it, unless no machine of this site needs it: those with virtual media need `pxe http` alone"
_BOOTING = (Part.DHCP, Part.TFTP, Part.HTTP)


class Severity(StrEnum):
    """`ERROR`: something does not work now. `WARNING`: something is wrong, or will be soon."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Trouble:
    """Something that is wrong: what, where (a site, a machine, a host's folder), and what to do first.

    `machine` is the name of the one that has it, empty where it is no single one's.
    """

    severity: Severity
    what: str
    where: str
    check: str
    since: float | None = None
    machine: str = ""


def troubles(facts: Facts, now: float) -> list[Trouble]:
    """All that is wrong, errors first."""
    found = [*_answers(facts), *_host(facts, now)]
    if facts.census:
        found += [*_queue(facts.census, now), *_sweeps(facts), *_machines(facts.census), *_peers(facts.census, now)]
    if facts.pulse:
        found += _processes(facts, facts.pulse)
    return sorted(found, key=lambda trouble: trouble.severity is not Severity.ERROR)


def _error(what: str, where: str, check: str, since: float | None = None) -> Trouble:
    return Trouble(Severity.ERROR, what, where, check, since)


def _warning(what: str, where: str, check: str, since: float | None = None, machine: str = "") -> Trouble:
    return Trouble(Severity.WARNING, what, where, check, since, machine)


def _answers(facts: Facts) -> Iterator[Trouble]:
    if facts.database_error:
        yield _error(facts.database_error, "database", "check that it runs and has room, and the setting `database`")
    if facts.redis_error:
        check = "check that it runs, and the setting `redis`; until then orders are accepted and wait"
        yield _error("Redis does not answer", "redis", check)


def _host(facts: Facts, now: float) -> Iterator[Trouble]:
    for disk in facts.disks:
        yield from _disk(disk)
    for one in facts.certificates:
        where = str(one.path)
        if one.not_after is None:
            yield _warning(
                f"the certificate cannot be read ({one.error})", where, "check the file, and who may read it"
            )
        elif one.not_after <= now:
            yield _error("the certificate has ended", where, "put a new one there and restart", one.not_after)
        elif one.not_after <= now + CERTIFICATE_S:
            make = _error if one.not_after <= now + _URGENT_CERTIFICATE_S else _warning
            yield make(f"the certificate ends on {_day(one.not_after)}", where, "put a new one there and restart")


def _disk(disk: Disk) -> Iterator[Trouble]:
    where = f"{disk.what}: {disk.path}"
    if disk.error:
        yield _warning(
            f"the folder cannot be looked at ({disk.error})", where, "check that it exists, and who may read it"
        )
        return
    room = (("of its bytes", disk.free_bytes, disk.total_bytes), ("of its inodes", disk.free_files, disk.total_files))
    for of_what, free, total in room:
        if total and free < DISK_FREE * total:  # btrfs has no number of inodes
            make = _error if free < DISK_FREE / 3 * total else _warning
            check = "remove images that nobody needs (`bmprov image list`), or give the file system more room"
            yield make(f"the file system has {free / total:.0%} {of_what} left", where, check)


def _queue(census: Census, now: float) -> Iterator[Trouble]:
    for due in census.due:
        if now - due.oldest_at > QUEUE_S:
            what = f"{_count(due.operations, 'operation')} of queue {due.urgency} wait for a worker"
            yield _error(what, due.site, "check that workers of this site run, and enough of them", due.oldest_at)
    for held in census.held:
        if now - held.lease_until > LEASE_S:
            what = f"worker {held.worker} has let its lease on {held.kind} of {held.machine} run out"
            yield _warning(what, held.site, "look at the worker's log; another one takes over", held.lease_until)
    outbox = census.outbox
    if outbox.oldest_at is not None and now - outbox.oldest_at > OUTBOX_S:
        what = f"{_count(outbox.waiting, 'webhook delivery', 'webhook deliveries')} cannot be made"
        yield _warning(what, "webhooks", "look at `bmprov webhook list`, and at the receivers", outbox.oldest_at)


def _sweeps(facts: Facts) -> Iterator[Trouble]:
    for site, age_s in facts.sweep_ages.items():
        if age_s > SWEEPS_MISSED * facts.sweep_s:
            what = f"the power of its machines was last read {age_s:.0f} s ago"
            yield _error(what, site, "check that `bmprov watch` of this site runs, and its log", facts.at - age_s)


def _machines(census: Census) -> Iterator[Trouble]:
    for site in census.readings:
        if site.silent:
            names = _names(one.machine for one in census.silent if one.site == site.site)
            what = f"{_count(site.silent, 'BMC')} of {site.machines} could not be read: {names}"
            make = _error if site.silent == site.machines > 1 else _warning
            yield make(what, site.site, "check their cables, VLAN and passwords: each one's page says why")
    for drift in census.drift:
        where = f"{drift.machine}: {drift.where}" if drift.where else drift.machine
        yield _warning(drift.what, where, f"look at `bmprov machine show {drift.machine}`", drift.since, drift.machine)


def _peers(census: Census, now: float) -> Iterator[Trouble]:
    for region in census.regions:
        late = region.heard_at is not None and now - region.heard_at > PEER_S
        if region.error or late:
            why = region.error or "its machines were not listed lately"
            yield _error(
                f"MAAS region {region.name}: {why}", region.site, "check MAAS itself, and its API key", region.heard_at
            )
    for switch in census.switches:
        if switch.error:
            check = f"look at `bmprov switch show {switch.name}`"
            yield _error(f"switch {switch.name}: {switch.error}", switch.site, check, switch.heard_at)


def _processes(facts: Facts, pulse: Pulse) -> Iterator[Trouble]:
    alive = {(process.site, process.part) for process in pulse.processes}
    waiting = {due.site for due in facts.census.due} if facts.census else set()
    waiting |= {queue.site for queue in pulse.queues if queue.jobs}
    with_machines = [one.site for one in facts.census.readings] if facts.census else []
    for site in with_machines:
        if (site, Part.WATCH) not in alive:
            yield _error("no `bmprov watch` runs", site, "start one: without it nothing is read and nothing retried")
        if (site, Part.WORKER) not in alive:
            make = _error if site in waiting else _warning
            yield make("no worker runs", site, "start `bmprov worker`: operations wait for one")
        started = [part for part in _BOOTING if (site, part) in alive]
        for part in (part for part in _BOOTING if started and part not in started):
            yield _warning(f"`bmprov pxe {part}` does not run", site, _BOOTING_CHECK)
    for refused in (one for one in pulse.left_alone if one.refused):
        where, check = refused.machine, f"run `bmprov machine set-bmc {refused.machine}` with the right one"
        yield _warning("its BMC refuses the password, and is not asked again", where, check, machine=where)


def _names(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(every[:_NAMED]) + (" and others" if len(every) > _NAMED else "")


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
