"""*People*: who may sign in, and which screens on walls show the pages. For administrators."""

from flask import Blueprint, flash, redirect, request
from werkzeug.wrappers import Response

from bmprov.errors import Refused
from bmprov.model import Role
from bmprov.orders import LINK_S, ROLES, NewPerson, PersonChange
from bmprov.orders.people import person_named
from bmprov.roles import ADMINS
from bmprov.services import Services
from bmprov.web.render import page
from bmprov.web.visitor import allowed, visitor

_ONE = "/people/<name>"
_MINUTE_S = 60


class People:
    """The pages of people and wall links."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def register(self, web: Blueprint) -> None:
        """Add the views."""
        admins = allowed(ADMINS)
        web.add_url_rule("/people", "people", admins(self.all))
        web.add_url_rule("/people", "add_person", admins(self.add), methods=["POST"])
        web.add_url_rule(_ONE, "person", admins(self.one))
        web.add_url_rule(f"{_ONE}/role", "person_role", admins(self.set_role), methods=["POST"])
        web.add_url_rule(f"{_ONE}/disable", "disable_person", admins(self.disable), methods=["POST"])
        web.add_url_rule(f"{_ONE}/enable", "enable_person", admins(self.enable), methods=["POST"])
        web.add_url_rule(f"{_ONE}/sign-out", "sign_person_out", admins(self.sign_out), methods=["POST"])
        web.add_url_rule(f"{_ONE}/link", "link_person", admins(self.link), methods=["POST"])
        web.add_url_rule(f"{_ONE}/remove", "remove_person", admins(self.remove), methods=["POST"])
        web.add_url_rule("/walls", "add_wall", admins(self.add_wall), methods=["POST"])
        web.add_url_rule("/walls/<link_id>/revoke", "revoke_wall", admins(self.revoke_wall), methods=["POST"])

    def all(self, shown: dict[str, str] | None = None) -> str:
        """Everybody, and all wall links."""
        with self._services.store.read() as transaction:
            people, links = transaction.people.all(), transaction.wall_links.all()
        live = [link for link in links if link.revoked_at is None]
        return page("people.html", title="People", people=people, links=live, roles=ROLES, shown=shown)

    def add(self) -> Response:
        """Enter somebody, who is given a sign-in link then."""
        try:
            new = NewPerson(request.form.get("name", ""), _role())
            person = self._services.orders.add_person(new, visitor().caller)
        except Refused as error:
            flash(f"Nobody was added: {error}.", "bad")
            return redirect("/people", 303)
        flash(f"{person.name} is added. Make a sign-in link now, and hand it over.", "good")
        return redirect(f"/people/{person.name}", 303)

    def one(self, name: str, link: str = "") -> str:
        """Somebody: what they may, where they are signed in, and what can be done about it."""
        with self._services.store.read() as transaction:
            person = person_named(transaction, name)
            sessions = transaction.sessions.of(person.id, self._services.web.session_idle_s)
        minutes = LINK_S // _MINUTE_S
        return page(
            "person.html",
            title=person.name,
            person=person,
            sessions=sessions,
            roles=ROLES,
            link=link,
            minutes=minutes,
        )

    def set_role(self, name: str) -> Response:
        """Give them another role."""
        return self._change(name, PersonChange(role=_role()), "They have another role now.")

    def disable(self, name: str) -> Response:
        """Let them in no more."""
        return self._change(name, PersonChange(disabled=True), "They are disabled, and signed out everywhere.")

    def enable(self, name: str) -> Response:
        """Let them in again."""
        return self._change(name, PersonChange(disabled=False), "They may sign in again.")

    def sign_out(self, name: str) -> Response:
        """End all their sessions."""
        ended = self._services.orders.end_sessions(name, visitor().caller)
        flash(f"{ended} sessions have ended.", "good")
        return redirect(f"/people/{name}", 303)

    def link(self, name: str) -> str:
        """Make a sign-in link, and show it this once."""
        return self.one(name, self._services.sign_in_url(name, visitor().caller, request.host))

    def remove(self, name: str) -> Response:
        """Forget them."""
        self._services.orders.remove_person(name, visitor().caller)
        flash(f"{name} is removed.", "good")
        return redirect("/people", 303)

    def add_wall(self) -> str | Response:
        """Make a wall link, and show its address this once."""
        try:
            made = self._services.orders.add_wall_link(request.form.get("name", ""), visitor().caller)
        except Refused as error:
            flash(f"No link was made: {error}.", "bad")
            return redirect("/people", 303)
        return self.all({"name": made.link.name, "url": self._services.wall_url(made.secret, request.host)})

    def revoke_wall(self, link_id: str) -> Response:
        """End a wall link."""
        self._services.orders.revoke_wall_link(link_id, visitor().caller)
        flash("The link is revoked: its screen shows nothing new any more.", "good")
        return redirect("/people", 303)

    def _change(self, name: str, change: PersonChange, done: str) -> Response:
        try:
            self._services.orders.change_person(name, change, visitor().caller)
        except Refused as error:
            flash(f"Nothing has changed: {error}.", "bad")
        else:
            flash(done, "good")
        return redirect(f"/people/{name}", 303)


def _role() -> Role:
    """The role that was chosen; nothing that is none is taken for one."""
    told = request.form.get("role", "")
    return Role(told) if told in set(ROLES) else Role.CLOUD  # which no person may have, so it is refused in words
