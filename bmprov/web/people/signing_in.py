"""Signing in by password or link, and out. Each way in ends the session that the browser had, and begins a new one."""

from http import HTTPStatus

from flask import Blueprint, flash, redirect, request
from werkzeug.wrappers import Response

from bmprov.api.refusals import Forbidden
from bmprov.orders import NotThem, TooManyTries
from bmprov.roles import ANYBODY, READERS
from bmprov.services import Services
from bmprov.web.people import cookies, own_page
from bmprov.web.people.door import live_wall_link
from bmprov.web.people.entering import browser, let_in, local
from bmprov.web.render import page
from bmprov.web.visitor import allowed, known, visitor


class SigningIn:
    """The sign-in page, and what is behind its links."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def register(self, web: Blueprint) -> None:
        """Add the views."""
        open_to_all = allowed(ANYBODY)
        web.add_url_rule("/sign-in", "sign_in", open_to_all(self.form))
        web.add_url_rule("/sign-in", "try_sign_in", open_to_all(self.by_password), methods=["POST"])
        web.add_url_rule("/sign-in/link", "link", open_to_all(self.link))
        web.add_url_rule("/sign-in/link", "redeem_link", open_to_all(self.by_link), methods=["POST"])
        web.add_url_rule("/wall", "wall", open_to_all(self.wall))
        web.add_url_rule("/wall", "hang_wall", open_to_all(self.by_wall_link), methods=["POST"])
        web.add_url_rule("/sign-out", "sign_out", allowed(READERS)(self.sign_out), methods=["POST"])

    def form(self) -> str | Response:
        """The sign-in page; who is signed in already goes on."""
        looks = known()
        return redirect(_onward(), 303) if looks is not None and looks.session is not None else self._form()

    def by_password(self) -> Response:
        """Sign in by name and password."""
        self._refuse_other_pages()
        name, password = request.form.get("name", ""), request.form.get("password", "")
        try:
            entry = self._services.orders.sign_in(name, password, browser(), self._services.web.session_s)
        except NotThem as error:
            return Response(self._form(error.why, error.check, name), HTTPStatus.UNAUTHORIZED, mimetype="text/html")
        except TooManyTries as error:
            told = {"Retry-After": str(round(error.retry_after_s or 1))}
            again = self._form(error.why, error.check, name)
            return Response(again, HTTPStatus.TOO_MANY_REQUESTS, told, mimetype="text/html")
        return let_in(self._services, entry, _onward())

    def link(self) -> str:
        """The page that shows the ticket behind the `#`, which only a script can read."""
        return page("by_link.html", title="Sign in", what="sign-in", bad=False)

    def by_link(self) -> Response:
        """Sign in by a ticket."""
        self._refuse_other_pages()
        told = self._services.redeem_sign_in(request.form.get("secret", ""))
        entry = told and self._services.orders.sign_in_by_link(*told, browser(), self._services.web.session_s)
        if not entry:
            bad = page("by_link.html", title="Sign in", what="sign-in", bad=True)
            return Response(bad, HTTPStatus.UNAUTHORIZED, mimetype="text/html")
        if not entry.person.password_hash:
            flash("You have no password yet: set one here, or ask for a link each time.", "warn")
        return let_in(self._services, entry, "/" if entry.person.password_hash else "/me")

    def wall(self) -> str:
        """The page that shows a wall link's secret."""
        return page("by_link.html", title="Wall screen", what="wall", bad=False)

    def by_wall_link(self) -> Response:
        """Keep a wall link's secret in this browser."""
        self._refuse_other_pages()
        secret = request.form.get("secret", "")
        with self._services.store.read() as transaction:
            link = live_wall_link(transaction, secret)
        if link is None:
            bad = page("by_link.html", title="Wall screen", what="wall", bad=True)
            return Response(bad, HTTPStatus.UNAUTHORIZED, mimetype="text/html")
        answer = redirect("/", 303)
        cookies.put(answer, cookies.WALL, secret, cookies.WALL_S)
        return answer

    def sign_out(self) -> Response:
        """End this session, or take the wall link out of this browser."""
        looks = visitor()
        if looks.session is not None:
            self._services.orders.sign_out(looks.session, looks.caller)
        answer = redirect("/sign-in", 303)
        cookies.drop(answer, cookies.WALL if looks.session is None else cookies.SESSION)
        return answer

    def _form(self, why: str = "", check: str = "", name: str = "") -> str:
        with self._services.store.read() as transaction:
            nobody = not transaction.people.all()
        provider = self._services.web.provider_name if self._services.web.oidc_issuer else ""
        to = _onward()
        return page(
            "sign_in.html", title="Sign in", why=why, check=check, name=name, nobody=nobody, provider=provider, to=to
        )

    def _refuse_other_pages(self) -> None:
        """There is no session yet whose token a form could show, so the browser must say where the form stood.

        Raises:
            Forbidden: it stood somewhere else, or nothing is said of it.
        """
        if own_page.browser_says(request, self._services.web.url) is not True:
            raise Forbidden(
                "this does not come from bmprov's own sign-in page",
                "open the sign-in page by its address; behind a proxy, set `web.url` to that address",
            )


def _onward() -> str:
    return local(request.values.get("to", "/"))
