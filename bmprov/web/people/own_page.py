"""Whether a request that changes something comes from a page of ours, and not from somebody else's page.

Two answers, of which both must hold. The browser's: `Sec-Fetch-Site` (W3C Fetch Metadata), or `Origin` (RFC 6454) from
browsers that do not send it. The form's: a token made of the session's secret, which no other page can read. A program
that sends neither header is no browser, which nobody can trick; it still needs the token.

Pages are packed, and names that tenants choose stand on them: so that the length of an answer tells nothing of the
token (the attack BREACH), it looks different in each, behind a mask of its own length that stands before it.
"""

import hashlib
import hmac
import secrets
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
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, masked(g.visitor.csrf))


def masked(token: str) -> str:
    """The token behind a new mask; nothing, for who has none."""
    mask = secrets.token_bytes(len(token) // 2)
    return (mask + _xor(mask, bytes.fromhex(token))).hex()


def _bare(shown: str, token: str) -> str:
    """What is shown, without its mask if it has one."""
    if len(shown) != 2 * len(token):
        return shown
    try:
        mask, hidden = bytes.fromhex(shown[: len(token)]), bytes.fromhex(shown[len(token) :])
    except ValueError:
        return shown
    return _xor(mask, hidden).hex()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(one, other, strict=True))


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
    bare = _bare(shown, token)
    return bool(token) and hmac.compare_digest(bare.encode(errors="surrogatepass"), token.encode())
