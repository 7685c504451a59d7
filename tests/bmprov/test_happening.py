"""Audit events have kinds, and words that people understand."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmprov import actions, lifecycle
from bmprov.happening import Kind, kinds_of, out_of_band, plain

ROOT = Path(__file__).parents[2]
_WRITERS = {"_audit": 2, "_note": 2, "note": 2, "_tell": 0, "_log": 0, "add": 0}
"""The methods that write events, and which of their arguments is the event's name."""


def written_names() -> Iterator[str]:
    """Every name that stands in the code where an event is written."""
    for package in ("bmprov", "worker", "pxe"):
        for file in (ROOT / package).rglob("*.py"):
            for call in ast.walk(ast.parse(file.read_text())):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute | ast.Name):
                    yield from _names(call)


def _names(call: ast.Call) -> Iterator[str]:
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    of_events = called != "add" or ast.unparse(call.func).endswith("events.add")
    at = _WRITERS.get(called)
    if at is None or not of_events or len(call.args) <= at:
        return
    for part in ast.walk(call.args[at]):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.strip():
            yield part.value.strip()


def test_every_event_that_the_code_writes_has_a_kind() -> None:
    names = set(written_names())
    assert {"token created", "out-of-band power", "quarantined", "console opened"} <= names
    assert [name for name in sorted(names) if not kinds_of(name)] == []


@pytest.mark.parametrize("name", [*lifecycle.Kind, *actions.ACTIONS, "power on", "networkapply", "check"])
def test_every_operation_has_a_kind(name: str) -> None:
    """An order is an event of the operation's or the action's name; an operation of a BMC has an action always."""
    assert kinds_of(name) or name == lifecycle.Kind.BMC


def test_what_nobody_ordered_is_power_too() -> None:
    assert set(kinds_of("out-of-band power off")) == {Kind.POWER, Kind.OUT_OF_BAND}
    assert kinds_of("power off") == (Kind.POWER,)
    assert out_of_band("out-of-band power off")
    assert not out_of_band("power off")


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("out-of-band power off", "power went off, and nobody had ordered it"),
        ("power cycle", "power cycle ordered"),
        ("identify", "asked for: light the machine's locator"),
        ("enrol", "machine enrolled"),
        ("token revoked", "token revoked"),
    ],
)
def test_an_event_in_plain_words(what: str, words: str) -> None:
    assert plain(what) == words
