"""Signatures made by oauthlib, which nobody here wrote, and by hand."""

import time

import httpx
import pytest
from oauthlib import oauth1

from tests.maas.client import curl, oauth
from tests.maas.running import RunningRegion

FORM = "application/x-www-form-urlencoded"


def signed(maas: RunningRegion, how: str, method: str, path: str, body: str | None = None, *, secret: str = "") -> int:
    """The status of a call that oauthlib signed."""
    consumer, token, own_secret = maas.key.split(":")
    client = oauth1.Client(consumer, "", token, secret or own_secret, signature_method=how)
    url, headers, sent = client.sign(
        f"{maas.url}/api/2.0/{path}", method, body, {"Content-Type": FORM} if body is not None else {}
    )
    return httpx.request(method, url, headers=headers, content=sent, verify=False).status_code  # noqa: S501 - HTTP


@pytest.mark.parametrize("how", [oauth1.SIGNATURE_PLAINTEXT, oauth1.SIGNATURE_HMAC_SHA1])
def test_oauthlib_signs(maas: RunningRegion, how: str) -> None:
    """Readings, queries with what must be escaped, forms; a wrong secret is 401."""
    assert signed(maas, how, "GET", "users/?op=whoami") == 200
    assert signed(maas, how, "GET", "machines/?hostname=a%20b&hostname=%C3%BC&zone=") == 200
    assert signed(maas, how, "POST", "machines/", "op=allocate&comment=a+b%26c&name=node0001") == 200
    assert signed(maas, how, "GET", "users/?op=whoami", secret="wrong") == 401


def test_a_method_that_maas_does_not_know(maas: RunningRegion) -> None:
    """It is 401."""
    assert signed(maas, oauth1.SIGNATURE_HMAC_SHA256, "GET", "users/?op=whoami") == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"oauth_token": "unknown"},
        {"oauth_consumer_key": "unknown"},
        {"oauth_signature": "%26wrong"},
        {"oauth_signature": "wrong"},
        {"oauth_signature_method": "HMAC-SHA1"},
        {"oauth_timestamp": str(int(time.time()) - 4000)},
        {"oauth_timestamp": "soon"},
    ],
)
def test_a_wrong_key_is_401(maas: RunningRegion, wrong: dict[str, str]) -> None:
    """So is a signature that is old or of another kind."""
    assert curl(f"{maas.url}/api/2.0/machines/", header=oauth(maas.key, **wrong)).status == 401


def test_a_nonce_is_good_for_one_call(maas: RunningRegion) -> None:
    """Who sends the same header again is refused."""
    header = oauth(maas.key)
    assert [curl(f"{maas.url}/api/2.0/users/?op=whoami", header=header).status for _ in range(2)] == [200, 401]


def test_a_header_without_nonce_is_nobody_s(maas: RunningRegion) -> None:
    """What lacks a parameter is taken for no signature."""
    header = oauth(maas.key).replace("oauth_nonce", "oauth_none")
    assert curl(f"{maas.url}/api/2.0/machines/", header=header).status == 400
