"""The facts as Prometheus' metrics, in one table from which the documentation is made too.

They are looked up when they are asked for, from the database and Redis: every process tells the same, and a restart
loses nothing. How long requests take is not among them, because each of the API's processes knows only its own; what
stands before it (HAProxy, nginx) knows of all. No series is of one machine: there may be ten thousand.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from itertools import product

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from bmprov.census import DURATIONS_S, Census
from bmprov.errors import Retryable
from bmprov.health.checkup import Checkup
from bmprov.health.facts import Facts, Pulse
from bmprov.health.history import History, Sums
from bmprov.health.troubles import Severity, troubles
from bmprov.lifecycle import State
from bmprov.power import Power
from bmprov.signs import Part

Samples = Iterable[tuple[tuple[str, ...], float]]


@dataclass(frozen=True)
class Gauge:
    """A metric that goes up and down: its name, what it means, its labels, and its samples."""

    name: str
    about: str
    labels: tuple[str, ...]
    samples: Callable[[Facts], Samples]


OPERATIONS = "bmprov_operations"
DURATIONS = "bmprov_operation_duration_seconds"
OUT_OF_BAND = "bmprov_out_of_band_power"
COUNTERS = {
    f"{OPERATIONS}_total": ("counter", "operations that have ended", ("kind", "outcome")),
    DURATIONS: ("histogram", "how long operations took, from the order to the end", ("kind", "outcome")),
    f"{OUT_OF_BAND}_total": ("counter", "times that a machine was switched by nobody of ours, by what to", ("to",)),
}
"""What only grows: kind, meaning and labels, by name."""


class FactsCollector(Collector):
    """Gives the metrics of one service to a registry."""

    def __init__(self, checkup: Checkup, history: History) -> None:
        self._checkup = checkup
        self._history = history

    def collect(self) -> Iterator[Metric]:
        """All metrics that can be told now: without the database, or without Redis, those of it are missing."""
        facts = self._checkup.facts()
        for gauge in GAUGES:
            family = GaugeMetricFamily(gauge.name, gauge.about, labels=gauge.labels)
            for labels, value in gauge.samples(facts):
                family.add_metric(labels, value)
            if family.samples:
                yield family
        try:
            yield from _counters(self._history.sums())
        except Retryable:
            return  # `bmprov_database_up` says so

    def describe(self) -> Iterator[Metric]:
        """Nothing: the registry need not ask before anybody does."""
        return iter(())


def _counters(sums: Sums) -> Iterator[Metric]:
    _, about, labels = COUNTERS[f"{OPERATIONS}_total"]
    operations = CounterMetricFamily(OPERATIONS, about, labels=labels)
    _, about, labels = COUNTERS[DURATIONS]
    durations = HistogramMetricFamily(DURATIONS, about, labels=labels)
    for (kind, state), ended in sorted(sums.ended.items()):
        operations.add_metric([kind, state], ended.operations)
        bounds = [(str(float(bound)), float(count)) for bound, count in zip(DURATIONS_S, ended.within, strict=True)]
        durations.add_metric([kind, state], [*bounds, ("+Inf", float(ended.operations))], ended.seconds)
    _, about, labels = COUNTERS[f"{OUT_OF_BAND}_total"]
    out_of_band = CounterMetricFamily(OUT_OF_BAND, about, labels=labels)
    for power, times in sums.out_of_band.items():
        out_of_band.add_metric([power], times)
    yield from (operations, durations, out_of_band)


def _of_census(ask: Callable[[Census], Samples]) -> Callable[[Facts], Samples]:
    return lambda facts: ask(facts.census) if facts.census else ()


def _of_pulse(ask: Callable[[Pulse], Samples]) -> Callable[[Facts], Samples]:
    return lambda facts: ask(facts.pulse) if facts.pulse else ()


def _by_state(census: Census) -> Samples:
    """Every state of every site, that none vanishes when it has no machine."""
    counts = Counter[tuple[str, str]]()
    for one in census.machines:
        counts[one.site, one.state] += one.machines
    return [((site, state), counts[site, state]) for site, state in product(_sites(census), State)]


def _by_power(census: Census) -> Samples:
    counts = Counter[tuple[str, str]]()
    for one in census.machines:
        counts[one.site, one.power] += one.machines
    return [((site, power), counts[site, power]) for site, power in product(_sites(census), Power)]


def _in_maintenance(census: Census) -> Samples:
    counts = Counter[str]()
    for one in census.machines:
        counts[one.site] += one.machines if one.maintenance else 0
    return [((site,), counts[site]) for site in _sites(census)]


def _sites(census: Census) -> list[str]:
    return [one.site for one in census.readings]


def _unfinished(census: Census) -> Samples:
    counts = Counter[tuple[str, ...]]()
    for one in census.unfinished:
        counts[one.site, one.kind] += one.operations
    return list(counts.items())


def _processes(pulse: Pulse) -> Samples:
    """Every part of every site where one lives, so that the last that dies leaves a 0."""
    counts = Counter((one.site, one.part) for one in pulse.processes)
    sites = sorted({one.site for one in pulse.processes} | {one.site for one in pulse.queues})
    return [((site, part), counts[site, part]) for site, part in product(sites, Part)]


def _left_alone(pulse: Pulse) -> Samples:
    refused = sum(one.refused for one in pulse.left_alone)
    return [(("refused",), refused), (("silent",), len(pulse.left_alone) - refused)]


def _troubles(facts: Facts) -> Samples:
    counts = Counter(one.severity for one in troubles(facts, facts.at))
    return [((severity,), counts[severity]) for severity in Severity]


GAUGES: tuple[Gauge, ...] = (
    Gauge("bmprov_build_info", "1; the version stands in a label", ("version",), lambda _: [((version("bmprov"),), 1)]),
    Gauge("bmprov_database_up", "whether the database answers", (), lambda facts: [((), facts.census is not None)]),
    Gauge("bmprov_redis_up", "whether Redis answers", (), lambda facts: [((), facts.pulse is not None)]),
    Gauge("bmprov_troubles", "how much is wrong, by `GET /api/v1/health`", ("severity",), _troubles),
    Gauge("bmprov_machines", "machines", ("site", "state"), _of_census(_by_state)),
    Gauge("bmprov_machines_power", "machines by what their BMC said last", ("site", "power"), _of_census(_by_power)),
    Gauge("bmprov_machines_in_maintenance", "machines in maintenance", ("site",), _of_census(_in_maintenance)),
    Gauge(
        "bmprov_bmcs_silent",
        "machines whose newest power reading failed",
        ("site",),
        _of_census(lambda census: [((one.site,), one.silent) for one in census.readings]),
    ),
    Gauge(
        "bmprov_readings_stale",
        "machines whose last good power reading is too old to be told",
        ("site",),
        _of_census(lambda census: [((one.site,), one.stale) for one in census.readings]),
    ),
    Gauge(
        "bmprov_bmcs_left_alone",
        "BMCs that are not asked for now, because they are silent or refuse their password",
        ("reason",),
        _of_pulse(_left_alone),
    ),
    Gauge(
        "bmprov_sweep_age_seconds",
        "since the last power sweep ended",
        ("site",),
        lambda facts: [((site,), age_s) for site, age_s in facts.sweep_ages.items()],
    ),
    Gauge(
        "bmprov_sweep_duration_seconds",
        "how long the last power sweep took",
        ("site",),
        _of_pulse(lambda pulse: [((one.site,), one.took_s) for one in pulse.sweeps]),
    ),
    Gauge("bmprov_operations_unfinished", "operations under way", ("site", "kind"), _of_census(_unfinished)),
    Gauge(
        "bmprov_operations_due",
        "operations that wait for a worker, by the database",
        ("site", "queue"),
        _of_census(lambda census: [((one.site, one.urgency), one.operations) for one in census.due]),
    ),
    Gauge(
        "bmprov_operations_due_age_seconds",
        "since the first of them waits",
        ("site", "queue"),
        _of_census(lambda census: [((one.site, one.urgency), census.at - one.oldest_at) for one in census.due]),
    ),
    Gauge(
        "bmprov_queue_jobs",
        "jobs in Redis",
        ("site", "queue"),
        _of_pulse(lambda pulse: [((one.site, one.urgency), one.jobs) for one in pulse.queues]),
    ),
    Gauge("bmprov_processes", "processes that live", ("site", "part"), _of_pulse(_processes)),
    Gauge(
        "bmprov_region_heard_timestamp_seconds",
        "when a MAAS region's machines were listed last",
        ("region",),
        _of_census(lambda census: [((one.name,), one.heard_at) for one in census.regions if one.heard_at]),
    ),
    Gauge(
        "bmprov_region_up",
        "whether a MAAS region answered last time",
        ("region",),
        _of_census(lambda census: [((one.name,), not one.error) for one in census.regions]),
    ),
    Gauge(
        "bmprov_switch_up",
        "whether a switch could be set last time",
        ("switch",),
        _of_census(lambda census: [((one.name,), not one.error) for one in census.switches]),
    ),
    Gauge(
        "bmprov_drift",
        "open ports, instances and reservations that do not fit their machine's state",
        (),
        _of_census(lambda census: [((), len(census.drift))]),
    ),
    Gauge(
        "bmprov_webhook_deliveries_waiting",
        "webhook deliveries that are not done",
        (),
        _of_census(lambda census: [((), census.outbox.waiting)]),
    ),
    Gauge(
        "bmprov_webhook_deliveries_failing",
        "those of them that have failed at least once",
        (),
        _of_census(lambda census: [((), census.outbox.failing)]),
    ),
    Gauge("bmprov_instances", "instances that have a machine", (), _of_census(lambda census: [((), census.instances)])),
    Gauge("bmprov_images", "images in the catalogue", (), _of_census(lambda census: [((), census.images)])),
    Gauge(
        "bmprov_image_bytes", "what they take on the disk", (), _of_census(lambda census: [((), census.image_bytes)])
    ),
    Gauge(
        "bmprov_disk_free_bytes",
        "room in the file system of a folder on the API's host",
        ("folder",),
        lambda facts: [((one.what,), one.free_bytes) for one in facts.disks if not one.error],
    ),
    Gauge(
        "bmprov_disk_size_bytes",
        "its size",
        ("folder",),
        lambda facts: [((one.what,), one.total_bytes) for one in facts.disks if not one.error],
    ),
    Gauge(
        "bmprov_disk_free_inodes",
        "its free inodes",
        ("folder",),
        lambda facts: [((one.what,), one.free_files) for one in facts.disks if one.total_files],
    ),
    Gauge(
        "bmprov_certificate_not_after_timestamp_seconds",
        "when a certificate on the API's host ends",
        ("certificate",),
        lambda facts: [((one.what,), one.not_after) for one in facts.certificates if one.not_after is not None],
    ),
)
"""What goes up and down, in the order in which it is told."""
