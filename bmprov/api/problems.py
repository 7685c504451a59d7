"""Every error as a problem document (RFC 9457): what happened in one sentence, and what to check.

The class of an error decides its status and type, in one table. An error that is nobody's sentence is logged with its
traceback under a reference, and the caller is told the reference and nothing else.
"""

import secrets
from http import HTTPStatus

import structlog
from flask import Flask, Response, request
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.exceptions import NotFound as NoRoute

from bmprov.api.refusals import CutOff, Forbidden, NotJson, Stalled, TooLarge, Unauthenticated
from bmprov.errors import BmprovError, Conflict, Fatal, Invalid, NoCapacity, NotFound, Refused, Retryable

JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"
_RETRY_S = 1.0

_log = structlog.get_logger("bmprov.api")


class Problem(BaseModel):
    """An error. `detail` says in one sentence what happened, `check` what to look at."""

    type: str
    title: str
    status: int
    detail: str
    check: str | None = None


_KINDS: tuple[tuple[type[BmprovError], HTTPStatus, str], ...] = (
    (Unauthenticated, HTTPStatus.UNAUTHORIZED, "unauthenticated"),
    (Forbidden, HTTPStatus.FORBIDDEN, "forbidden"),
    (NotJson, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "media-type"),
    (TooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large"),
    (CutOff, HTTPStatus.BAD_REQUEST, "cut-off"),
    (Stalled, HTTPStatus.REQUEST_TIMEOUT, "stalled"),
    (Invalid, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid"),
    (NotFound, HTTPStatus.NOT_FOUND, "not-found"),
    (NoCapacity, HTTPStatus.CONFLICT, "no-capacity"),
    (Conflict, HTTPStatus.CONFLICT, "conflict"),
    (Refused, HTTPStatus.CONFLICT, "refused"),
    (Retryable, HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"),
    (Fatal, HTTPStatus.INTERNAL_SERVER_ERROR, "fault"),
)
"""The first class that fits decides."""

_TITLES = {
    "busy": "Another operation is ending",
    "conflict": "Not in this state",
    "cut-off": "Cut off",
    "fault": "An operator must look",
    "forbidden": "Not allowed",
    "internal": "A fault of the service",
    "invalid": "The request is not valid",
    "media-type": "Not the right type of body",
    "method": "Not possible here",
    "no-capacity": "No machine fits",
    "not-found": "Not found",
    "refused": "Refused",
    "stalled": "Stalled",
    "too-large": "Too large",
    "unauthenticated": "A token is needed",
    "unavailable": "Not available at the moment",
}


def register(app: Flask) -> None:
    """Answer every error of the app with a problem document."""
    app.register_error_handler(BmprovError, _ours)
    app.register_error_handler(HTTPException, of_http)
    app.register_error_handler(Exception, _unforeseen)


def answer(slug: str, status: int, detail: str, check: str = "", **headers: str) -> Response:
    """A problem document as a response."""
    problem = Problem(type=f"/problems/{slug}", title=_TITLES[slug], status=status, detail=detail, check=check or None)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(problem.model_dump_json(exclude_none=True), status, named, content_type=PROBLEM_TYPE)


def kind_of(error: BmprovError) -> tuple[HTTPStatus, str]:
    """An error's HTTP status, and the slug of its kind."""
    return next((status, slug) for kind, status, slug in _KINDS if isinstance(error, kind))


def title_of(slug: str) -> str:
    """What an error of this kind is called."""
    return _TITLES[slug]


def _ours(error: BmprovError) -> Response:
    status, slug = kind_of(error)
    if isinstance(error, Fatal):
        _log.error("a request ended in a fault", why=error.why, exc_info=error)
    headers = {}
    if isinstance(error, Unauthenticated):
        headers["WWW_Authenticate"] = 'Bearer realm="bmprov"'
    if isinstance(error, Retryable):
        headers["Retry_After"] = _seconds(_RETRY_S)
    if isinstance(error, Conflict) and error.retry_after_s is not None:
        slug, headers["Retry_After"] = "busy", _seconds(error.retry_after_s)
    return answer(slug, status, error.why, error.check, **headers)


def _seconds(wait_s: float) -> str:
    """RFC 9110 knows whole seconds only (section 10.2.3)."""
    return str(max(1, round(wait_s)))


def of_http(error: HTTPException) -> Response:
    """Answer an error of Flask's own, such as a path that leads nowhere."""
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if isinstance(error, NoRoute):
        return answer("not-found", status, f"there is nothing at {request.path}", "the paths in /api/v1/openapi.json")
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        said = f"{request.method} is not possible at {request.path}"
        return answer("method", status, said, f"possible here: {allowed}", Allow=allowed)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _unforeseen(error)
    return answer("invalid", status, error.description or error.name)


def _unforeseen(error: Exception) -> Response:
    reference = secrets.token_hex(6)
    _log.error("unforeseen error", reference=reference, path=request.path, exc_info=error)
    return answer(
        "internal",
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"an unforeseen error happened, its reference is {reference}",
        "the service's log has the rest under this reference",
    )
