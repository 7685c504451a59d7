"""MAAS regions. Their machines are rows of `machines` whose BMC is `maas://REGION/SYSTEM_ID`."""

from collections import Counter
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from bmprov.errors import Conflict
from bmprov.model import BackEnd, Region
from bmprov.store import schema
from bmprov.store.census import keep_counts
from bmprov.store.rows import to_region

_R = schema.regions.c
_M = schema.machines.c

_USED = or_(
    _M.instance_id.is_not(None),
    select(schema.operations.c.id)
    .where(schema.operations.c.machine_id == _M.id, schema.operations.c.finished_at.is_(None))
    .exists(),
)


class Regions:
    """The regions of one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def add(self, region: Region) -> None:
        """Enter a region.

        Raises:
            Conflict: its name or its URL is known already.
        """
        try:
            self._connection.execute(insert(schema.regions), vars(region) | {"created_at": self._now})
        except IntegrityError as error:
            raise Conflict(
                f"there is a MAAS region named '{region.name}', or with the URL {region.url}, already",
                "look for it with `bmprov maas list`",
            ) from error

    def get(self, region_id: str) -> Region | None:
        """The region with this id."""
        return self._one(_R.id == region_id)

    def named(self, name: str) -> Region | None:
        """The region with this name or id."""
        return self._one((_R.name == name) | (_R.id == name))

    def with_url(self, url: str) -> Region | None:
        """The region at this URL, spelled as `bmprov.maas_login` has it."""
        return self._one(_R.url == url)

    def all(self, site: str | None = None) -> list[Region]:
        """Regions by name."""
        wanted = [_R.site == site] if site else []
        rows = self._connection.execute(select(schema.regions).where(*wanted)).mappings()
        return sorted((to_region(dict(row)) for row in rows), key=lambda region: region.name)

    def machine_counts(self) -> Counter[str]:
        """How many machines each region has, by its name."""
        addresses = self._connection.execute(select(_M.bmc_address).where(_M.back_end == BackEnd.MAAS)).scalars()
        return Counter(address.split("/")[2] for address in addresses)

    def change(self, region_id: str, **columns: Any) -> None:  # noqa: ANN401 - columns of regions
        """Change a region; not its name, by which its machines belong to it.

        Raises:
            Conflict: another region has that URL.
        """
        try:
            self._connection.execute(update(schema.regions).where(_R.id == region_id).values(**columns))
        except IntegrityError as error:
            raise Conflict("another MAAS region has that URL", "look for it with `bmprov maas list`") from error

    def heard(self, region_id: str, error: str = "", version: str | None = None) -> None:
        """Note that a region's machines were listed, or why they could not be."""
        told = {"error": error} | ({} if error else {"read_at": self._now})
        self.change(region_id, **told | ({} if version is None else {"version": version}))

    def remove(self, region: Region) -> int:
        """Forget a region with its machines; how many they were.

        Raises:
            Conflict: an instance has one of them, or something is under way on one.
        """
        used = self._connection.execute(select(_M.name).where(_of(region), _USED).order_by(_M.name)).scalars().first()
        if used is not None:
            raise _in_use(region, f"machine '{used}'")
        keep_counts(self._connection, _of(region))
        try:
            gone = self._connection.execute(delete(schema.machines).where(_of(region))).rowcount
        except IntegrityError as error:  # PostgreSQL: one was reserved since
            raise _in_use(region, "a machine") from error
        self._connection.execute(delete(schema.regions).where(_R.id == region.id))
        return gone

    def _one(self, wanted: ColumnElement[bool]) -> Region | None:
        row = self._connection.execute(select(schema.regions).where(wanted)).mappings().first()
        return to_region(dict(row)) if row else None


def _of(region: Region) -> ColumnElement[bool]:
    """The machines of a region. LIKE would not do: to SQLite it has no case."""
    prefix = f"maas://{region.name}/"
    return func.substr(_M.bmc_address, 1, len(prefix)) == prefix


def _in_use(region: Region, machine: str) -> Conflict:
    return Conflict(
        f"{machine} of MAAS region '{region.name}' has an instance, or something is under way on it",
        "delete its instance first, and wait for what is under way",
    )
