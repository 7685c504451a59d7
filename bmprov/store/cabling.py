"""Cables: what people have entered, what LLDP and option 82 say. What holds is found by `bmprov.cabling`."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from bmprov.cabling import Cable, Heard, ManagedSwitch, Neighbour, NicCabling, RelaySighting, Source, settle
from bmprov.errors import Conflict
from bmprov.model import Nic
from bmprov.store import schema

_C, _N, _R = schema.cables.c, schema.neighbours.c, schema.relay_sightings.c
_NICS, _M = schema.nics.c, schema.machines.c


class Cabling:
    """The cables of one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def enter(self, cable: Cable) -> None:
        """Write down a cable as a person tells it, instead of what was entered for this NIC before.

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

    def forget(self, mac: str) -> bool:
        """Take back what people and LLDP have said of a NIC's cable; whether there was something."""
        entered = self._connection.execute(delete(schema.cables).where(_C.mac == mac)).rowcount
        heard = self._connection.execute(delete(schema.neighbours).where(_N.mac == mac)).rowcount
        return bool(entered or heard)

    def hear(self, neighbours: Iterable[Neighbour]) -> None:
        """Write down what LLDP said now."""
        for neighbour in neighbours:
            values = vars(neighbour) | {"seen_at": self._now}
            known = update(schema.neighbours).where(_N.mac == neighbour.mac).values(**values)
            if not self._connection.execute(known).rowcount:
                self._connection.execute(insert(schema.neighbours), values)

    def of(self, nics: Sequence[Nic], switches: Sequence[ManagedSwitch]) -> Mapping[str, NicCabling]:
        """What holds of the cables of these NICs, by MAC, in their order."""
        macs = [nic.mac for nic in nics]
        cables = {one.mac: one for one in self._cables(macs)}
        neighbours = {one.mac: one for one in self._neighbours(macs)}
        relays = {one.mac: one for one in self._relays(macs)}
        settled = dict[str, NicCabling]()
        for mac in macs:
            heard = Heard(cables.get(mac), neighbours.get(mac), relays.get(mac))
            alone = settle(mac, heard, switches)
            rivals = self._rivals(alone, heard, switches)
            settled[mac] = settle(mac, Heard(heard.cable, heard.neighbour, heard.relay, rivals), switches)
        return settled

    def ports_of(self, switch: ManagedSwitch) -> frozenset[str]:
        """The ports and aggregates of a switch that people have entered."""
        rows = self._connection.execute(select(_C.port, _C.aggregate).where(_C.switch_id == switch.id))
        return frozenset(name for row in rows for name in row if name)

    def _rivals(self, cabling: NicCabling, heard: Heard, switches: Sequence[ManagedSwitch]) -> Sequence[str]:
        """Who else is said to be on a NIC's port: entered for it, or with LLDP's same words, newer than ours."""
        place = cabling.place
        if place is None:
            return ()
        rivals = list[str]()
        if heard.cable is None:
            entered = (_C.switch_id == place.switch.id) & (_C.port == place.port) & (_C.mac != cabling.mac)
            rivals += self._connection.execute(select(_C.mac).where(entered)).scalars()
        said = {place.port} | ({heard.neighbour.port} if heard.neighbour else set())
        since = heard.cable.at if heard.cable else 0.0
        same = select(schema.neighbours).where(_N.port.in_(said), _N.mac != cabling.mac, _N.seen_at > since)
        for row in self._connection.execute(same).mappings():
            there = settle(row["mac"], Heard(neighbour=Neighbour(**row)), switches).place
            if there is not None and (there.switch.id, there.port) == (place.switch.id, place.port):
                rivals.append(row["mac"])
        return [self._named(mac) for mac in sorted(set(rivals))]

    def _cables(self, macs: Sequence[str]) -> list[Cable]:
        rows = self._connection.execute(select(schema.cables).where(_C.mac.in_(macs))).mappings()
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
