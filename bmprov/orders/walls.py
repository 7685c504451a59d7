"""The orders about screens on walls: a link that shows the pages and changes nothing, until it is revoked."""

import re
import secrets
from dataclasses import dataclass, field

from bmprov.errors import Conflict, Invalid, NotFound
from bmprov.model import WallLink
from bmprov.orders.desk import Caller, OrderDesk, note
from bmprov.orders.signing_in import digest

_ID_BYTES = 6
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")


@dataclass(frozen=True)
class NewWallLink:
    """A link, and its secret, which is shown once."""

    link: WallLink
    secret: str = field(repr=False)


class WallOrders(OrderDesk):
    """Orders about wall links."""

    def add_wall_link(self, name: str, caller: Caller) -> NewWallLink:
        """Make a link for a screen.

        Raises:
            Conflict: another live link has the name.
            Invalid: this is no name.
        """
        if not _NAME.fullmatch(name):
            raise Invalid("this is no name of a screen", "take letters, digits, '.', '_' and '-', at most 64")
        link_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(32)
        with self._store.write() as transaction:
            transaction.one_at_a_time("wall links")
            if any(one.name == name and one.revoked_at is None for one in transaction.wall_links.all()):
                raise Conflict(f"there is a wall link named '{name}'", "choose another name, or revoke it first")
            link = WallLink(link_id, name, digest(secret), caller.name, transaction.now)
            transaction.wall_links.add(link)
            note(transaction, caller, "wall link made", f"{name} ({link_id})")
        return NewWallLink(link, f"{link_id}.{secret}")

    def revoke_wall_link(self, link_id: str, caller: Caller) -> None:
        """End a link.

        Raises:
            NotFound: there is no such live link.
        """
        with self._store.write() as transaction:
            link = transaction.wall_links.get(link_id)
            if link is None or not transaction.wall_links.revoke(link_id):
                raise NotFound(f"there is no live wall link {link_id}", "look with `bmprov wall list`")
            note(transaction, caller, "wall link revoked", f"{link.name} ({link_id})")
        self._people_changed()


def wall_secret(shown: str) -> tuple[str, str]:
    """The id of a link and its secret, from what its screen shows."""
    link_id, _, secret = shown.partition(".")
    return link_id, secret
