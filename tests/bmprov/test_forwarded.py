"""Whose address counts behind reverse proxies."""

from typing import Any

import pytest

from bmprov.forwarded import Forwarded

PROXIES = ("10.0.0.0/24", "192.0.2.7", "2001:db8::/64")


@pytest.mark.parametrize(
    ("peer", "header", "caller"),
    [
        ("10.0.0.5", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.5", "203.0.113.9, 192.0.2.7", "203.0.113.9"),
        ("10.0.0.5", "1.2.3.4, 203.0.113.9", "203.0.113.9"),  # what the caller has sent itself
        ("::ffff:10.0.0.5", "203.0.113.9", "203.0.113.9"),
        ("2001:db8::1", "2001:db8:1::9", "2001:db8:1::9"),
        ("203.0.113.9", "1.2.3.4", "203.0.113.9"),  # no proxy of ours
        ("10.0.0.5", "", "10.0.0.5"),
        ("10.0.0.5", "unknown", "10.0.0.5"),
        ("10.0.0.5", "1.2.3.4, <script>", "10.0.0.5"),
        ("10.0.0.5", "10.0.0.6, 10.0.0.7", "10.0.0.6"),
        ("", "1.2.3.4", ""),
    ],
)
def test_the_caller_is_who_called_the_first_of_our_proxies(peer: str, header: str, caller: str) -> None:
    """Nobody chooses what address stands in the log, and none that is no address does."""
    seen: dict[str, Any] = {}

    def application(environ: dict[str, Any], _start: object) -> list[bytes]:
        seen.update(environ)
        return []

    Forwarded(application, PROXIES)({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": header}, lambda *_: lambda _: None)
    assert seen["REMOTE_ADDR"] == caller
