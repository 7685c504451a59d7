"""Which machines are looked for, as SQL: by place, state, power and tag, and by a piece of what they are known by."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from bmprov.lifecycle import State
from bmprov.mac import spelt
from bmprov.power import Power
from bmprov.store import schema

_M, _I, _N = schema.machines.c, schema.instances.c, schema.nics.c


@dataclass(frozen=True)
class MachineSearch:
    """Which machines; what is empty or None does not matter.

    `text` is a piece of a name, a MAC, a BMC's address, or an instance's name or id, whatever its case. `after` is the
    name that the list goes on behind.
    """

    site: str = ""
    zone: str | None = None
    rack: str | None = None
    state: State | None = None
    power: Power | None = None
    maintenance: bool | None = None
    tag: str = ""
    text: str = ""
    after: str = ""
    limit: int | None = None

    def query(self, dialect: str) -> Select[Any]:
        """The machines by name, in the order of its bytes, which is that of no language and the same everywhere."""
        name = _M.name.collate("C") if dialect == "postgresql" else _M.name
        query = select(schema.machines).where(*self._conditions(dialect)).order_by(name).limit(self.limit)
        return query.where(name > self.after) if self.after else query

    def _conditions(self, dialect: str) -> Iterator[ColumnElement[bool]]:
        same = {_M.site: self.site or None, _M.zone: self.zone, _M.rack: self.rack}
        same |= {_M.state: self.state, _M.power: self.power}
        yield from (column == value for column, value in same.items() if value is not None)
        if self.maintenance is not None:
            yield (_M.maintenance != "") == self.maintenance
        if self.tag:
            yield _has_tag(self.tag, dialect)
        if self.text:
            yield _known_by(self.text)


def _has_tag(tag: str, dialect: str) -> ColumnElement[bool]:
    unnest = func.json_array_elements_text if dialect == "postgresql" else func.json_each
    tags = unnest(_M.tags).table_valued("value")
    return select(tags.c.value).where(tags.c.value == tag).exists()


def _known_by(text: str) -> ColumnElement[bool]:
    mac = spelt(text) or text.replace("-", ":")
    nics = select(_N.mac).where(_N.machine_id == _M.id, _N.mac.icontains(mac, autoescape=True))
    instances = select(_I.id).where(
        _I.machine_id == _M.id, _I.name.icontains(text, autoescape=True) | _I.id.icontains(text, autoescape=True)
    )
    here = _M.name.icontains(text, autoescape=True) | _M.bmc_address.icontains(text, autoescape=True)
    return here | nics.exists() | instances.exists()
