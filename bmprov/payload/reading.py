"""Typed access to a JSON object: the value, None where it is absent, or `Invalid` that names the key."""

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from bmprov.errors import Invalid
from bmprov.model import Arch

ARCHES: Mapping[str, Arch] = MappingProxyType(
    {"x86_64": Arch.X86_64, "amd64": Arch.X86_64, "aarch64": Arch.AARCH64, "arm64": Arch.AARCH64}
)
"""Architectures as CloudStack and MAAS spell them."""

_T = TypeVar("_T")
_TEXT_LIMIT = 4096
_FIGURE_LIMIT = 2**53


class Reader:
    """A JSON object and the name that it goes by in errors."""

    def __init__(self, content: Mapping[str, Any], name: str = "") -> None:
        self._content = content
        self._name = name

    @classmethod
    def of(cls, value: object, name: str) -> "Reader":
        """A reader of `value`, which must be an object."""
        if not isinstance(value, Mapping):
            raise Invalid(f"the payload's '{name}' is not an object", "it must be what CloudStack wrote")
        return cls(value, name)

    def key(self, key: str) -> str:
        """The full name of a key, for an error."""
        return f"{self._name}.{key}" if self._name else key

    def raw(self, key: str) -> object:
        """The value as it is."""
        return self._content.get(key)

    def without(self, keys: re.Pattern[str]) -> dict[str, Any]:
        """The entries whose keys do not match."""
        return {key: value for key, value in self._content.items() if not keys.search(key)}

    def object(self, key: str) -> "Reader":
        """The object under `key`; an empty one when it is absent."""
        value = self._content.get(key)
        return Reader.of({} if value is None else value, self.key(key))

    def objects(self, key: str) -> Iterator["Reader"]:
        """The objects in the list under `key`; none when it is absent."""
        value = self._content.get(key)
        if value is None:
            return
        if not isinstance(value, list):
            raise Invalid(f"the payload's '{self.key(key)}' is not a list", "it must be what CloudStack wrote")
        for number, item in enumerate(value):
            yield Reader.of(item, f"{self.key(key)}[{number}]")

    def text(self, key: str) -> str | None:
        """The text under `key`, without blanks around it; None when it is absent or empty."""
        value = self._content.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise Invalid(f"the payload's '{self.key(key)}' is not a text", f"it is {type(value).__name__}")
        value = value.strip()
        if len(value) > _TEXT_LIMIT or not value.isprintable():
            raise Invalid(
                f"the payload's '{self.key(key)}' is too long or holds control characters",
                f"at most {_TEXT_LIMIT} characters",
            )
        return value or None

    def one_of(self, key: str, known: Mapping[str, _T]) -> _T | None:
        """What `known` has for the text under `key`, in any case; None when it is absent or empty."""
        text = self.text(key)
        if text is None:
            return None
        found = known.get(text.lower())
        if found is None:
            raise Invalid(f"the payload's '{self.key(key)}' is '{text[:40]}'", f"it can be {', '.join(known)}")
        return found

    def figure(self, key: str) -> int | None:
        """The whole number under `key`, which details carry as text; None when it is absent."""
        value = self._content.get(key)
        if value is None or value == "":
            return None
        text = str(value) if isinstance(value, (int, str)) else ""
        if not re.fullmatch(r"\s*-?[0-9]{1,20}\s*", text, re.ASCII):
            raise Invalid(f"the payload's '{self.key(key)}' is not a whole number", "write digits only")
        figure = int(text)
        if not 0 <= figure < _FIGURE_LIMIT:
            raise Invalid(f"the payload's '{self.key(key)}' is out of range", f"it is {str(figure)[:20]}")
        return figure


def nearest(sources: Iterable[Reader], key: str) -> str | None:
    """The text under `key` of the first source that has one."""
    return next(filter(None, (source.text(key) for source in sources)), None)
