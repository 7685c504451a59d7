"""Cables: what people have entered, what LLDP and option 82 say. What holds is found by `bmprov.cabling`."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from bmprov.cabling import (
    Cable,
    Heard,
    KnownSwitches,
    ManagedSwitch,
    Neighbour,
    NicCabling,
    PortPlace,
    RelaySighting,
    Source,
    settle,
)
from bmprov.errors import Conflict
from bmprov.model import Nic
from bmprov.store import schema

_C, _N, _R = schema.cables.c, schema.neighbours.c, schema.relay_sightings.c
_NICS, _M = schema.nics.c, schema.machines.c


class _Said(NamedTuple):
    """A NIC that is said to be on a port, since when."""

    place: tuple[str, str]
    mac: str
    at: float


class Cabling:
    """The cables of one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def enter(self, cable: Cable) -> None:
        """Write down a cable as a person tells it now, instead of what was entered for this NIC before.

        Raises:
            Conflict: another NIC is entered for this port.
        """
        values = vars(cable) | {"at": self._now}
        try:
            with self._connection.begin_nested():
                known = update(schema.cables).where(_C.mac == cable.mac).values(**values)
                if not self._connection.execute(known).rowcount:
                    self._connection.execute(insert(schema.cables), values)
        except IntegrityError as error:
            other = self._whose(cable)
            raise Conflict(
                f"{other} is entered for port {cable.port} of that switch already",
                "a port has one cable: `bmprov cable remove` takes the old one back",
            ) from error

    def entered(self) -> list[Cable]:
        """The cables that people have entered."""
        return self._cables()

    def sharing(self, place: PortPlace) -> list[Cable]:
        """Those of them that share a port or an aggregate with this place."""
        names = [name for name in (place.port, place.aggregate) if name]
        return self._cables(_C.switch_id == place.switch.id, _C.port.in_(names) | _C.aggregate.in_(names))

    def take_back(self, mac: str) -> None:
        """Take back what people have entered for a NIC."""
        self._connection.execute(delete(schema.cables).where(_C.mac == mac))

    def forget(self, mac: str) -> bool:
        """Take back all that was said of a NIC's cable; whether there was something. What is true is heard again."""
        tables = (schema.cables, schema.neighbours, schema.relay_sightings)
        rows = [self._connection.execute(delete(table).where(table.c.mac == mac)).rowcount for table in tables]
        return any(rows)

    def hear(self, neighbours: Iterable[Neighbour]) -> None:
        """Write down what LLDP said now."""
        for neighbour in neighbours:
            values = vars(neighbour) | {"seen_at": self._now}
            known = update(schema.neighbours).where(_N.mac == neighbour.mac).values(**values)
            if not self._connection.execute(known).rowcount:
                self._connection.execute(insert(schema.neighbours), values)

    def of(self, nics: Sequence[Nic], switches: Sequence[ManagedSwitch]) -> Mapping[str, NicCabling]:
        """What holds of the cables of these NICs, by MAC, in their order."""
        macs, known = [nic.mac for nic in nics], KnownSwitches(switches)
        cables = {one.mac: one for one in self._cables(_C.mac.in_(macs))}
        neighbours = {one.mac: one for one in self._neighbours(macs)}
        relays = {one.mac: one for one in self._relays(macs)}
        heard = {mac: Heard(cables.get(mac), neighbours.get(mac), relays.get(mac)) for mac in macs}
        places = {mac: place for mac, said in heard.items() if (place := settle(mac, said, known).place)}
        said = defaultdict[tuple[str, str], list[_Said]](list)
        for switch in {place.switch for place in places.values()}:
            for one in self._said_of(switch, known):
                said[one.place].append(one)
        for mac, place in places.items():
            heard[mac] = replace(heard[mac], rivals=self._rivals(mac, heard[mac].cable, said[_key(place)]))
        return {mac: settle(mac, heard[mac], known) for mac in macs}

    def ports_of(self, switch: ManagedSwitch) -> frozenset[str]:
        """The ports and aggregates of a switch that people have entered."""
        rows = self._connection.execute(select(_C.port, _C.aggregate).where(_C.switch_id == switch.id))
        return frozenset(name for row in rows for name in row if name)

    def _said_of(self, switch: ManagedSwitch, known: KnownSwitches) -> list[_Said]:
        """Who is said to be on a switch's ports: by people, and by LLDP where that is newer than what people say."""
        entered = self._connection.execute(select(_C.port, _C.mac).where(_C.switch_id == switch.id))
        by_people = [_Said((switch.id, port), mac, math.inf) for port, mac in entered]
        columns = [func.lower(_N.system), func.lower(_N.chassis)]
        called: list[ColumnElement[bool]] = [column.in_(switch.names) for column in columns]
        called += [column.startswith(f"{name}.", autoescape=True) for column in columns for name in switch.names]
        newer = _C.at.is_(None) | (_C.at < _N.seen_at)
        query = select(schema.neighbours).outerjoin(schema.cables, _C.mac == _N.mac).where(or_(*called), newer)
        heard = [Neighbour(**row) for row in self._connection.execute(query).mappings()]
        places = ((one, settle(one.mac, Heard(neighbour=one), known).place) for one in heard)
        return by_people + [_Said(_key(place), one.mac, one.seen_at) for one, place in places if place]

    def _rivals(self, mac: str, cable: Cable | None, said: Sequence[_Said]) -> Sequence[str]:
        """Who else is said to be on a NIC's port, since a person has entered that NIC for it."""
        since = cable.at if cable else -math.inf
        macs = {one.mac for one in said if one.mac != mac and one.at > since}
        return [self._named(rival) for rival in sorted(macs)]

    def _cables(self, *wanted: ColumnElement[bool]) -> list[Cable]:
        rows = self._connection.execute(select(schema.cables).where(*wanted).order_by(_C.mac)).mappings()
        return [Cable(**{**row, "source": Source(row["source"])}) for row in rows]

    def _neighbours(self, macs: Sequence[str]) -> list[Neighbour]:
        rows = self._connection.execute(select(schema.neighbours).where(_N.mac.in_(macs))).mappings()
        return [Neighbour(**row) for row in rows]

    def _relays(self, macs: Sequence[str]) -> list[RelaySighting]:
        rows = self._connection.execute(select(schema.relay_sightings).where(_R.mac.in_(macs))).mappings()
        return [RelaySighting(**row) for row in rows]

    def _whose(self, cable: Cable) -> str:
        there = (_C.switch_id == cable.switch_id) & (_C.port == cable.port)
        mac = self._connection.execute(select(_C.mac).where(there)).scalars().first()
        return self._named(mac or "")

    def _named(self, mac: str) -> str:
        query = select(_M.name).join(schema.nics, _NICS.machine_id == _M.id).where(_NICS.mac == mac)
        machine = self._connection.execute(query).scalars().first()
        return f"NIC {mac} of {machine}" if machine else f"NIC {mac}"


def _key(place: PortPlace) -> tuple[str, str]:
    return place.switch.id, place.port
