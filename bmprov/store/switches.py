"""Switches whose ports bmprov sets."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from bmprov.cabling import ManagedSwitch
from bmprov.errors import Conflict
from bmprov.store import schema
from bmprov.store.rows import Row
from bmprov.vlans import VlanRanges

_S, _M = schema.switches.c, schema.machines.c


class Switches:
    """The switches of one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def add(self, switch: ManagedSwitch) -> None:
        """Enter a switch.

        Raises:
            Conflict: its name or its address is known already.
        """
        try:
            self._connection.execute(insert(schema.switches), _columns(vars(switch)) | {"created_at": self._now})
        except IntegrityError as error:
            raise Conflict(
                f"there is a switch named '{switch.name}', or with the address {switch.address}, already",
                "look for it with `bmprov switch list`",
            ) from error

    def named(self, name: str) -> ManagedSwitch | None:
        """The switch with this name or id."""
        return next(iter(self._where((_S.name == name) | (_S.id == name))), None)

    def all(self, site: str | None = None) -> list[ManagedSwitch]:
        """Switches by name."""
        return self._where(*([_S.site == site] if site else []))

    def change(self, switch_id: str, **values: Any) -> None:  # noqa: ANN401 - fields of ManagedSwitch
        """Change a switch.

        Raises:
            Conflict: another switch has that name or address.
        """
        try:
            self._connection.execute(update(schema.switches).where(_S.id == switch_id).values(**_columns(values)))
        except IntegrityError as error:
            raise Conflict(
                "another switch has that name or that address", "look for it with `bmprov switch list`"
            ) from error

    def heard(self, switch_id: str, error: str = "") -> None:
        """Note that a switch answered, or why it did not."""
        self.change(switch_id, error=error, **({} if error else {"heard_at": self._now}))

    def remove(self, switch: ManagedSwitch) -> None:
        """Forget a switch.

        Raises:
            Conflict: NICs are cabled to it, or its ports are open for machines.
        """
        try:
            with self._connection.begin_nested():
                self._connection.execute(delete(schema.switches).where(_S.id == switch.id))
        except IntegrityError as error:
            if names := self.open_for(switch):
                why = f"ports of switch '{switch.name}' are open for machine {', '.join(names)}"
                raise Conflict(why, "release what runs there, so that they are closed") from error
            raise Conflict(
                f"NICs are cabled to switch '{switch.name}'",
                f"see `bmprov cable list --switch {switch.name}`, and take them back with `bmprov cable remove`",
            ) from error

    def open_for(self, switch: ManagedSwitch) -> list[str]:
        """The names of the machines that ports of a switch are open for."""
        opened = select(schema.open_ports.c.machine_id).where(schema.open_ports.c.switch_id == switch.id)
        query = select(_M.name).where(_M.id.in_(opened)).order_by(_M.name)
        return list(self._connection.execute(query).scalars())

    def _where(self, *wanted: ColumnElement[bool]) -> list[ManagedSwitch]:
        rows = self._connection.execute(select(schema.switches).where(*wanted).order_by(_S.name)).mappings()
        return [_record(row) for row in rows]


def _record(row: Row) -> ManagedSwitch:
    lists = {"uplinks": tuple(row["uplinks"]), "known_as": tuple(row["known_as"])}
    return ManagedSwitch(**{**row, **lists, "vlans": VlanRanges.parse(row["vlans"])})


def _columns(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _column(value) for name, value in values.items()}


def _column(value: object) -> object:
    if isinstance(value, VlanRanges):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
