"""Who asked CloudStack: `caller` in the payload, which background calls do not have."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bmprov.payload.reading import Reader


@dataclass(frozen=True)
class CloudUser:
    """`role_type` is CloudStack's (`Admin`, `ResourceAdmin`, `DomainAdmin`, `User`); empty is what is not told."""

    name: str = ""
    role_type: str = ""

    def __str__(self) -> str:
        """As people read it: `alice (User)`."""
        return f"{self.name} ({self.role_type})" if self.name and self.role_type else self.name


def parse_user(payload: Mapping[str, Any]) -> CloudUser:
    """Who asked.

    Raises:
        Invalid: `caller` is not what CloudStack writes.
    """
    caller = Reader.of(payload, "").object("caller")
    return CloudUser(caller.text("name") or "", caller.text("roletype") or "")
