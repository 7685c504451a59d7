"""ID tokens: what a provider may say, and what a hostile one, or somebody in between, tries."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from bmprov.errors import BmprovError, Retryable
from bmprov.web.oidc.id_token import Expected, NotVouched, UnknownKey, claims_of
from bmprov.web.oidc.provider import Client, Provider
from bmprov.web.oidc.wire import Wire

NOW = 1_700_000_000.0
EXPECTED = Expected("https://idp.example", "bmprov", "the nonce")
KEY = RSAKey.generate_key(2048, {"kid": "k1"})
OTHER = RSAKey.generate_key(2048, {"kid": "k1"})
CURVE = ECKey.generate_key("P-256", {"kid": "e1"})
KEYS = KeySet([KEY, CURVE])
GOOD = {
    "iss": "https://idp.example",
    "aud": "bmprov",
    "sub": "42",
    "nonce": "the nonce",
    "iat": NOW - 5,
    "exp": NOW + 300,
}


def token(claims: dict[str, Any], key: Any = KEY, **header: Any) -> str:  # noqa: ANN401 - a key of joserfc
    told = {"alg": "RS256", "kid": key.kid, **header}
    return jwt.encode(told, {name: value for name, value in claims.items() if value is not None}, key, [told["alg"]])


def plain(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"aud": ["bmprov"]},
        {"aud": ["bmprov", "other"], "azp": "bmprov"},
        {"nbf": NOW - 5},
        {"exp": NOW - 30},
        {"iat": NOW + 30},
    ],
)
def test_a_good_token_is_taken(more: dict[str, Any]) -> None:
    """With clocks that differ a little, and other audiences beside us."""
    assert claims_of(token(GOOD | more), KEYS, EXPECTED, NOW)["sub"] == "42"


def test_elliptic_curves_are_taken_too() -> None:
    """By the key that the token names."""
    made = token(GOOD, CURVE, alg="ES256")
    assert claims_of(made, KEYS, EXPECTED, NOW)["sub"] == "42"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"iss": "https://evil.example"}, "another provider's"),
        ({"iss": "https://idp.example/"}, "another provider's"),
        ({"iss": None}, "another provider's"),
        ({"aud": "other"}, "another service"),
        ({"aud": ["other"]}, "another service"),
        ({"aud": None}, "another service"),
        ({"aud": {"bmprov": 1}}, "another service"),
        ({"aud": ["bmprov", "other"]}, "issued to another"),
        ({"azp": "other"}, "issued to another"),
        ({"sub": None}, "who signs in"),
        ({"sub": ""}, "who signs in"),
        ({"sub": 42}, "who signs in"),
        ({"sub": "x" * 256}, "who signs in"),
        ({"nonce": "another"}, "another sign-in"),
        ({"nonce": None}, "another sign-in"),
        ({"nonce": ["the nonce"]}, "another sign-in"),
        ({"exp": NOW - 61}, "ran out 61 s ago"),
        ({"exp": None}, "when it is good"),
        ({"exp": "tomorrow"}, "when it is good"),
        ({"exp": True}, "when it is good"),
        ({"iat": NOW + 3600}, "3600 s from now"),
        ({"iat": None}, "when it is good"),
        ({"nbf": NOW + 120}, "120 s from now"),
    ],
)
def test_a_token_about_something_else_is_not(more: dict[str, Any], why: str) -> None:
    """In words that say what to check; clocks are named where they are to blame."""
    with pytest.raises(NotVouched, match=why) as refused:
        claims_of(token(GOOD | more), KEYS, EXPECTED, NOW)
    assert refused.value.check


def shared(claims: dict[str, Any]) -> str:
    """Signed with the provider's public key as if that were a secret."""
    public = KEY.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secret = OctKey.import_key(public.replace(b"-----", b""))
    return jwt.encode({"alg": "HS256", "kid": "k1"}, claims, secret, ["HS256"])


def embedded(claims: dict[str, Any]) -> str:
    """Signed with a key that the token brings along."""
    return token(claims, OTHER, jwk=OTHER.as_dict(private=False))


FORGERIES: list[Callable[[dict[str, Any]], str]] = [
    lambda claims: plain({"alg": "none"}, claims),
    lambda claims: plain({"alg": "None", "kid": "k1"}, claims),
    lambda claims: plain({"kid": "k1"}, claims),
    lambda claims: plain({"alg": "RS256", "kid": "k1"}, claims),
    lambda claims: plain({"alg": ["RS256"], "kid": "k1"}, claims, b"x" * 256),
    lambda claims: token(claims, OTHER),
    lambda claims: token(claims)[:-8] + "AAAAAAAA",
    lambda claims: token(claims, CURVE, alg="ES256", kid="k1"),
    lambda claims: token(claims).rpartition(".")[0],
    lambda claims: token(claims, crit=["b64"], b64=False),
    shared,
    embedded,
]


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_forged_token_is_refused(forge: Callable[[dict[str, Any]], str]) -> None:
    """No signature, another's, one by a secret, one by a key that it brings: the provider's own keys alone count."""
    with pytest.raises(NotVouched, match="not signed as it must be"):
        claims_of(forge(GOOD), KEYS, EXPECTED, NOW)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda some: base64.urlsafe_b64encode(some).decode()))
