"""An OpenID provider: what it tells of itself (OpenID Connect Discovery 1.0), its keys, and what a code is worth.

What it tells of itself counts for an hour. A token that is signed with an unknown key makes us read the keys again, at
most every ten seconds: so providers change keys, and so nobody makes us ask the provider all the time.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import quote, urlsplit

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bmprov.errors import Refused, Retryable
from bmprov.web.oidc.id_token import Expected, UnknownKey, claims_of
from bmprov.web.oidc.wire import Wire

_KEPT_S = 3600.0
_KEYS_AGAIN_S = 10.0
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_WRONG = "an administrator compares the setting `web.oidc_issuer` with what the provider calls itself"


@dataclass(frozen=True)
class Client:
    """What the provider knows us as. Without a secret we are a public client, and PKCE alone vouches for us."""

    id: str
    secret: str
    redirect_uri: str
    scopes: tuple[str, ...]


class CodeRefused(Refused):
    """The provider does not take its code back."""


class Provider:
    """The provider at `issuer`. Threads may share it. `clock` is monotonic, in seconds."""

    def __init__(self, issuer: str, client: Client, wire: Wire, clock: Callable[[], float] = time.monotonic) -> None:
        self.issuer = issuer
        self._client = client
        self._wire = wire
        self._clock = clock
        self._lock = Lock()
        self._told: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def sign_in_at(self, state: str, nonce: str, verifier: str) -> str:
        """Where the browser is to go.

        Raises:
            Retryable: the provider does not say.
        """
        at = str(self._metadata()["authorization_endpoint"])
        challenge = create_s256_code_challenge(verifier)
        uri: str = prepare_grant_uri(
            at,
            self._client.id,
            "code",
            redirect_uri=self._client.redirect_uri,
            scope=" ".join(self._client.scopes),
            state=state,
            nonce=nonce,
            code_challenge=challenge,
            code_challenge_method="S256",
        )
        return uri

    def claims(self, code: str, verifier: str, nonce: str, now: float) -> Mapping[str, Any]:
        """What the provider says of who has signed in. `now` is in seconds since the epoch.

        Raises:
            CodeRefused: it does not take the code.
            NotVouched: what it says is not about this sign-in.
            Retryable: it does not answer.
        """
        token = self._id_token(code, verifier)
        expected = Expected(self.issuer, self._client.id, nonce)
        try:
            return claims_of(token, self._key_set(), expected, now)
        except UnknownKey:
            return claims_of(token, self._key_set(again=True), expected, now)

    def _id_token(self, code: str, verifier: str) -> str:
        metadata, client = self._metadata(), self._client
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect_uri,
            "code_verifier": verifier,
        }
        ways = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        login = None
        if client.secret and "client_secret_basic" in ways:
            login = (quote(client.id, safe=""), quote(client.secret, safe=""))  # RFC 6749, section 2.3.1
        else:
            form |= {"client_id": client.id} | ({"client_secret": client.secret} if client.secret else {})
        status, told = self._wire.post(str(metadata["token_endpoint"]), form, login)
        token = told.get("id_token")
        if not isinstance(token, str):
            said = str(told.get("error", f"status {status}"))[:80]
            raise CodeRefused(
                f"the provider did not take its code back ({said})",
                "sign in again; if it stays so, an administrator looks at `web.oidc_client_id` and its secret",
            )
        return token

    def _metadata(self) -> dict[str, Any]:
        with self._lock:
            kept = self._told
        if kept is not None and self._clock() < kept[0] + _KEPT_S:
            return kept[1]
        told = self._wire.get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if told.get("issuer") != self.issuer:
            raise Retryable(f"the provider at {self.issuer} calls itself {str(told.get('issuer'))[:200]}", _WRONG)
        for name in _ENDPOINTS:
            parts = urlsplit(str(told.get(name, "")))
            rehearsal = self.issuer.startswith("http://") and parts.scheme == "http" and parts.hostname in _LOOPBACK
            if parts.scheme != "https" and not rehearsal:
                raise Retryable(f"the provider's {name} is no HTTPS address", _WRONG)
        with self._lock:
            self._told = (self._clock(), told)
        return told

    def _key_set(self, *, again: bool = False) -> KeySet:
        with self._lock:
            kept = self._keys
        if kept is not None and self._clock() < kept[0] + (_KEYS_AGAIN_S if again else _KEPT_S):
            return kept[1]
        told = self._wire.get(str(self._metadata()["jwks_uri"]))
        listed = told.get("keys")
        try:
            signing = [key for key in listed if key.get("use", "sig") == "sig"] if isinstance(listed, list) else []
            keys = KeySet.import_key_set({"keys": signing})
        except (JoseError, AttributeError, TypeError, ValueError, KeyError) as error:
            raise Retryable("the provider's keys are not understood", _WRONG) from error
        with self._lock:
            self._keys = (self._clock(), keys)
        return keys
