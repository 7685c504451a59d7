"""A custom action's payload: which one, its parameters, and what role its caller has in CloudStack."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bmprov.errors import Invalid
from bmprov.payload.reading import Reader


@dataclass(frozen=True)
class CustomRequest:
    """`role_type` is CloudStack's (`Admin`, `ResourceAdmin`, `DomainAdmin`, `User`), empty when it is not told."""

    action: str
    parameters: Mapping[str, Any]
    role_type: str


def parse_custom(payload: Mapping[str, Any]) -> CustomRequest:
    """What a custom action is about, besides its instance.

    Raises:
        Invalid: it names no action.
    """
    reader = Reader.of(payload, "")
    action = reader.text("action")
    if action is None:
        raise Invalid("the payload has no 'action'", "CloudStack names it in a custom action")
    parameters = payload.get("parameters")
    given = {} if parameters is None else parameters
    if not isinstance(given, Mapping):
        raise Invalid("the payload's 'parameters' are no object", "it must be what CloudStack wrote")
    return CustomRequest(action, given, reader.object("caller").text("roletype") or "")
