"""Where machines stand, and who is there already."""

from sqlalchemy import Connection, select, update

from bmprov.model import Machine
from bmprov.place import Place
from bmprov.store import schema

_M = schema.machines.c


class Places:
    """The places of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def taken(self, site: str, place: Place, but: str) -> tuple[str, Place] | None:
        """Another machine than the one with the id `but` that fills one of these units, and its place."""
        if not place.units:
            return None
        here = (_M.site == site, _M.zone == place.zone, _M.pod == place.pod, _M.rack == place.rack, _M.id != but)
        meets = (_M.rack_position < place.units.stop, _M.rack_position + _M.height_u > place.units.start)
        found = self._connection.execute(
            select(_M.name, _M.rack_position, _M.height_u).where(*here, *meets).order_by(_M.rack_position).limit(1)
        ).first()
        return found and (found.name, Place(place.zone, place.pod, place.rack, found.rack_position, found.height_u))

    def put(self, machine: Machine, place: Place) -> None:
        """Note where a machine stands now."""
        values = {
            "zone": place.zone,
            "pod": place.pod,
            "rack": place.rack,
            "rack_position": place.position,
            "height_u": place.height_u,
        }
        self._connection.execute(update(schema.machines).where(_M.id == machine.id).values(**values))
