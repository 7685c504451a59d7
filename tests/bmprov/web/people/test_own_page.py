"""The token of a page's forms."""

import pytest
from flask import Flask, request

from bmprov.web.people.own_page import FIELD, masked, shows, token_of

TOKEN = token_of("a secret")


def shown(value: str, token: str = TOKEN) -> bool:
    with Flask("test").test_request_context(method="POST", data={FIELD: value}):
        return shows(request, token)


def test_a_token_looks_different_in_each_answer_and_is_the_same() -> None:
    """So that the length of a packed page tells nothing of it."""
    looks = {masked(TOKEN) for _ in range(50)}
    assert len(looks) == 50
    assert all(shown(look) for look in looks)
    assert not [look for look in looks if TOKEN in look]


def test_a_script_may_show_it_as_it_is() -> None:
    assert shown(TOKEN)


@pytest.mark.parametrize(
    "wrong", ["", "0", "0" * 64, "0" * 128, "g" * 128, masked(token_of("another")), TOKEN * 2, "é" * 128]
)
def test_nothing_else_will_do(wrong: str) -> None:
    assert not shown(wrong)


def test_who_has_no_token_shows_none() -> None:
    """A screen on a wall has no forms."""
    assert masked("") == ""
    assert not shown("", "")
