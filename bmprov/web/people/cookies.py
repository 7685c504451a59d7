"""The cookies. `__Host-` binds each to this host and to HTTPS (RFC 6265bis, section 4.1.3.2); no script reads them."""

from flask import Request
from werkzeug.wrappers import Response

SESSION, WALL, SIGN_ON = "__Host-bmprov", "__Host-bmprov-wall", "__Host-bmprov-sign-on"
TOLD = "__Host-bmprov-told"
"""The one in which Flask keeps what is told on the next page."""

WALL_S = 400 * 86_400
"""Browsers keep no cookie longer."""

_LONGEST = 200


def put(response: Response, name: str, value: str, lasts_s: float | None) -> None:
    """Set a cookie; without `lasts_s` it ends with the browser."""
    age = None if lasts_s is None else int(lasts_s)
    response.set_cookie(name, value, max_age=age, path="/", secure=True, httponly=True, samesite="Lax")


def drop(response: Response, name: str) -> None:
    """Take a cookie away."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="Lax")


def secret_in(request: Request, name: str) -> str:
    """The secret in a cookie; empty for none, and for what is too long to be one of ours."""
    value = request.cookies.get(name, "")
    return value if len(value) <= _LONGEST else ""
