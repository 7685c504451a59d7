"""*Tokens* and *Webhooks*: the programs that call bmprov, and those that it calls. For administrators."""

from flask import Blueprint, flash, redirect, request
from werkzeug.wrappers import Response

from bmprov.api.credentials import Keyring
from bmprov.api.token_desk import TokenDesk
from bmprov.errors import Invalid, Refused
from bmprov.model import Role
from bmprov.roles import ADMINS
from bmprov.services import Services
from bmprov.web.render import page
from bmprov.web.visitor import allowed, visitor

_NAME_CHARS = 64
_SHOWN = 20


class Programs:
    """The pages of tokens and webhooks."""

    def __init__(self, services: Services, keyring: Keyring) -> None:
        self._services = services
        self._desk = TokenDesk(services.store, keyring)

    def register(self, web: Blueprint) -> None:
        """Add the views."""
        admins = allowed(ADMINS)
        web.add_url_rule("/tokens", "tokens", admins(self.tokens))
        web.add_url_rule("/tokens", "make_token", admins(self.make), methods=["POST"])
        web.add_url_rule("/tokens/<token_id>/revoke", "revoke_token", admins(self.revoke), methods=["POST"])
        web.add_url_rule("/webhooks", "webhooks", admins(self.webhooks))
        web.add_url_rule("/webhooks/<name>/ping", "ping_webhook", admins(self.ping), methods=["POST"])

    def tokens(self, made: tuple[str, str] | None = None) -> str:
        """All tokens that are live; `made` are the name and the secret of a new one."""
        with self._services.store.read() as transaction:
            live = [token for token in transaction.tokens.all() if token.revoked_at is None]
        return page("tokens.html", title="Tokens", tokens=live, roles=list(Role), made=made)

    def make(self) -> str | Response:
        """Make a token and show its secret this once."""
        try:
            name, role, cloud = _asked()
            token, secret = self._desk.make(name, role, cloud, visitor().caller)
        except Refused as error:
            flash(f"No token was made: {error}.", "bad")
            return redirect("/tokens", 303)
        return self.tokens((token.name, secret))

    def revoke(self, token_id: str) -> Response:
        """End a token."""
        token = self._desk.revoke(token_id, visitor().caller)
        flash(f"The token of {token.name} is revoked. It works for five seconds more at most.", "good")
        return redirect("/tokens", 303)

    def webhooks(self) -> str:
        """All webhooks, and how their newest deliveries went."""
        with self._services.store.read() as transaction:
            hooks, tallies = transaction.webhooks.all(), transaction.deliveries.tallies()
            newest = {hook.id: transaction.deliveries.newest(hook.id, _SHOWN) for hook in hooks}
        return page("webhooks.html", title="Webhooks", hooks=hooks, tallies=tallies, newest=newest)

    def ping(self, name: str) -> Response:
        """Send a message that says nothing."""
        self._services.orders.ping_webhook(name, visitor().caller)
        flash(f"A ping to {name} is on its way: reload in some seconds to see how it went.", "good")
        return redirect("/webhooks", 303)


def _asked() -> tuple[str, Role, str]:
    """The name, role and cloud of a new token.

    Raises:
        Invalid: they make no sense.
    """
    name, role, cloud = (request.form.get(field, "").strip() for field in ("name", "role", "cloud"))
    if not 0 < len(name) <= _NAME_CHARS or len(cloud) > _NAME_CHARS:
        raise Invalid("a token needs a name", f"1 to {_NAME_CHARS} characters that say who uses it")
    if role not in list(Role):
        raise Invalid(f"there is no role '{role[:_NAME_CHARS]}'", f"one of {', '.join(Role)}")
    if (role == Role.CLOUD) != bool(cloud):
        raise Invalid("a cloud's name goes with the role cloud, and with no other", "say both, or neither")
    return name, Role(role), cloud
