"""Tokens: what is kept of them, who they let in, and for how long."""

import pytest

from bmprov.api.credentials import REMEMBERED_S, Keyring, issue
from bmprov.api.refusals import Unauthenticated
from bmprov.model import Role, Token
from bmprov.store import Store


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keyring(store: Store, clock: Clock) -> Keyring:
    return Keyring(store, clock)


@pytest.fixture
def issued(store: Store) -> tuple[Token, str]:
    token, secret = issue("ops", Role.OPERATOR, "", 0.0)
    with store.write() as transaction:
        transaction.tokens.add(token)
    return token, secret


def revoke(store: Store, token: Token) -> None:
    with store.write() as transaction:
        assert transaction.tokens.revoke(token.id)


def test_the_secret_is_not_kept(issued: tuple[Token, str]) -> None:
    """What the store has does not tell the secret, and neither does its text."""
    token, secret = issued
    assert secret.startswith(f"bmprov_{token.id}_")
    assert secret.removeprefix(f"bmprov_{token.id}_") not in repr(vars(token))
    assert token.sha256 not in repr(token)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_live_token_is_known(keyring: Keyring, issued: tuple[Token, str], scheme: str) -> None:
    """The scheme is written in any case (RFC 9110, section 11.1)."""
    assert keyring.bearer(f"{scheme} {issued[1]}") == issued[0]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer x",
        "Bearer bmprov_",
        "Bearer bmprov__",
        "Bearer bmprov_00ff_x",
        "Bearer bmprov_\udcff_x",
        "Bearer bmprov_%_x",
        "Bearer {secret}x",
        "Bearer {almost}",
        "Bearer other{secret}",
    ],
)
def test_anything_else_is_not(keyring: Keyring, issued: tuple[Token, str], header: str | None) -> None:
    """A header that is missing, of another scheme, or a letter off is refused, always in the same way."""
    shown = header.format(secret=issued[1], almost=issued[1][:-1]) if header else header
    with pytest.raises(Unauthenticated) as refused:
        keyring.bearer(shown)
    assert issued[1] not in str(refused.value)


def test_a_revoked_token_is_refused_within_five_seconds(
    keyring: Keyring, store: Store, clock: Clock, issued: tuple[Token, str]
) -> None:
    """Another process revoked it: this one remembers its check for a few seconds and not longer."""
    keyring.bearer(f"Bearer {issued[1]}")
    revoke(store, issued[0])
    clock.now += REMEMBERED_S
    with pytest.raises(Unauthenticated):
        keyring.bearer(f"Bearer {issued[1]}")


def test_a_token_revoked_here_is_refused_at_once(keyring: Keyring, store: Store, issued: tuple[Token, str]) -> None:
    """The process that revokes it forgets its check."""
    keyring.bearer(f"Bearer {issued[1]}")
    revoke(store, issued[0])
    keyring.forget(issued[0].id)
    with pytest.raises(Unauthenticated):
        keyring.bearer(f"Bearer {issued[1]}")


def test_a_remembered_check_needs_no_database(keyring: Keyring, store: Store, issued: tuple[Token, str]) -> None:
    """Polling costs one query and not two."""
    keyring.bearer(f"Bearer {issued[1]}")
    with store.write() as transaction:
        transaction.connection.exec_driver_sql("DELETE FROM tokens")
    assert keyring.bearer(f"Bearer {issued[1]}") == issued[0]
