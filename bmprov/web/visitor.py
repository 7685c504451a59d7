"""Who looks at the page, and what a view asks of who looks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import g
from werkzeug.wrappers import Response

from bmprov.api.refusals import Forbidden
from bmprov.model import Role, Session
from bmprov.orders import Caller
from bmprov.roles import ADMINS, OPERATORS
from bmprov.store import Transaction

_P = ParamSpec("_P")
_R = TypeVar("_R", str, Response, "str | Response")


@dataclass(frozen=True)
class Visitor:
    """Somebody who has shown who they are. `origin` is the address that the request came from.

    A person has a `session`, which ends when it was idle for `idle_s`; a screen on a wall has a `wall_link`'s id.
    `csrf` is what the page's own forms show; a screen has no forms.
    """

    name: str
    role: Role
    origin: str = ""
    session: Session | None = None
    idle_s: float = 0.0
    wall_link: str = ""
    csrf: str = field(default="", repr=False)

    @property
    def caller(self) -> Caller:
        """The same as orders know it."""
        return Caller(self.name, self.role, origin=self.origin)

    @property
    def operates(self) -> bool:
        """Whether they may act on machines."""
        return self.role in OPERATORS

    @property
    def administers(self) -> bool:
        """Whether they may change who and what there is."""
        return self.role in ADMINS

    def still_welcome(self, transaction: Transaction) -> bool:
        """Whether they may go on to see what they see: signed in, with the same role; or by a link that is live."""
        if self.session is not None:
            found = transaction.sessions.live(self.session.sha256, self.idle_s)
            return found is not None and found[1].role is self.role
        link = transaction.wall_links.get(self.wall_link)
        return link is not None and link.revoked_at is None


def visitor() -> Visitor:
    """Who looks, in a view that is `allowed` to somebody."""
    found: Visitor = g.visitor
    return found


def known() -> Visitor | None:
    """Who looks, in a view that strangers may see too; None for a stranger."""
    found: Visitor | None = g.get("visitor")
    return found


def allowed(roles: frozenset[Role]) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Marks a view: these roles may call it, all others are refused; without roles it is anybody's."""

    def mark(view: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(view)
        def guarded(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            if roles and visitor().role not in roles:
                needed = " or ".join(sorted(roles))
                raise Forbidden(f"your role is {visitor().role}", f"the role that may do this: {needed}")
            return view(*args, **kwargs)

        guarded.roles = roles  # type: ignore[attr-defined] # the door asks, and a test that no view is without
        return guarded

    return mark
