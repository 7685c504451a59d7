"""Switch ports that are open for a machine. Written before a port is opened, so that no crash leaves one forgotten."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from bmprov.cabling import Interface
from bmprov.errors import Conflict
from bmprov.model import BackEnd, Machine
from bmprov.port_orders import PortView
from bmprov.store import schema
from bmprov.store.cabling import Cabling
from bmprov.store.switches import Switches

_P, _M = schema.open_ports.c, schema.machines.c


class Ports:
    """The open ports of one transaction."""

    def __init__(self, connection: Connection, now: float, switches: Switches, cabling: Cabling) -> None:
        self._connection = connection
        self._now = now
        self._switches = switches
        self._cabling = cabling

    def view(self, machine: Machine) -> PortView:
        """A machine's ports. Those of a MAAS's machine are not ours to set."""
        known = {} if machine.back_end is BackEnd.MAAS else {switch.id: switch for switch in self._switches.all()}
        if not known:
            return PortView()
        switches = [switch for switch in known.values() if switch.site == machine.site]
        rows = self._connection.execute(select(_P.switch_id, _P.interface).where(_P.machine_id == machine.id))
        opened = tuple(Interface(known[switch_id], name) for switch_id, name in rows)
        cabling = self._cabling.of(machine.nics, switches)
        places = {nic.place.interface for nic in cabling.values() if nic.place}
        others = {place: name for place in sorted(places, key=str) if (name := self._other(machine, place))}
        return PortView(tuple(switches), cabling, opened, others)

    def open(self, machine: Machine, interfaces: Iterable[Interface]) -> None:
        """Note that these interfaces are about to be opened for a machine.

        Raises:
            Conflict: one of them is open for another.
        """
        for interface in interfaces:
            mine = _at(interface) & (_P.machine_id == machine.id)
            if not self._connection.execute(update(schema.open_ports).where(mine).values(opened_at=self._now)).rowcount:
                self._insert(machine, interface)

    def _insert(self, machine: Machine, interface: Interface) -> None:
        row = {"switch_id": interface.switch.id, "interface": interface.name, "machine_id": machine.id}
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(schema.open_ports), row | {"opened_at": self._now})
        except IntegrityError as error:
            raise Conflict(
                f"port {interface} is open for machine '{self._other(machine, interface)}'",
                "one of the two is cabled elsewhere: look at the cable, then `bmprov cable set`",
            ) from error

    def close(self, machine: Machine, interfaces: Iterable[Interface]) -> None:
        """Note that these interfaces have been closed."""
        for interface in interfaces:
            self._connection.execute(delete(schema.open_ports).where(_at(interface), _P.machine_id == machine.id))

    def _other(self, machine: Machine, interface: Interface) -> str:
        """The name of the other machine that an interface is open for, empty when there is none."""
        query = select(_M.name).join(schema.open_ports, _M.id == _P.machine_id)
        found = self._connection.execute(query.where(_at(interface), _P.machine_id != machine.id)).scalar()
        return str(found or "")


def _at(interface: Interface) -> ColumnElement[bool]:
    return (_P.switch_id == interface.switch.id) & (_P.interface == interface.name)
