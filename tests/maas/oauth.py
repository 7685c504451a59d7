"""OAuth 1.0 (RFC 5849) as MAAS checks it: the header of a call, signed by a key that has no consumer secret.

MAAS's own clients sign with PLAINTEXT; HMAC-SHA1 is taken too, which is what others do by default. A call whose header
lacks a parameter is a call by nobody. Refused with 401: a key that is unknown, a wrong signature, a timestamp that
differs by more than five minutes, a nonce that came before.
"""

import base64
import hmac
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote, unquote

from tests.maas.answers import TEXT, Answer, Refusal
from tests.maas.region import ApiKey

_PARAMETER = re.compile(r'(oauth_\w+)="([^"]*)"')
_NEEDED = {f"oauth_{name}" for name in ("consumer_key", "token", "signature", "signature_method", "timestamp", "nonce")}
_TIMESTAMP_S = 300


@dataclass(frozen=True)
class Signed:
    """What a signature may be of: method, address without query, parameters of the query and of an urlencoded form."""

    method: str
    address: str
    parameters: Sequence[tuple[str, str]]


class Gate:
    """Who a call is by. `keys` are the valid ones, by their token."""

    def __init__(self, keys: dict[str, ApiKey]) -> None:
        self._keys = keys
        self._nonces: dict[tuple[str, str], int] = {}

    def admit(self, header: str, signed: Signed) -> ApiKey | None:
        """The key that signed, or None when nobody did.

        Raises:
            Refusal: 401.
        """
        if not header.startswith("OAuth"):
            return None
        said = {name: unquote(value) for name, value in _PARAMETER.findall(header)}
        if not said.keys() >= _NEEDED:
            return None
        key = self._keys.get(said["oauth_token"])
        if key is None or key.consumer != said["oauth_consumer_key"]:
            raise _unauthorized("Authorization Error: Invalid API key.")
        if said["oauth_signature"] != _signature(key, said, signed):
            raise _unauthorized("Authorization Error: 'Invalid signature.'")
        self._check_time(said["oauth_timestamp"], (key.token, said["oauth_nonce"]))
        return key

    def _check_time(self, timestamp: str, nonce: tuple[str, str]) -> None:
        now = int(time.time())
        if not timestamp.isdigit() or abs(now - int(timestamp)) > _TIMESTAMP_S:
            raise _unauthorized(f"Authorization Error: 'Expired timestamp: given {timestamp} and now {now}'")
        if nonce in self._nonces:
            raise _unauthorized(f"Authorization Error: 'Nonce already used: {nonce[1]}'")
        self._nonces[nonce] = now
        while next(iter(self._nonces.values())) < now - 2 * _TIMESTAMP_S:
            del self._nonces[next(iter(self._nonces))]


def _signature(key: ApiKey, said: dict[str, str], signed: Signed) -> str | None:
    """The right signature (RFC 5849, section 3.4), None for a method that MAAS does not know."""
    secret = f"&{_escaped(key.secret)}"
    if said["oauth_signature_method"] == "PLAINTEXT":
        return secret
    if said["oauth_signature_method"] != "HMAC-SHA1":
        return None
    own = [(name, value) for name, value in said.items() if name != "oauth_signature"]
    pairs = sorted((_escaped(name), _escaped(value)) for name, value in [*own, *signed.parameters])
    normal = "&".join(f"{name}={value}" for name, value in pairs)
    base = "&".join(_escaped(part) for part in (signed.method, signed.address, normal))
    return base64.b64encode(hmac.digest(secret.encode(), base.encode(), "sha1")).decode()


def _escaped(text: str) -> str:
    return quote(text, safe="~")


def _unauthorized(text: str) -> Refusal:
    headers = {"WWW-Authenticate": 'OAuth realm="MAAS API"'}
    return Refusal(Answer(text.encode(), HTTPStatus.UNAUTHORIZED, TEXT, headers))