def test_garbage_is_refused_in_words(some: str) -> None:
    """Whatever it is, nothing else than our own errors."""
    with pytest.raises(BmprovError):
        claims_of(some, KEYS, EXPECTED, NOW)


def test_a_key_that_nobody_knows_is_asked_after() -> None:
    """It is not a forgery yet."""
    strange = RSAKey.generate_key(2048, {"kid": "k9"})
    with pytest.raises(UnknownKey):
        claims_of(token(GOOD, strange), KEYS, EXPECTED, NOW)


class Idp(Wire):
    """A provider's answers, as a test sets them; `asked` are the addresses that were asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.keys: Any = [KEY.as_dict(private=False)]
        self.token: Any = token(GOOD)
        self.metadata: dict[str, Any] = {
            "issuer": "https://idp.example",
            "authorization_endpoint": "https://idp.example/auth",
            "token_endpoint": "https://idp.example/token",
            "jwks_uri": "https://idp.example/keys",
        }

    def get(self, url: str) -> dict[str, Any]:
        self.asked.append(url)
        return {"keys": self.keys} if url == self.metadata["jwks_uri"] else self.metadata

    def post(self, url: str, form: Any, login: Any = None) -> tuple[int, dict[str, Any]]:  # noqa: ANN401 - as it is
        self.asked.append(url)
        self.form, self.login = dict(form), login
        return 200, {"id_token": self.token}


@pytest.fixture
def idp() -> Idp:
    return Idp()


def provider(idp: Idp, secret: str = "s:e&c", clock: Callable[[], float] = lambda: 0.0) -> Provider:
    client = Client("bmprov", secret, "https://bmprov.example/sign-in/oidc/back", ("openid",))
    return Provider("https://idp.example", client, idp, clock)


def claims(of: Provider) -> Any:  # noqa: ANN401 - claims
    return of.claims("code", "verifier", "the nonce", NOW)


def test_what_a_provider_tells_of_itself_counts_for_an_hour(idp: Idp) -> None:
    """Two sign-ins ask for it once; keys too."""
    clock = [0.0]
    known = provider(idp, clock=lambda: clock[0])
    claims(known)
    claims(known)
    assert idp.asked.count("https://idp.example/.well-known/openid-configuration") == 1
    assert idp.asked.count("https://idp.example/keys") == 1
    clock[0] = 3601.0
    claims(known)
    assert idp.asked.count("https://idp.example/keys") == 2


def test_a_provider_changes_its_keys(idp: Idp) -> None:
    """The next token is taken without a restart; but unknown keys do not make us ask again and again."""
    clock = [0.0]
    known = provider(idp, clock=lambda: clock[0])
    claims(known)
    new = RSAKey.generate_key(2048, {"kid": "k2"})
    idp.token = token(GOOD, new)
    clock[0] = 20.0
    idp.keys = [{"kty": "of the future", "kid": "f"}, KEY.as_dict(private=False), new.as_dict(private=False)]
    assert claims(known)["sub"] == "42"
    idp.token = token(GOOD, RSAKey.generate_key(2048, {"kid": "k3"}))
    asked = len([url for url in idp.asked if url.endswith("/keys")])
    for _ in range(5):
        with pytest.raises(UnknownKey):
            claims(known)
    assert len([url for url in idp.asked if url.endswith("/keys")]) == asked


@pytest.mark.parametrize("keys", [None, [], "x", [1], [{"kty": "RSA"}], [{"kty": "RSA", "use": "enc"}]])
def test_keys_that_make_no_sense_are_told(idp: Idp, keys: object) -> None:
    """And asked for again."""
    idp.keys = keys
    with pytest.raises(Retryable, match=r"keys are not understood"):
        claims(provider(idp))


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": "http://idp.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": ""},
    ],
)
def test_a_provider_that_is_another_is_not_asked(idp: Idp, wrong: dict[str, Any]) -> None:
    """It must call itself what the settings call it, and be reached by HTTPS."""
    idp.metadata |= wrong
    with pytest.raises(Retryable, match=r"calls itself|no HTTPS address"):
        claims(provider(idp))
    assert not any(url.endswith("/token") for url in idp.asked)


@pytest.mark.parametrize(
    ("secret", "ways", "login", "field"),
    [
        ("s:e&c", None, ("bmprov", "s%3Ae%26c"), None),
        ("s:e&c", ["client_secret_basic", "client_secret_post"], ("bmprov", "s%3Ae%26c"), None),
        ("s:e&c", ["client_secret_post"], None, "s:e&c"),
        ("", ["client_secret_basic"], None, None),
    ],
)
def test_the_client_shows_who_it_is(
    idp: Idp, secret: str, ways: list[str] | None, login: tuple[str, str] | None, field: str | None
) -> None:
    """In the header, quoted; in the form where the provider wants that; a public client by its verifier alone."""
    if ways:
        idp.metadata["token_endpoint_auth_methods_supported"] = ways
    claims(provider(idp, secret))
    assert idp.login == login
    assert idp.form.get("client_secret") == field
    assert idp.form["code_verifier"] == "verifier"
    assert (idp.form.get("client_id") == "bmprov") == (login is None)
