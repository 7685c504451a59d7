"""Names of ports: one name for each, and what LLDP and people write instead of it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmprov.errors import Invalid
from bmprov.port_names import PORT_NAMES, checked_port
from tests.contract.switches import MODELS

_DIALECTS = pytest.mark.parametrize("dialect", PORT_NAMES)


@_DIALECTS
@settings(max_examples=40, deadline=None)
@given(name=st.text(max_size=40))
def test_any_text(dialect: str, name: str) -> None:
    """A name that is taken has letters, digits and what ports have, and no end of line."""
    try:
        checked_port(dialect, name)
    except Invalid:
        return
    assert re.fullmatch(r"[A-Za-z0-9_/:.-]+", name)


@pytest.mark.parametrize("dialect", MODELS)
@pytest.mark.parametrize("end", ["\n", " ", "\r", "\x00", ";reboot", "0" * 9, "\u0661"])
def test_a_good_name_with_something_after_it(dialect: str, end: str) -> None:
    """A port's name is matched whole, to the last character."""
    port = MODELS[dialect][1].format(1)
    assert checked_port(dialect, port) == port
    with pytest.raises(Invalid):
        checked_port(dialect, port + end)


@pytest.mark.parametrize("name", ["Gi1/0/1", "gigabitethernet1/0/1", "GigabitEthernet 1/0/1", "Vlan1"])
def test_short_names_are_refused(name: str) -> None:
    """`Gi1/0/1` is GigabitEthernet1/0/1 to the switch: with two names a port could get past the list of uplinks."""
    with pytest.raises(Invalid, match="no port of cisco-ios"):
        checked_port("cisco-ios", name)


def test_the_hint_is_the_full_name() -> None:
    """Who writes a short name is told the long one; a zero before a number is another name too."""
    with pytest.raises(Invalid, match=r"write GigabitEthernet1/0/1$"):
        checked_port("cisco-ios", "Gi1/0/1")
    with pytest.raises(Invalid, match="write it in full"):
        checked_port("cisco-ios", "GigabitEthernet1/0/01")
    with pytest.raises(Invalid, match="no driver speaks 'avaya'"):
        checked_port("avaya", "1/1")


@pytest.mark.parametrize(
    ("dialect", "text", "name"),
    [
        ("cisco-ios", "Gi1/0/7", "GigabitEthernet1/0/7"),
        ("cisco-ios", "Twe1/0/7", "TwentyFiveGigE1/0/7"),
        ("cisco-nxos", "Eth1/7", "Ethernet1/7"),
        ("arista-eos", "Et7", "Ethernet7"),
        ("dell-os10", "Eth 1/1/7", "ethernet1/1/7"),
        ("hpe-comware", "XGE1/0/7", "Ten-GigabitEthernet1/0/7"),
        ("juniper-junos", "xe-0/0/7", "xe-0/0/7"),
        ("cumulus", "swp7", "swp7"),
        ("juniper-junos", "513", None),
        ("cisco-ios", "Ma0", None),
        ("cisco-ios", "", None),
    ],
)
def test_what_lldp_says(dialect: str, text: str, name: str | None) -> None:
    """Completed where there is one name that it can mean, and not guessed where there is none."""
    assert PORT_NAMES[dialect].completed(text) == name
