"""A JSON object that is read with suspicion: what is missing, of another type or not printable goes no further."""

import base64
import math
import re
from collections.abc import Iterator

from worker.http_answer import printable

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_MOST_LETTERS = 500
_MOST = 2**62  # beyond that no database keeps a number


class Odd(Exception):
    """A document that MAAS would not send. `str` says where and why."""


class Facts:
    """A JSON object; `where` names it in errors. A value that is null counts as one that is missing."""

    def __init__(self, told: object, where: str) -> None:
        if not isinstance(told, dict):
            raise Odd(f"{where} is no object")
        self._told: dict[str, object] = told
        self._where = where

    def number(self, name: str) -> int:
        """A number that must be there; a fraction is cut off."""
        if (found := self.number_or_none(name)) is None:
            raise self._odd(name, "is missing")
        return found

    def number_or_none(self, name: str) -> int | None:
        """A number, if it is there."""
        match self._told.get(name):
            case None:
                return None
            case bool():
                raise self._odd(name, "is no number")
            case int() | float() as found if math.isfinite(found) and 0 <= found < _MOST:
                return int(found)
            case _:
                raise self._odd(name, "is no number that can be")

    def name(self, name: str) -> str:
        """Text that must be there."""
        if not (found := self.text(name)):
            raise self._odd(name, "is missing")
        return found

    def text(self, name: str, most: int = _MOST_LETTERS) -> str:
        """Text on one line, empty if it is not there."""
        match self._told.get(name):
            case None:
                return ""
            case str() as found:
                return printable(" ".join(found.split()), most)
            case _:
                raise self._odd(name, "is no text")

    def encoded(self, name: str) -> bytes:
        """What is there in base64; nothing if it is not there."""
        found = self._told.get(name)
        if not isinstance(found, str | None):
            raise self._odd(name, "is no text")
        try:
            return base64.b64decode(found or "")
        except ValueError:
            raise self._odd(name, "is no base64") from None

    def mac(self, name: str) -> str:
        """A MAC in lower case with colons."""
        found = self.text(name).lower().replace("-", ":")
        if not _MAC.fullmatch(found):
            raise self._odd(name, "is no MAC")
        return found

    def flag(self, name: str, *, default: bool = False) -> bool:
        """True or false."""
        found = self._told.get(name)
        if found is None:
            return default
        if not isinstance(found, bool):
            raise self._odd(name, "is neither true nor false")
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts, each on one line."""
        found = self._list(name)
        if not all(isinstance(one, str) for one in found):
            raise self._odd(name, "is no list of texts")
        return tuple(printable(one, _MOST_LETTERS) for one in found if isinstance(one, str))

    def inner(self, name: str) -> "Facts":
        """An object that must be there."""
        return Facts(self._told.get(name), f"{name} of {self._where}")

    def inner_or_none(self, name: str) -> "Facts | None":
        """An object, if it is there."""
        return None if self._told.get(name) is None else self.inner(name)

    def members(self, name: str) -> list["Facts"]:
        """A list of objects."""
        return objects(self._list(name), f"{name} of {self._where}")

    def items(self) -> Iterator[tuple[str, str]]:
        """Its values that are texts, by their names."""
        return ((printable(name, _MOST_LETTERS), self.text(name)) for name, one in self._told.items() if _is_text(one))

    def _list(self, name: str) -> list[object]:
        found = self._told.get(name)
        if not isinstance(found, list | None):
            raise self._odd(name, "is no list")
        return found or []

    def _odd(self, name: str, why: str) -> Odd:
        return Odd(f"{name} of {self._where} {why}")


def objects(told: object, where: str) -> list[Facts]:
    """A JSON list of objects."""
    if not isinstance(told, list):
        raise Odd(f"{where} is no list")
    return [Facts(one, f"one of {where}") for one in told]


def _is_text(value: object) -> bool:
    return isinstance(value, str)
