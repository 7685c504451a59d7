"""Who looks at the page, and what a view asks of who looks."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import g, request
from werkzeug.wrappers import Response

from bmprov.api.credentials import Keyring
from bmprov.api.refusals import Forbidden
from bmprov.model import Role
from bmprov.orders import Caller
from bmprov.roles import ADMINS, OPERATORS

_P = ParamSpec("_P")
_R = TypeVar("_R", str, Response, "str | Response")


@dataclass(frozen=True)
class Visitor:
    """Somebody who has shown who they are. `origin` is the address that the request came from."""

    name: str
    role: Role
    origin: str = ""

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


class Door:
    """Lets visitors in."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def identify(self) -> None:
        """Note who asks, before the view runs.

        Raises:
            Unauthenticated: nobody that we know.
        """
        token = self._keyring.bearer(request.headers.get("Authorization"))
        g.visitor = Visitor(token.name, token.role, request.remote_addr or "")


def visitor() -> Visitor:
    """Who looks, in a view that is `allowed` to somebody."""
    found: Visitor = g.visitor
    return found


def allowed(roles: frozenset[Role]) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Marks a view: these roles may call it, all others are refused."""

    def mark(view: Callable[_P, _R]) -> Callable[_P, _R]:
        @wraps(view)
        def guarded(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            if visitor().role not in roles:
                needed = " or ".join(sorted(roles))
                raise Forbidden(f"your role is {visitor().role}", f"the role that may do this: {needed}")
            return view(*args, **kwargs)

        guarded.roles = roles  # type: ignore[attr-defined] # a test looks that no view is without
        return guarded

    return mark
