"""*Me*: my password, and the browsers in which I am signed in."""

from flask import Blueprint, flash, redirect, request
from werkzeug.wrappers import Response

from bmprov.errors import Conflict, Invalid, NotFound
from bmprov.orders import NotThem
from bmprov.orders.people import person_named
from bmprov.roles import READERS
from bmprov.services import Services
from bmprov.web.people.door import own_session
from bmprov.web.render import page
from bmprov.web.visitor import allowed, visitor

KEY_CHARS = 16
"""So much of a session's hash names it in a form."""


class Me:
    """The page of whoever looks."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def register(self, web: Blueprint) -> None:
        """Add the views."""
        mine = allowed(READERS)
        web.add_url_rule("/me", "me", mine(self.show))
        web.add_url_rule("/me/password", "my_password", mine(self.change_password), methods=["POST"])
        web.add_url_rule("/me/sessions/<key>/sign-out", "my_session", mine(self.end), methods=["POST"])
        web.add_url_rule("/me/sign-out-others", "my_others", mine(self.end_others), methods=["POST"])

    def show(self) -> str:
        """The page."""
        session = own_session(visitor())
        with self._services.store.read() as transaction:
            person = person_named(transaction, visitor().name)
            sessions = transaction.sessions.of(person.id, self._services.web.session_idle_s)
        return page("me.html", title="Me", person=person, sessions=sessions, this=session, key_chars=KEY_CHARS)

    def change_password(self) -> Response:
        """Set a new password; all other sessions end."""
        session = own_session(visitor())
        old, new, again = (request.form.get(name, "") for name in ("old", "new", "again"))
        if new != again:
            flash("Nothing has changed: the new password was typed in two ways.", "bad")
            return redirect("/me", 303)
        try:
            self._services.orders.change_own_password(session, old, new, visitor().caller)
        except NotThem:
            flash("The old password is wrong: nothing has changed.", "bad")
        except (Invalid, Conflict) as error:
            flash(f"Nothing has changed: {error}.", "bad")
        else:
            flash("Your password is changed, and you are signed out everywhere else.", "good")
        return redirect("/me", 303)

    def end(self, key: str) -> Response:
        """Sign out of one browser."""
        mine = own_session(visitor())
        with self._services.store.read() as transaction:
            sessions = transaction.sessions.of(mine.person_id, self._services.web.session_idle_s)
        found = next((one for one in sessions if one.sha256[:KEY_CHARS] == key), None)
        if found is None:
            raise NotFound("you are not signed in there any more", "reload the page")
        self._services.orders.sign_out(found, visitor().caller)
        if found.sha256 == mine.sha256:
            return redirect("/sign-in", 303)
        flash("That browser is signed out.", "good")
        return redirect("/me", 303)

    def end_others(self) -> Response:
        """Sign out of every browser but this one."""
        ended = self._services.orders.sign_out_others(own_session(visitor()), visitor().caller)
        flash(f"{ended} other sessions have ended.", "good")
        return redirect("/me", 303)
