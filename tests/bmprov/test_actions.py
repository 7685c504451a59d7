"""Custom actions as data: what is checked again on our side."""

import re
from pathlib import Path

import pytest

from bmprov.actions import ACTIONS, action_named, refuse
from bmprov.cli.cloudstack import table
from bmprov.errors import Invalid, Refused

DOCS = Path(__file__).parents[2] / "docs" / "actions.md"


@pytest.mark.parametrize(
    ("action", "given", "checked"),
    [
        ("identify", {}, {"seconds": 60}),
        ("identify", {"seconds": 15}, {"seconds": 15}),
        ("identify", {"seconds": "15"}, {"seconds": 15}),
        ("identify", {"seconds": 15.0}, {"seconds": 15}),
        ("eventlog", {"entries": 100}, {"entries": 100}),
        ("bootdevice", {"device": "network"}, {"device": "network", "often": "once"}),
        ("bootdevice", {"device": "setup", "often": "always"}, {"device": "setup", "often": "always"}),
        ("nmi", {}, {}),
    ],
)
def test_parameters_as_they_are_meant(action: str, given: dict[str, object], checked: dict[str, object]) -> None:
    """CloudStack hands numbers over as numbers; its API takes them as text."""
    assert action_named(action).checked(given) == checked


@pytest.mark.parametrize(
    ("action", "given", "words"),
    [
        ("identify", {"seconds": 256}, "it lies between 0 and 255"),
        ("identify", {"seconds": -1}, "'seconds' is not '-1'"),
        ("identify", {"seconds": 1.5}, "'seconds' is not '1.5'"),
        ("identify", {"seconds": True}, "'seconds' is not 'True'"),
        ("identify", {"seconds": "soon"}, "'seconds' is not 'soon'"),
        ("identify", {"seconds": "nan"}, "'seconds' is not 'nan'"),
        ("identify", {"second": 1}, "has no parameter 'second': it has seconds"),
        ("bootdevice", {}, "needs the parameter 'device'"),
        ("bootdevice", {"device": "floppy"}, "one of network, disk, cdrom, setup, default"),
        ("bootdevice", {"device": ["network"]}, "'device' is not"),
        ("nmi", {"x": 1}, "it has none"),
    ],
)
def test_parameters_that_make_no_sense(action: str, given: dict[str, object], words: str) -> None:
    """The sentence names the parameter and what it may be."""
    with pytest.raises(Invalid, match=re.escape(words)):
        action_named(action).checked(given)


@pytest.mark.parametrize("name", [name for name, action in ACTIONS.items() if action.guarded])
def test_a_guarded_action_is_not_for_tenants(name: str) -> None:
    """Nor for a caller who is not named; an operator may, and so may a tenant whom our operator lets."""
    for role_type in ("User", ""):
        with pytest.raises(Refused, match=f"'{name}' is not for"):
            refuse(ACTIONS[name], role_type, ())
        refuse(ACTIONS[name], role_type, (name,))
    for role_type in ("Admin", "ResourceAdmin", "DomainAdmin"):
        refuse(ACTIONS[name], role_type, ())


def test_an_unknown_action_is_told_with_those_there_are() -> None:
    """As an operator mistypes it in CloudStack."""
    with pytest.raises(Invalid, match="no action 'powercyle': there are poweron, poweroff, powercycle"):
        action_named("powercyle")


def test_the_table_in_the_docs_is_current() -> None:
    """docs/actions.md has the table that the program makes."""
    assert table() in DOCS.read_text(), f"put this table into docs/actions.md:\n{table()}"
