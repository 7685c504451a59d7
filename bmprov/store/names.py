"""The machines of a site by name, with the addresses that running operations have bound them to."""

from sqlalchemy import Connection, select

from bmprov.store import schema

_M, _O = schema.machines.c, schema.operations.c


class Names:
    """The names of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, site: str) -> list[tuple[str, str | None]]:
        """Each machine's name and the address that it boots with; None while no operation boots it."""
        booting = (_O.machine_id == _M.id) & _O.finished_at.is_(None) & _O.netboot
        both = schema.machines.outerjoin(schema.operations, booting)
        query = select(_M.name, _O.boot_ip).select_from(both).where(_M.site == site).order_by(_M.name)
        return [(name, address) for name, address in self._connection.execute(query)]
