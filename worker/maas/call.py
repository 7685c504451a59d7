"""One call of MAAS's API 2.0: an address below `/MAAS/api/2.0/`, for most changes an operation, and parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import quote, urlencode

_POWERS = frozenset(
    {
        "power_on",
        "power_off",
        "query_power_state",
        "release",
        "abort",
        "rescue_mode",
        "exit_rescue_mode",
        "mark_broken",
    }
)
Value: TypeAlias = str | int | bool | Sequence[str] | None
Fields: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True)
class Call:
    """What to ask. `of` names in words the one thing that the address means; empty for a collection.

    A parameter that is None, empty or False is not sent: MAAS takes each of them for its own default.
    """

    method: str
    path: str
    op: str = ""
    of: str = ""
    query: Fields = field(default_factory=dict)
    form: Fields = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        """As people say it: `deploy of machine 4y3h7n`; else as MAAS's log has it: `GET machines/`."""
        if self.op and self.of:
            return f"{self.op} of {self.of}"
        return f"{self.method} {self.path}" + (f"?op={self.op}" if self.op else "")

    @property
    def changes(self) -> bool:
        """Whether it must not be sent twice."""
        return self.method != "GET"

    @property
    def powers(self) -> bool:
        """Whether MAAS speaks to the machine's BMC before it answers."""
        return self.op in _POWERS

    @property
    def address(self) -> str:
        """Path and query."""
        query = _encoded({"op": self.op, **self.query})
        return f"{self.path}?{query}" if query else self.path

    @property
    def body(self) -> bytes | None:
        """The form; empty for a change without parameters."""
        return _encoded(self.form).encode() if self.changes else None


def machine_path(system_id: str) -> str:
    """The address of a machine."""
    return f"machines/{quote(system_id, safe='')}/"


def nics_path(system_id: str) -> str:
    """The address of a machine's interfaces."""
    return f"nodes/{quote(system_id, safe='')}/interfaces/"


def nic_path(system_id: str, nic_id: int) -> str:
    """The address of an interface of a machine."""
    return f"{nics_path(system_id)}{nic_id}/"


def _encoded(fields: Fields) -> str:
    return urlencode([(name, word) for name, value in fields.items() for word in _words(value)])


def _words(value: Value) -> list[str]:
    match value:
        case None | False | "":
            return []
        case True:
            return ["true"]
        case str() | int():
            return [str(value)]
        case _:
            return list(value)
