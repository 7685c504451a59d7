"""Requests, answers, and the error bodies of Redfish (DSP0266, section 8.6, and the registry Base of DSP0268)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

Document = dict[str, Any]
"""A JSON object as it is on the wire."""

REGISTRY = "Base.1.18"
_JSON = "application/json; charset=utf-8"
_SEPARATE = "@Message.ExtendedInfo"

MESSAGES: Mapping[str, str] = MappingProxyType(
    {
        "ActionParameterMissing": "The action %1 requires the parameter %2 to be present in the request body.",
        "ActionParameterUnknown": "The action %1 was submitted with the invalid parameter %2.",
        "ActionParameterValueNotInList": (
            "The value %1 for the parameter %2 in the action %3 is not in the list of acceptable values."
        ),
        "ActionParameterValueFormatError": (
            "The value %1 for the parameter %2 in the action %3 is of a different format than the parameter can accept."
        ),
        "CreateFailedMissingReqProperties": (
            "The create operation failed because the required property %1 was missing from the request."
        ),
        "CreateLimitReachedForResource": (
            "The create operation failed because the resource has reached the limit of possible resources."
        ),
        "EmptyJSON": (
            "The request body submitted contained an empty JSON object and the service is unable to process it."
        ),
        "GeneralError": "A general error has occurred. See Resolution for information on how to resolve the error.",
        "HeaderInvalid": "Header %1 is invalid.",
        "InsufficientPrivilege": (
            "There are insufficient privileges for the account or credentials associated with the current session to "
            "perform the requested operation."
        ),
        "MalformedJSON": (
            "The request body submitted was malformed JSON and could not be parsed by the receiving service."
        ),
        "NoOperation": (
            "The request body submitted contain no data to act upon and no changes to the resource took place."
        ),
        "NoValidSession": "There is no valid session established with the implementation.",
        "OperationNotAllowed": "The HTTP method is not allowed on this resource.",
        "PreconditionFailed": "The ETag supplied did not match the ETag required to change this resource.",
        "PropertyNotWritable": "The property %1 is a read only property and cannot be assigned a value.",
        "PropertyUnknown": "The property %1 is not in the list of valid properties for the resource.",
        "PropertyValueFormatError": (
            "The value %1 for the property %2 is of a different format than the property can accept."
        ),
        "PropertyValueNotInList": "The value %1 for the property %2 is not in the list of acceptable values.",
        "PropertyValueTypeError": (
            "The value %1 for the property %2 is of a different type than the property can accept."
        ),
        "QueryNotSupported": "Querying is not supported by the implementation.",
        "ResourceAlreadyExists": (
            "The requested resource of type %1 with the property %2 with the value %3 already exists."
        ),
        "ResourceAtUriUnauthorized": (
            "While accessing the resource at %1, the service received an authorization error %2."
        ),
        "ResourceCannotBeDeleted": ("The delete request failed because the resource requested cannot be deleted."),
        "ResourceInStandby": "The request could not be performed because the resource is in standby.",
        "ResourceInUse": "The change to the requested resource failed because the resource is in use or in transition.",
        "ResourceMissingAtURI": "The resource at the URI %1 was not found.",
        "ServiceDisabled": "The operation failed because the service at %1 is disabled and cannot accept requests.",
        "ServiceTemporarilyUnavailable": "The service is temporarily unavailable. Retry in %1 seconds.",
        "SessionLimitExceeded": (
            "The session establishment failed due to the number of simultaneous sessions exceeding the limit of the "
            "implementation."
        ),
    }
)
"""The messages of the registry that this BMC has a use for."""


@dataclass(frozen=True)
class Request:
    """A request: `path` without its query, `headers` with names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    query: str = ""


@dataclass(frozen=True)
class Answer:
    """An answer, whose body is JSON unless a header says otherwise."""

    status: int = HTTPStatus.OK
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Message:
    """One message of the registry; `about` is the JSON pointer of the property that it is about."""

    name: str
    arguments: tuple[str, ...] = ()
    about: str = ""

    def document(self) -> Document:
        """It as JSON."""
        text = MESSAGES[self.name]
        for place, argument in enumerate(self.arguments, 1):
            text = text.replace(f"%{place}", f"'{argument}'")
        told: Document = {
            "@odata.type": "#Message.v1_2_0.Message",
            "MessageId": f"{REGISTRY}.{self.name}",
            "Message": text,
            "MessageArgs": list(self.arguments),
            "MessageSeverity": "Critical",
            "Resolution": "Correct the request and send it again.",
        }
        return told | ({"RelatedProperties": [self.about]} if self.about else {})


class Refusal(Exception):
    """The request is not fulfilled, and nothing was changed."""

    def __init__(self, status: int, *messages: Message, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(*(message.name for message in messages))
        self.answer = Answer(status, _error(messages), {"Content-Type": _JSON, **(headers or {})})


def refusal(status: int, name: str, *arguments: str) -> Refusal:
    """A refusal with one message."""
    return Refusal(status, Message(name, arguments))


def answer(document: Document, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, json.dumps(document).encode(), {"Content-Type": _JSON, **(headers or {})})


def parse(request: Request) -> Document:
    """The JSON object in a request.

    Raises:
        Refusal: there is none.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if request.body and kind != "application/json":
        raise refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "HeaderInvalid", "Content-Type")
    try:
        document = json.loads(request.body)
    except (ValueError, RecursionError):
        raise refusal(HTTPStatus.BAD_REQUEST, "MalformedJSON") from None
    if not isinstance(document, dict):
        raise refusal(HTTPStatus.BAD_REQUEST, "MalformedJSON")
    return document


def _error(messages: tuple[Message, ...]) -> bytes:
    first = messages[0].document()
    code, text = (first["MessageId"], first["Message"]) if len(messages) == 1 else _several()
    told = [message.document() for message in messages]
    return json.dumps({"error": {"code": code, "message": text, _SEPARATE: told}}).encode()


def _several() -> tuple[str, str]:
    return f"{REGISTRY}.GeneralError", MESSAGES["GeneralError"]
