"""What the region says to a call: JSON, or a refusal in the form that MAAS gives each kind of refusal."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
Document = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """One answer. `afterwards` is done before it is sent, and its refusal is sent instead.

    MAAS talks to a BMC so, when the transaction is over: what the answer tells is from before.
    """

    body: bytes
    status: int = HTTPStatus.OK
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    afterwards: Callable[[], Awaitable[None]] | None = None


class Refusal(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body.decode())
        self.answer = answer


def encoded(document: Any) -> bytes:  # noqa: ANN401 - JSON
    return json.dumps(document, separators=(",", ":")).encode()


def told(document: Any, afterwards: Callable[[], Awaitable[None]] | None = None) -> Answer:  # noqa: ANN401 - JSON
    return Answer(encoded(document), afterwards=afterwards)


def refused(status: HTTPStatus, text: str) -> Refusal:
    return Refusal(Answer(text.encode(), status, TEXT))


def invalid(**errors: str) -> Refusal:
    """400, with what is wrong with each parameter."""
    return Refusal(Answer(encoded({name: [text] for name, text in errors.items()}), HTTPStatus.BAD_REQUEST))


def bad_request(text: str) -> Refusal:
    return refused(HTTPStatus.BAD_REQUEST, text)


def missing(kind: str) -> Refusal:
    return refused(HTTPStatus.NOT_FOUND, f"No {kind} matches the given query.")


def conflict(text: str) -> Refusal:
    return refused(HTTPStatus.CONFLICT, text)


def forbidden(text: str = "") -> Refusal:
    return refused(HTTPStatus.FORBIDDEN, text)
