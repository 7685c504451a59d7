"""The page as a part of the application: its views, its headers, its errors.

Every view is reached by somebody we know (`visitor.py`), and answers HTML; its errors are pages (`errors.py`). The
content security policy (`headers.py`) allows scripts and styles of our own files alone: what people write into names
and notes can run nothing even if it got into a page.
"""

from flask import Blueprint, Flask, Response, g, request
from werkzeug.exceptions import NotFound

from bmprov.api.credentials import Keyring
from bmprov.roles import ANYBODY
from bmprov.services import Services
from bmprov.web import looks
from bmprov.web.assets import Assets
from bmprov.web.badge import Badge
from bmprov.web.errors import ErrorPages
from bmprov.web.events import EventsPage
from bmprov.web.hall.page import HallPage
from bmprov.web.headers import dress
from bmprov.web.health import HealthPage
from bmprov.web.images import ImagesPage
from bmprov.web.live.hub import Hub
from bmprov.web.live.topic import Topics
from bmprov.web.live.view import Live
from bmprov.web.machine.page import MachinePage
from bmprov.web.now.page import NowPage
from bmprov.web.oidc.sign_on import SignOn
from bmprov.web.operation.page import OperationPage
from bmprov.web.people import cookies, own_page
from bmprov.web.people.door import Door
from bmprov.web.people.me import Me
from bmprov.web.people.people import People
from bmprov.web.people.refusals import Refusals
from bmprov.web.people.signing_in import SigningIn
from bmprov.web.programs import Programs
from bmprov.web.sending import send
from bmprov.web.visitor import allowed
from bmprov.web.written import Written


def register(app: Flask, services: Services) -> None:
    """Add the page to the application that serves the API."""
    web = Blueprint("web", __name__, template_folder="templates")
    door = Door(services)
    assets, topics, badge = Assets(), Topics(), Badge(services.checkup)
    app.extensions["live"] = hub = Hub(services.store, topics, app.app_context)
    web.before_request(door.identify)
    web.after_request(dress)
    ErrorPages(services.store, door.visitor, Refusals(services.orders)).register(app, web)
    written = Written(services.queue)
    for part in (
        HallPage(services, topics, written),
        NowPage(services, topics, written),
        MachinePage(services, topics),
        OperationPage(services, topics),
        SigningIn(services),
        SignOn(services),
        Me(services),
        People(services),
        Live(hub, services.store),
        EventsPage(services, topics),
        ImagesPage(services, topics),
        HealthPage(services, topics, badge),
        Programs(services, Keyring(services.store)),
    ):
        part.register(web)
    web.add_url_rule("/<path:nowhere>", "nowhere", allowed(ANYBODY)(_nowhere))
    app.add_url_rule("/static/<name>", endpoint="static", view_func=assets.serve)
    looks.install(app, assets, badge)
    app.jinja_env.globals["csrf"] = own_page.field
    _tell_in_a_cookie(app, services)
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


def _nowhere(nowhere: str) -> Response:  # noqa: ARG001 - Flask's signature
    raise NotFound
