"""Dataclasses from TOML tables, and back: the settings file's form, checked by the types of their fields."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar, get_args, get_type_hints

from bmprov.subnet import Subnet

_T = TypeVar("_T")


def written(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, tuple):
        return f"[{', '.join(written(item) for item in value)}]"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, Subnet):
        return f"{{ {', '.join(f'{item.name} = {written(getattr(value, item.name))}' for item in fields(value))} }}"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def build(kind: type[_T], table: Mapping[str, Any], where: str) -> _T:
    """The dataclass that a table describes; `where` goes before the names of its keys, in errors.

    Raises:
        ValueError: a key is not known, or a value is not of its field's type.
    """
    hints = get_type_hints(kind)
    unknown = sorted(set(table) - set(hints))
    if unknown:
        raise ValueError(f"there is no setting '{where}{unknown[0]}'")
    return kind(**{name: _convert(hints[name], value, f"{where}{name}") for name, value in table.items()})


def _subnet(item: object, where: str) -> Subnet:
    needed = {"network", "range_first", "range_last"}
    if not isinstance(item, dict) or not needed <= item.keys():
        raise ValueError(f"each table of '{where}' must have {', '.join(sorted(needed))}")
    return build(Subnet, item, f"{where}.")


def _convert(kind: Any, value: Any, where: str) -> Any:  # noqa: ANN401 - a type and a TOML value
    if isinstance(value, dict):
        return build(kind, value, f"{where}.")
    if kind is float and isinstance(value, int):
        return float(value)
    if kind in (str, int, float):
        if type(value) is not kind:
            raise ValueError(f"'{where}' must be {kind.__name__}, not {value!r}")
        return value
    if isinstance(value, list):
        of = get_args(kind)[0]
        return tuple(_subnet(item, where) if of is Subnet else item for item in value)
    return kind(value)
