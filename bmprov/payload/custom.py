"""A custom action's payload: which one, and its parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bmprov.errors import Invalid
from bmprov.payload.reading import Reader


@dataclass(frozen=True)
class CustomRequest:
    """A custom action as it is asked for."""

    action: str
    parameters: Mapping[str, Any]


def parse_custom(payload: Mapping[str, Any]) -> CustomRequest:
    """What a custom action is about, besides its instance.

    Raises:
        Invalid: it names no action.
    """
    action = Reader.of(payload, "").text("action")
    if action is None:
        raise Invalid("the payload has no 'action'", "CloudStack names it in a custom action")
    parameters = payload.get("parameters")
    given = {} if parameters is None else parameters
    if not isinstance(given, Mapping):
        raise Invalid("the payload's 'parameters' are no object", "it must be what CloudStack wrote")
    return CustomRequest(action, given)
