"""The Flask application of the API. Whatever it needs is handed in; it holds no state of its own."""

import time
from http import HTTPStatus

import structlog
from flask import Flask, Response, g, request

from bmprov.api import problems, scrape
from bmprov.api.body import discard
from bmprov.api.credentials import Keyring
from bmprov.api.dispatch import Dispatch
from bmprov.api.openapi import Document
from bmprov.api.resources.cables import Cables
from bmprov.api.resources.cloudstack import CloudStack
from bmprov.api.resources.events import Events
from bmprov.api.resources.health import Health
from bmprov.api.resources.images import Images
from bmprov.api.resources.instances import Instances
from bmprov.api.resources.machines import Machines
from bmprov.api.resources.operations import Operations
from bmprov.api.resources.people import People
from bmprov.api.resources.regions import Regions
from bmprov.api.resources.switches import Switches
from bmprov.api.resources.tokens import Tokens
from bmprov.api.resources.wall_links import WallLinks
from bmprov.api.resources.webhooks import Webhooks
from bmprov.api.routing import Route, routes_of
from bmprov.api.scrape import Scrape
from bmprov.services import Services

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_log = structlog.get_logger("bmprov.access")


def create_app(services: Services) -> Flask:
    """The application on these services."""
    app = Flask("bmprov", static_folder=None)
    app.url_map.merge_slashes = False  # else werkzeug answers a doubled slash with a redirect to another name
    keyring = Keyring(services.store)
    for one in routes(services, keyring):
        flask_path = one.mark.path.replace("{", "<").replace("}", ">")
        app.add_url_rule(flask_path, endpoint=one.id, view_func=Dispatch(one, keyring))
    app.add_url_rule(scrape.PATH, endpoint="metrics", view_func=Scrape(services, keyring))
    problems.register(app)
    app.before_request(_start)
    app.after_request(_finish)
    return app


def routes(services: Services, keyring: Keyring) -> list[Route]:
    """Every route of the API."""
    resources = [
        Machines(services),
        Images(services),
        Instances(services),
        Operations(services),
        CloudStack(services),
        Regions(services),
        Switches(services),
        Cables(services),
        Tokens(services, keyring),
        People(services),
        WallLinks(services),
        Webhooks(services),
        Events(services),
        Health(services),
    ]
    told = routes_of(resources)
    return told + routes_of([Document(told)])


def _start() -> None:
    g.began = time.perf_counter()


def _finish(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        discard(request)
    # the query is left out: a caller may have put a secret there by mistake
    _log.info(
        "request",
        method=request.method,
        path=request.path,
        status=response.status_code,
        ms=round((time.perf_counter() - g.began) * 1000, 1),
        caller=g.caller.name if "caller" in g else None,
        origin=request.remote_addr,
    )
    return response
