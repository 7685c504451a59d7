"""Who asks, before any view runs: by a session's cookie, else by a wall link's.

What was found counts for some seconds in this process, so that a page with many requests is one question to the
database; it is forgotten at once when this process changes anything about people.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

import structlog
from flask import current_app, g, redirect, request
from werkzeug.wrappers import Response

from bmprov.api.refusals import Forbidden, Unauthenticated
from bmprov.errors import Retryable
from bmprov.model import Role, Session, WallLink
from bmprov.orders.signing_in import digest
from bmprov.orders.walls import wall_secret
from bmprov.roles import ANYBODY
from bmprov.services import Services
from bmprov.store import Transaction
from bmprov.web.people import cookies, own_page
from bmprov.web.visitor import Visitor

REMEMBERED_S = 4.0
"""How long an answer counts; so long a session that another process has ended may still show pages here."""

_REMEMBERED = 4096
_SEEN_EVERY_S = 60.0

_log = structlog.get_logger("bmprov.web")


class Door:
    """Lets visitors in."""

    def __init__(self, services: Services, clock: Callable[[], float] = time.monotonic) -> None:
        self._services = services
        self._clock = clock
        self._remembered: dict[str, tuple[Visitor, float, int]] = {}

    def identify(self) -> Response | None:
        """Note who asks; strangers are sent to the sign-in page.

        Raises:
            Forbidden: it changes something, and does not come from a page of ours.
            Unauthenticated: a stranger asks for what is no page to look at.
        """
        g.visitor = self.visitor()
        if getattr(current_app.view_functions[request.endpoint or ""], "roles", None) == ANYBODY:
            return None
        if g.visitor is None:
            return _to_sign_in()
        self._refuse_other_pages(g.visitor)
        return None

    def visitor(self) -> Visitor | None:
        """Who shows a cookie that is good; None for a stranger."""
        for cookie, find in ((cookies.SESSION, self._person), (cookies.WALL, self._screen)):
            secret = cookies.secret_in(request, cookie)
            if secret and (found := self._found(f"{cookie} {digest(secret)}", secret, find)):
                return replace(found, origin=request.remote_addr or "")
        return None

    def _found(
        self, key: str, secret: str, find: Callable[[Transaction, str], tuple[Visitor, float | None] | None]
    ) -> Visitor | None:
        changes = self._services.orders.people_changes
        known, until, under = self._remembered.get(key, (None, 0.0, -1))
        if known is not None and self._clock() < until and under == changes:
            return known
        with self._services.store.read() as transaction:
            found = find(transaction, secret)
            now = transaction.now
        if found is None:
            self._remembered.pop(key, None)
            return None
        known, seen_at = found
        if seen_at is None or now - seen_at >= _SEEN_EVERY_S:
            self._see(known)
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        self._remembered[key] = (known, self._clock() + REMEMBERED_S, changes)
        return known

    def _person(self, transaction: Transaction, secret: str) -> tuple[Visitor, float | None] | None:
        idle_s = self._services.web.session_idle_s
        found = transaction.sessions.live(digest(secret), idle_s)
        if found is None:
            return None
        session, person = found
        token = own_page.token_of(secret)
        return Visitor(person.name, person.role, session=session, idle_s=idle_s, csrf=token), session.seen_at

    @staticmethod
    def _screen(transaction: Transaction, secret: str) -> tuple[Visitor, float | None] | None:
        link = live_wall_link(transaction, secret)
        return None if link is None else (Visitor(f"wall:{link.name}", Role.VIEWER, wall_link=link.id), link.seen_at)

    def _see(self, visitor: Visitor) -> None:
        """Note that they are here. A database that is busy is not worth a refusal."""
        try:
            with self._services.store.write() as transaction:
                if visitor.session is not None:
                    transaction.sessions.see(visitor.session.sha256)
                else:
                    transaction.wall_links.see(visitor.wall_link)
        except Retryable as error:
            _log.warning("it is not noted who was seen", visitor=visitor.name, error=str(error))

    def _refuse_other_pages(self, visitor: Visitor) -> None:
        if request.method in own_page.SAFE:
            return
        ours = own_page.browser_says(request, self._services.web.url) is not False
        if not ours or (visitor.session is not None and not own_page.shows(request, visitor.csrf)):
            raise Forbidden(
                "this does not come from a page of bmprov that is up to date",
                "go back, reload the page and try again; if a link has led you here, do not trust where it stood",
            )


def own_session(visitor: Visitor) -> Session:
    """The session of a person.

    Raises:
        Forbidden: it is a screen on a wall.
    """
    if visitor.session is None:
        raise Forbidden("this screen is nobody's", "sign in with a name to do this")
    return visitor.session


def live_wall_link(transaction: Transaction, shown: str) -> WallLink | None:
    """The live link whose secret this is."""
    link_id, secret = wall_secret(shown)
    link = transaction.wall_links.get(link_id)
    good = link is not None and link.revoked_at is None and link.sha256 == digest(secret)
    return link if good else None


def _to_sign_in() -> Response:
    wants_page = request.method == "GET" and not request.path.startswith("/live/")
    if not wants_page:
        raise Unauthenticated("you are not signed in any more", "sign in, then do it again")
    to = request.full_path.rstrip("?")
    return redirect("/sign-in" if to == "/" else f"/sign-in?to={quote(to)}", 303)
