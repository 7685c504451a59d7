"""Whether a request that changes something comes from a page of ours, and not from somebody else's page.

Two answers, of which both must hold. The browser's: `Sec-Fetch-Site` (W3C Fetch Metadata), or `Origin` (RFC 6454) from
browsers that do not send it. The form's: a token made of the session's secret, which no other page can read. A program
that sends neither header is no browser, which nobody can trick; it still needs the token.
"""

import hashlib
import hmac
from urllib.parse import urlsplit

from flask import Request, g
from markupsafe import Markup

FIELD, HEADER = "csrf", "X-CSRF-Token"
"""Where a form, and where a script, shows the token."""

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def token_of(secret: str) -> str:
    """The token of the session with this secret, which does not tell the secret."""
    return hmac.new(secret.encode(errors="surrogatepass"), b"bmprov form", hashlib.sha256).hexdigest()


def field() -> Markup:
    """The form field that shows the token of who looks; templates call it `csrf()`."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, g.visitor.csrf)


def browser_says(request: Request, url: str) -> bool | None:
    """Whether the request comes from a page of ours, at `url` or where it went; None when the browser says nothing."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin")
    if origin is None:
        return None
    return origin == url or urlsplit(origin)[:2] == ("https", request.host)


def shows(request: Request, token: str) -> bool:
    """Whether the form shows this token."""
    shown = request.headers.get(HEADER) or request.form.get(FIELD, "")
    return bool(token) and hmac.compare_digest(shown.encode(errors="surrogatepass"), token.encode())
