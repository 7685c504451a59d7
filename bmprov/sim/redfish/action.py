"""Actions: a POST with a parameter that has listed values (DSP0266, section 7.11)."""

from collections.abc import Callable, Sequence
from http import HTTPStatus

from bmprov.sim.redfish.message import Answer, Document, Request, parse, refusal
from bmprov.sim.redfish.resource import Resource


def reset_document(target: str, values: Sequence[str]) -> Document:
    """How a resource tells what its action Reset takes."""
    return {"target": target, "ResetType@Redfish.AllowableValues": list(values)}


def reset_resource(action: str, values: Sequence[str], act: Callable[[str], None]) -> Resource:
    """The target of an action Reset such as `ComputerSystem.Reset`; `act` gets the ResetType."""

    def post(request: Request) -> Answer:
        act(_reset_type(parse(request), action, values))
        return Answer(HTTPStatus.NO_CONTENT)

    return Resource(post=post)


def _reset_type(sent: Document, action: str, values: Sequence[str]) -> str:
    unknown = next((name for name in sent if name != "ResetType" and "@" not in name), None)
    if unknown is not None:
        raise refusal(HTTPStatus.BAD_REQUEST, "ActionParameterUnknown", action, unknown)
    if "ResetType" not in sent:
        raise refusal(HTTPStatus.BAD_REQUEST, "ActionParameterMissing", action, "ResetType")
    wanted = sent["ResetType"]
    if not isinstance(wanted, str) or wanted not in values:
        raise refusal(HTTPStatus.BAD_REQUEST, "ActionParameterValueNotInList", str(wanted), "ResetType", action)
    return wanted
