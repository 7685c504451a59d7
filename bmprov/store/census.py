"""Counts over the tables: what pages, metrics and `bmprov top` say about the whole service, each by one query.

Counters that only ever grow (`ended`, `out_of_band`) are asked for a span of time. What lies a while back does not
change any more, so whoever sums up keeps his sum and asks for the rest; operations of machines that were removed are
counted too.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, Select, Table, case, func, insert, select, union_all

from bmprov.census import (
    DURATIONS_S,
    Census,
    Drift,
    Due,
    Ended,
    Held,
    MachineCount,
    Outbox,
    Peer,
    SilentBmc,
    SiteReadings,
    Unfinished,
)
from bmprov.lifecycle import Kind, State
from bmprov.model import URGENCY, OperationState, Urgency
from bmprov.power import Power
from bmprov.store import schema

SETTLED_S = 120.0
"""What happened longer ago than this is committed, and changes no more: writers wait 30 s for one another at most."""

_SHOWN = 500
_DAY_S = 86_400.0
_OVERDUE_S = 60.0
_OUT_OF_BAND = "out-of-band power "
_M, _O, _E, _I = schema.machines.c, schema.operations.c, schema.events.c, schema.instances.c
_P, _S, _R, _D = schema.open_ports.c, schema.switches.c, schema.regions.c, schema.deliveries.c
_UNFINISHED = _O.finished_at.is_(None)
_BUSY = select(_O.id).where(_O.machine_id == _M.id, _UNFINISHED).exists()
_HAS_PORTS = (State.INSPECTING, State.DEPLOYING, State.ACTIVE, State.RELEASING)
_HAS_INSTANCE = (State.RESERVED, State.DEPLOYING, State.ACTIVE, State.RELEASING)


class CensusTaker:
    """Counts what is in the database of one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def take(self, freshness_s: float) -> Census:
        """Everything, as of now. A reading counts as stale when it is older than `freshness_s`."""
        machines, readings = self._machines(freshness_s)
        return Census(
            at=self._now,
            machines=machines,
            readings=readings,
            silent=self._silent(),
            unfinished=self._unfinished(),
            due=self._due(),
            held=self._held(),
            ended_in_a_day=tuple(self.ended(self._now - _DAY_S, self._now)),
            out_of_band_in_a_day=self.out_of_band(self._now - _DAY_S, self._now),
            regions=self._peers(_R.name, _R.site, _R.read_at, _R.error),
            switches=self._peers(_S.name, _S.site, _S.heard_at, _S.error),
            drift=tuple(self._drift()),
            outbox=self._outbox(),
            instances=self._count(schema.instances),
            images=self._count(schema.images),
            image_bytes=self._image_bytes(),
        )

    def ended(self, after: float, until: float) -> list[Ended]:
        """Operations that ended later than `after` and not after `until`, by kind and outcome."""
        ends = union_all(*(_ends(table.c, after, until) for table in (schema.operations, schema.past_operations)))
        took = ends.subquery()
        seconds = took.c.seconds
        bounds = (-1.0, *DURATIONS_S)
        within = [
            _how_many((seconds > low) & (seconds <= high)) for low, high in zip(bounds, DURATIONS_S, strict=False)
        ]
        buckets = [*within, _how_many(seconds > DURATIONS_S[-1])]
        query = select(took.c.kind, took.c.state, func.sum(seconds), *buckets).group_by(took.c.kind, took.c.state)
        return [Ended.of(kind, state, total, counts) for kind, state, total, *counts in self._rows(query)]

    def out_of_band(self, after: float, until: float) -> Mapping[Power, int]:
        """How often a machine was switched by somebody else in this span, by what it was switched to."""
        names = [_OUT_OF_BAND + power for power in (Power.ON, Power.OFF)]
        query = select(_E.what, func.count()).where(_E.at > after, _E.at <= until, _E.what.in_(names)).group_by(_E.what)
        counts = {Power(what.removeprefix(_OUT_OF_BAND)): count for what, count in self._rows(query)}
        return {power: counts.get(power, 0) for power in (Power.ON, Power.OFF)}

    def _machines(self, freshness_s: float) -> tuple[tuple[MachineCount, ...], tuple[SiteReadings, ...]]:
        """How many there are of each sort, and how well each site's are read: both from one look at all rows."""
        sorts = (_M.site, _M.zone, _M.state, _M.power, (_M.maintenance != "").label("maintained"))
        stale = _M.power_read_at.is_(None) | (_M.power_read_at < self._now - freshness_s)
        read = (_how_many(_M.power_error != ""), _how_many(stale), func.max(_M.power_read_at))
        counts, readings = list[MachineCount](), dict[str, SiteReadings]()
        for row in self._rows(select(*sorts, func.count(), *read).group_by(*sorts).order_by(*sorts)):
            site, zone, state, power, maintenance, machines, *told = row
            counts.append(MachineCount(site, zone, State(state), Power(power), bool(maintenance), machines))
            readings[site] = readings.get(site, SiteReadings(site)) + SiteReadings(site, machines, *told)
        return tuple(counts), tuple(readings.values())

    def _silent(self) -> tuple[SilentBmc, ...]:
        told = (_M.name, _M.site, _M.zone, _M.rack, _M.bmc_address, _M.power_error, _M.power_read_at)
        query = select(*told).where(_M.power_error != "").order_by(_M.name).limit(_SHOWN)
        return tuple(SilentBmc(*row) for row in self._rows(query))

    def _unfinished(self) -> tuple[Unfinished, ...]:
        kinds = (_O.site, _O.kind, _O.state)
        query = select(*kinds, func.count(), func.min(_O.created_at)).where(_UNFINISHED).group_by(*kinds)
        return tuple(
            Unfinished(site, Kind(kind), OperationState(state), count, oldest)
            for site, kind, state, count, oldest in self._rows(query.order_by(*kinds))
        )

    def _due(self) -> tuple[Due, ...]:
        free = _O.lease_until.is_(None) | (_O.lease_until < self._now)
        query = select(_O.site, _urgency().label("urgency"), func.count(), func.min(_O.due_at))
        query = query.where(_UNFINISHED, _O.due_at <= self._now, free).group_by(_O.site, "urgency").order_by(_O.site)
        return tuple(Due(site, Urgency(urgency), *rest) for site, urgency, *rest in self._rows(query))

    def _held(self) -> tuple[Held, ...]:
        told = (_O.lease_owner, _O.site, _O.id, _O.kind, _O.machine_name, func.coalesce(_O.step, ""), _O.lease_until)
        query = select(*told).where(_UNFINISHED, _O.lease_owner.is_not(None)).order_by(_O.lease_owner).limit(_SHOWN)
        return tuple(
            Held(owner, site, operation_id, Kind(kind), *rest)
            for owner, site, operation_id, kind, *rest in self._rows(query)
        )

    def _peers(self, *columns: ColumnElement[Any]) -> tuple[Peer, ...]:
        return tuple(Peer(*row) for row in self._rows(select(*columns).order_by(columns[0])))

    def _drift(self) -> Iterator[Drift]:
        ports = select(_M.name, _S.name, _P.interface, _P.opened_at).join_from(schema.open_ports, schema.machines)
        ports = ports.join(schema.switches).where(_M.state.not_in(_HAS_PORTS), ~_BUSY)
        for machine, switch, interface, opened_at in self._rows(ports.order_by(_M.name).limit(_SHOWN)):
            yield Drift(machine, "a port is open that it should not have", f"{switch} {interface}", opened_at)
        lone = select(_M.name, _M.state, _I.name).join_from(schema.instances, schema.machines)
        lone = lone.where(_M.state.not_in(_HAS_INSTANCE), ~_BUSY)
        for machine, state, instance in self._rows(lone.order_by(_M.name).limit(_SHOWN)):
            yield Drift(machine, f"its state is {state}, and an instance has it", instance, None)
        late = select(_M.name, _M.reserved_until).where(_M.state == State.RESERVED, ~_BUSY)
        late = late.where(_M.reserved_until < self._now - _OVERDUE_S)
        for machine, until in self._rows(late.order_by(_M.name).limit(_SHOWN)):
            yield Drift(machine, "its reservation has run out and was not taken back", "", until)

    def _outbox(self) -> Outbox:
        counts = select(func.count(), _how_many(_D.attempts > 0), func.min(_D.created_at))
        [(waiting, failing, oldest)] = self._rows(counts.where(_D.due_at.is_not(None)))
        return Outbox(waiting, failing or 0, oldest)

    def _count(self, table: Table) -> int:
        return int(self._connection.execute(select(func.count()).select_from(table)).scalar_one())

    def _image_bytes(self) -> int:
        blobs = select(schema.images.c.sha256, schema.images.c.size_bytes).distinct().subquery()
        return int(self._connection.execute(select(func.coalesce(func.sum(blobs.c.size_bytes), 0))).scalar_one())

    def _rows(self, query: Executable) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._connection.execute(query)]


def keep_counts(connection: Connection, machines: ColumnElement[bool]) -> None:
    """Before these machines are removed, keep what is counted of their operations: a counter must not go back."""
    columns = (_O.kind, _O.state, _O.created_at, _O.finished_at)
    theirs = select(*columns).where(_O.machine_id.in_(select(_M.id).where(machines)), _O.finished_at.is_not(None))
    kept = insert(schema.past_operations).from_select([column.name for column in columns], theirs)
    connection.execute(kept)


def _ends(columns: Any, after: float, until: float) -> Select[Any]:  # noqa: ANN401 - columns of either table
    seconds = (columns.finished_at - columns.created_at).label("seconds")
    query = select(columns.kind, columns.state, seconds)
    return query.where(columns.finished_at > after, columns.finished_at <= until)


def _how_many(which: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((which, 1), else_=0)), 0)


def _urgency() -> ColumnElement[str]:
    """The queue of an operation, by its kind."""
    return case({kind.value: urgency.value for kind, urgency in URGENCY.items()}, value=_O.kind)
