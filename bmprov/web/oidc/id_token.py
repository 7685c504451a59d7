"""Whether an ID token is the provider's word about this sign-in: OpenID Connect Core 1.0, section 3.1.3.7.

Signatures by public keys only: `none`, and any algorithm whose key is a shared secret, is refused before a key is
looked at (RFC 8725, sections 3.1 and 3.2).
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from bmprov.errors import Refused

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
LEEWAY_S = 60.0
"""How far the clocks of two hosts may differ."""

_LONGEST_SUBJECT = 255
_CLOCKS = "the clocks of this host and of the provider: do both run NTP?"
_SETTINGS = "an administrator compares the settings `web.oidc_…` with what the provider has for bmprov"
_AGAIN = "sign in again; if it stays so, an administrator looks whose pages and addresses are in between"


class UnknownKey(Refused):
    """The token is signed with a key that the provider has not told us yet."""


class NotVouched(Refused):
    """The token is not the provider's word about this sign-in."""


@dataclass(frozen=True)
class Expected:
    """What a token must be about: who has made it, for whom, and for which sign-in."""

    issuer: str
    client_id: str
    nonce: str


def claims_of(token: str, keys: KeySet, expected: Expected, now: float) -> Mapping[str, Any]:
    """What a good token claims.

    Raises:
        UnknownKey: read the provider's keys again, once.
        NotVouched: it is forged, somebody else's, for another sign-in, or out of its time.
    """
    registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    try:
        claims = jwt.decode(token, keys, algorithms=ALGORITHMS, registry=registry).claims
    except InvalidKeyIdError as error:
        raise UnknownKey("the provider has signed with a key that it does not show", _AGAIN) from error
    except (JoseError, ValueError) as error:
        raise NotVouched(f"the provider's token is not signed as it must be ({type(error).__name__})", _AGAIN) from None
    _check_parties(claims, expected)
    _check_times(claims, now)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise NotVouched("the provider's token belongs to another sign-in", _AGAIN)
    return claims


def _check_parties(claims: Mapping[str, Any], expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise NotVouched("the token is another provider's", _SETTINGS)
    audience = claims.get("aud")
    meant = [audience] if isinstance(audience, str) else audience
    if not isinstance(meant, list) or expected.client_id not in meant:
        raise NotVouched("the token is for another service", _SETTINGS)
    party = claims.get("azp")
    if (len(meant) > 1 or party is not None) and party != expected.client_id:
        raise NotVouched("the token was issued to another service", _SETTINGS)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or "\0" in subject:
        raise NotVouched("the token does not say who signs in", _SETTINGS)


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    ends = _seconds(claims.get("exp"))
    begins = max(_seconds(claims.get("iat")), _seconds(claims.get("nbf", 0)))
    if ends <= now - LEEWAY_S:
        raise NotVouched(f"the token ran out {now - ends:.0f} s ago", _CLOCKS)
    if begins > now + LEEWAY_S:
        raise NotVouched(f"the token is of {begins - now:.0f} s from now", _CLOCKS)


def _seconds(claimed: object) -> float:
    if isinstance(claimed, bool) or not isinstance(claimed, (int, float)):
        raise NotVouched("the token does not say when it is good", _SETTINGS)
    return float(claimed)
