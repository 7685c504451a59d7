"""Whose NIC it is that asks DHCP, and what is being done to its machine: in one query, for a whole crowd of them."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from bmprov.store import schema

_N, _M, _O = schema.nics.c, schema.machines.c, schema.operations.c
_OF = (
    select(_N.mac, _M.name, _M.site, _M.secure_boot, _O.id, _O.netboot, _O.boot_ip)
    .join_from(schema.nics, schema.machines, _M.id == _N.machine_id)
    .outerjoin(schema.operations, (_O.machine_id == _M.id) & _O.finished_at.is_(None))
    .where(_N.mac.in_(bindparam("macs", expanding=True)))
)


@dataclass(frozen=True)
class Seat:
    """A NIC's machine, and the operation that is under way on it; `operation_id` is empty when none is."""

    machine: str
    site: str
    secure_boot: bool
    operation_id: str
    netboot: bool
    boot_ip: str | None


class Seats:
    """The NICs of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, macs: Collection[str]) -> dict[str, Seat]:
        """What is known of these NICs (lower case, colons), by MAC; those of no machine are left out."""
        rows = self._connection.execute(_OF, {"macs": list(macs)})
        return {
            mac: Seat(machine, site, secure_boot, operation_id or "", bool(netboot), boot_ip)
            for mac, machine, site, secure_boot, operation_id, netboot, boot_ip in rows
        }
