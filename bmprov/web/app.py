"""The page as a part of the application: its views, its headers, its errors.

Every view is reached by somebody we know (`visitor.py`), and answers HTML. The content security policy allows scripts
and styles of our own files alone: what people write into names and notes can run nothing even if it got into a page.
"""

import secrets
from http import HTTPStatus

import structlog
from flask import Blueprint, Flask, Response, g, request
from werkzeug.exceptions import HTTPException, NotFound

from bmprov.api import problems
from bmprov.api.refusals import Forbidden, Unauthenticated
from bmprov.errors import BmprovError, Fatal
from bmprov.roles import ANYBODY
from bmprov.services import Services
from bmprov.web import looks
from bmprov.web.assets import Assets
from bmprov.web.hall.page import HallPage
from bmprov.web.live.hub import Hub
from bmprov.web.live.topic import Topics
from bmprov.web.live.view import Live
from bmprov.web.machine.page import MachinePage
from bmprov.web.now.page import NowPage
from bmprov.web.operation.page import OperationPage
from bmprov.web.people import cookies, own_page
from bmprov.web.people.door import Door
from bmprov.web.people.me import Me
from bmprov.web.people.people import People
from bmprov.web.people.refusals import Refusals
from bmprov.web.people.signing_in import SigningIn
from bmprov.web.render import page
from bmprov.web.sending import send
from bmprov.web.visitor import allowed
from bmprov.web.written import Written

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",  # with `no-referrer`, browsers send `Origin: null` with our own forms
}

_log = structlog.get_logger("bmprov.web")


def register(app: Flask, services: Services) -> None:
    """Add the page to the application that serves the API."""
    web = Blueprint("web", __name__, template_folder="templates")
    door = Door(services)
    assets = Assets()
    topics = Topics()
    app.extensions["live"] = hub = Hub(services.store, topics, app.app_context)
    web.before_request(door.identify)
    web.after_request(_finish)
    refusals = Refusals(services.orders)
    web.register_error_handler(Forbidden, lambda error: _forbidden(error, refusals))
    web.register_error_handler(Unauthenticated, _stranger)
    web.register_error_handler(BmprovError, _ours)
    web.register_error_handler(HTTPException, _of_http)
    web.register_error_handler(Exception, _unforeseen)
    written = Written(services.queue)
    for shown in (HallPage(services, topics, written), NowPage(services, topics, written)):
        shown.register(web)
    for part in (SigningIn(services), Me(services), People(services), Live(hub, services.store)):
        part.register(web)
    web.add_url_rule("/<path:nowhere>", "nowhere", allowed(ANYBODY)(_nowhere))
    app.add_url_rule("/static/<name>", endpoint="static", view_func=assets.serve)
    looks.install(app, assets)
    app.jinja_env.globals["csrf"] = own_page.field
    _tell_in_a_cookie(app, services)
    for pages in (MachinePage(services, topics), OperationPage(services, topics)):
        pages.add_to(web)
    app.after_request(lambda response: send(request, response, keep=g.get("lives", False)))
    app.register_blueprint(web)


def _tell_in_a_cookie(app: Flask, services: Services) -> None:
    """What `flash` is told stands in a signed cookie until the next page; it holds no secret."""
    app.secret_key = services.vault.derived_key("what the page tells")
    app.config |= {
        "SESSION_COOKIE_NAME": cookies.TOLD,
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
    }


def _finish(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _nowhere(nowhere: str) -> Response:  # noqa: ARG001 - Flask's signature
    raise NotFound


def _ours(error: BmprovError) -> tuple[str, int]:
    status, slug = problems.kind_of(error)
    if isinstance(error, Fatal):
        _log.error("a page ended in a fault", why=error.why, exc_info=error)
    return _error(status, problems.title_of(slug), error.why, error.check)


def _forbidden(error: Forbidden, refusals: Refusals) -> tuple[str, int]:
    refusals.note()
    return _ours(error)


def _stranger(error: Unauthenticated) -> tuple[str, int]:
    return _error(HTTPStatus.UNAUTHORIZED, "You are not signed in", error.why, error.check)


def _of_http(error: HTTPException) -> tuple[str, int] | Response:
    if request.path.startswith("/api/"):
        return problems.of_http(error)
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    if status is HTTPStatus.NOT_FOUND:
        return _error(status, "There is no such page", f"nothing is at {request.path}", "go by the menu, or search")
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        return _error(status, "Not possible here", f"{request.method} is not possible here", "go by the menu")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _unforeseen(error)
    return _error(status, status.phrase, error.description or status.description, "go back and try again")


def _unforeseen(error: Exception) -> tuple[str, int]:
    reference = secrets.token_hex(6)
    _log.error("unforeseen error", reference=reference, path=request.path, exc_info=error)
    return _error(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "A fault of the service",
        f"an unforeseen error happened, its reference is {reference}",
        "an administrator finds the rest in the service's log under this reference",
    )


def _error(status: HTTPStatus, title: str, why: str, check: str) -> tuple[str, int]:
    return page("error.html", title=title, status=int(status), why=why, check=check), status
