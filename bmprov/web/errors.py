"""Errors as pages: what happened in one sentence, what to check, and where to go from here.

No error page asks the database for anything that it cannot do without, and none shows a traceback.
"""

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from urllib.parse import urlsplit

import structlog
from flask import Blueprint, Flask, Response, g, make_response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from bmprov.api import problems
from bmprov.api.refusals import Forbidden, Unauthenticated
from bmprov.errors import BmprovError, Conflict, Fatal, Retryable
from bmprov.store import Store
from bmprov.web.headers import dress
from bmprov.web.near import Near, near_to
from bmprov.web.people.refusals import Refusals
from bmprov.web.render import page
from bmprov.web.visitor import Visitor

TRY_AGAIN_S = 10
"""A page that could not be shown for a reason that passes tries again this often."""

_TITLES: Mapping[HTTPStatus, str] = MappingProxyType(
    {
        HTTPStatus.BAD_REQUEST: "This could not be understood",
        HTTPStatus.UNAUTHORIZED: "Sign in first",
        HTTPStatus.FORBIDDEN: "Not allowed",
        HTTPStatus.NOT_FOUND: "Not found",
        HTTPStatus.METHOD_NOT_ALLOWED: "Not possible here",
        HTTPStatus.CONFLICT: "Not as things are now",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Too large",
        HTTPStatus.UNPROCESSABLE_ENTITY: "This cannot be right",
        HTTPStatus.TOO_MANY_REQUESTS: "Too often",
        HTTPStatus.INTERNAL_SERVER_ERROR: "A fault of the service",
        HTTPStatus.SERVICE_UNAVAILABLE: "Not available at the moment",
    }
)
_CHECKS: Mapping[HTTPStatus, str] = MappingProxyType(
    {
        HTTPStatus.BAD_REQUEST: "go back, reload the page and try again",
        HTTPStatus.NOT_FOUND: "go by the menu, or search in the hall",
        HTTPStatus.METHOD_NOT_ALLOWED: "open the page and use its own buttons",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "send less: notes are short, and images go by `bmprov image add`",
        HTTPStatus.TOO_MANY_REQUESTS: "wait a little, then try again",
    }
)
_SECRETS = ("password", "secret", "csrf", "token")

_log = structlog.get_logger("bmprov.web")


@dataclass(frozen=True)
class Wrong:
    """What went wrong. `retry_after_s` says that it passes."""

    status: HTTPStatus
    why: str
    check: str = ""
    retry_after_s: float | None = None
    title: str = ""


class ErrorPages:
    """Answers every error of a page. `find_visitor` finds out who asks, where that has not been done yet."""

    def __init__(self, store: Store, find_visitor: Callable[[], Visitor | None], refusals: Refusals) -> None:
        self._store = store
        self._find_visitor = find_visitor
        self._refusals = refusals

    def register(self, app: Flask, web: Blueprint) -> None:
        """Answer the errors of these views, and those of addresses that no view has."""
        web.register_error_handler(BmprovError, self.ours)
        web.register_error_handler(HTTPException, self.http)
        web.register_error_handler(Exception, self.unforeseen)
        app.register_error_handler(HTTPException, self.http)

    def ours(self, error: BmprovError) -> Response:
        """An error that says its own sentence."""
        status, _ = problems.kind_of(error)
        if isinstance(error, Forbidden):
            self._refusals.note()
        if isinstance(error, Fatal):
            _log.error("a page ended in a fault", why=error.why, exc_info=error)
        wait_s = error.retry_after_s if isinstance(error, Conflict | Retryable) else None
        if isinstance(error, Retryable):
            wait_s = wait_s or TRY_AGAIN_S
        if isinstance(error, Unauthenticated):
            return self._answer(Wrong(status, _signed_out()))
        return self._answer(Wrong(status, error.why, error.check, wait_s))

    def http(self, error: HTTPException) -> Response:
        """An error of Flask's own."""
        if request.path.startswith("/api/"):
            return problems.of_http(error)
        if error.response is not None:
            return make_response(error.get_response())  # a redirect
        status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            return self.unforeseen(error)
        why = {
            HTTPStatus.NOT_FOUND: f"nothing is at {request.path}",
            HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not possible at {request.path}",
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "what was sent is larger than this takes",
        }.get(status, (error.description or status.description or status.phrase).rstrip("."))
        nowhere = "There is no such page" if status is HTTPStatus.NOT_FOUND else ""
        answer = self._answer(Wrong(status, why, title=nowhere))
        if isinstance(error, MethodNotAllowed):
            answer.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return answer

    def unforeseen(self, error: Exception) -> Response:
        """An error that nobody has a sentence for: a reference, under which the log has the rest."""
        reference = secrets.token_hex(6)
        _log.error("unforeseen error", reference=reference, path=request.path, exc_info=error)
        why = f"an unforeseen error happened, its reference is {reference}"
        check = "an administrator finds the rest in the service's log under this reference"
        return self._answer(Wrong(HTTPStatus.INTERNAL_SERVER_ERROR, why, check))

    def _answer(self, wrong: Wrong) -> Response:
        if "visitor" not in g:
            g.visitor = None if _passes(wrong) else self._visitor()
        shown = page(
            "error.html",
            title=wrong.title or _TITLES.get(wrong.status, wrong.status.phrase),
            wrong=wrong,
            check=wrong.check or _CHECKS.get(wrong.status, ""),
            near=self._near(wrong.status),
            back=_back(),
            typed=_typed(),
            again_s=TRY_AGAIN_S if _passes(wrong) else None,
        )
        answer = make_response(shown, wrong.status)
        if wrong.retry_after_s is not None:
            answer.headers["Retry-After"] = str(max(1, round(wrong.retry_after_s)))
        return dress(answer)

    def _visitor(self) -> Visitor | None:
        with suppress(BmprovError):
            return self._find_visitor()
        return None  # the page is without a menu

    def _near(self, status: HTTPStatus) -> list[Near]:
        """What may have been meant by an address that leads nowhere, for those who may see it."""
        if status is not HTTPStatus.NOT_FOUND or g.get("visitor") is None:
            return []
        with suppress(BmprovError), self._store.read() as transaction:
            return near_to(request.path, transaction)
        return []


def _passes(wrong: Wrong) -> bool:
    return wrong.status is HTTPStatus.SERVICE_UNAVAILABLE and request.method in ("GET", "HEAD")


def _signed_out() -> str:
    if request.method in ("GET", "HEAD"):
        return "nobody is signed in here, or the session has ended"
    return "your session has ended, so nothing was done and nothing that you typed was kept"


def _back() -> str:
    """The page that the reader came from, if it is one of ours."""
    came_from = urlsplit(request.referrer or "")
    if came_from.netloc != request.host or came_from.path == request.path:
        return ""
    return f"{came_from.path}?{came_from.query}" if came_from.query else came_from.path


def _typed() -> list[tuple[str, str]]:
    """What a form of ours held that was refused, without secrets: the reader may want to copy it."""
    if request.method != "POST" or request.headers.get("Sec-Fetch-Site") != "same-origin":
        return []
    with suppress(HTTPException):  # it may be what is wrong
        shown = request.form.items()
        return [(name, text) for name, text in shown if text.strip() and not any(part in name for part in _SECRETS)]
    return []
