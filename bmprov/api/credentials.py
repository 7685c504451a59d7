"""Callers' tokens: `bmprov_<id>_<secret>`, of which the store keeps the id and the secret's SHA-256.

A secret has 256 random bits, so a fast hash is as good as a slow one and trying is hopeless; nothing limits the rate.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

from bmprov.api.refusals import Unauthenticated
from bmprov.model import Role, Token
from bmprov.store import Store

REMEMBERED_S = 5.0
"""How long a check counts in a process; so long a revoked token may still work there."""

_PREFIX = "bmprov"
_REMEMBERED = 1024
_CHECK = "the token may be mistyped or revoked: make one with `bmprov token create`"


def issue(name: str, role: Role, cloud: str, now: float) -> tuple[Token, str]:
    """A new token, to be added to the store, and the text that its caller will show."""
    token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    token = Token(token_id, name, role, cloud, _digest(secret), created_at=now)
    return token, f"{_PREFIX}_{token_id}_{secret}"


class Keyring:
    """Knows whose token an `Authorization` header shows."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._remembered: dict[str, tuple[Token, float]] = {}

    def bearer(self, authorization: str | None) -> Token:
        """The live token in a header of RFC 6750, section 2.1.

        Raises:
            Unauthenticated: there is none, or it is not valid.
        """
        scheme, _, shown = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not shown:
            raise Unauthenticated("this needs a token", "send it as `Authorization: Bearer <token>`")
        digest = _digest(shown)
        token, until = self._remembered.get(digest, (None, 0.0))
        if token is None or self._clock() >= until:
            token = self._check(shown.strip())
            self._remember(digest, token)
        return token

    def forget(self, token_id: str) -> None:
        """Let a revoked token work no longer in this process."""
        for digest, (token, _) in list(self._remembered.items()):
            if token.id == token_id:
                self._remembered.pop(digest, None)

    def _check(self, shown: str) -> Token:
        prefix, _, rest = shown.partition("_")
        token_id, _, secret = rest.partition("_")
        if prefix != _PREFIX or not token_id.isalnum() or not token_id.isascii():
            raise Unauthenticated("this is not a token of bmprov", _CHECK)
        with self._store.read() as transaction:
            token = transaction.tokens.get(token_id)
        if token is None or token.revoked_at is not None:
            raise Unauthenticated("the token is not valid", _CHECK)
        if not hmac.compare_digest(token.sha256, _digest(secret)):
            raise Unauthenticated("the token is not valid", _CHECK)
        return token

    def _remember(self, digest: str, token: Token) -> None:
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        self._remembered[digest] = (token, self._clock() + REMEMBERED_S)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()
