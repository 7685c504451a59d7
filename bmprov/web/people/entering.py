"""What every way of signing in ends with: a new session's cookie, and the page that was wanted."""

from urllib.parse import urlsplit

from flask import redirect, request
from werkzeug.wrappers import Response

from bmprov.orders import Browser, Entry
from bmprov.services import Services
from bmprov.web.people import cookies
from bmprov.web.visitor import known


def let_in(services: Services, entry: Entry, to: str) -> Response:
    """Go on as the one who has come in; whoever used this browser before is signed out."""
    before = known()
    if before is not None and before.session is not None:
        services.orders.sign_out(before.session, before.caller)
    answer = redirect(to, 303)
    cookies.put(answer, cookies.SESSION, entry.secret, services.web.session_s)
    return answer


def browser() -> Browser:
    """Who knocks."""
    return Browser(request.remote_addr or "", request.headers.get("User-Agent", ""))


def local(to: str) -> str:
    """Where to go on after signing in: a page of ours, never another host."""
    parts = urlsplit(to)
    odd = parts.scheme or parts.netloc or "\\" in to or not to.startswith("/") or to.startswith("//")
    printable = to.isprintable()
    return "/" if odd or not printable or to.startswith("/sign-in") else to
