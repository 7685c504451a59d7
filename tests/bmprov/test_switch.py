"""What may be ordered of a switch's port, and what is not as ordered."""

import pytest

from bmprov.errors import Invalid
from bmprov.switch import Bounds, Change, PortMode, PortSetting, PortState, SwitchLogin, differences
from bmprov.vlans import VlanRanges

BOUNDS = Bounds(frozenset({"Ethernet1", "Ethernet2"}), frozenset({"Ethernet2"}), VlanRanges.parse("100-199,1577"))
STATE = PortState("Ethernet1", enabled=True, mode=PortMode.ACCESS, untagged=100, description="rack1-07")


@pytest.mark.parametrize(
    ("change", "objection"),
    [
        (Change("Ethernet2", PortSetting.access(100)), "port Ethernet2 is an uplink"),
        (Change("Ethernet2", enabled=False), "port Ethernet2 is an uplink"),
        (Change("Ethernet3", PortSetting.access(100)), "port Ethernet3 is not in the cabling"),
        (Change("ethernet1", PortSetting.access(100)), "port ethernet1 is not in the cabling"),
        (
            Change("Ethernet1", PortSetting.access(200)),
            "VLAN 200 for port Ethernet1: the operator's ranges 100-199,1577",
        ),
        (
            Change("Ethernet1", PortSetting.trunk({100, 300, 301}, native=1)),
            "VLANs 1,300-301 for port Ethernet1: the operator's ranges 100-199,1577",
        ),
    ],
)
def test_out_of_bounds(change: Change, objection: str) -> None:
    """Only cabled ports that are no uplinks, and only the operator's VLANs: the rest is objected to in a sentence."""
    assert BOUNDS.objections([change]) == [objection]


def test_within_bounds() -> None:
    """What is allowed has no objection."""
    change = Change("Ethernet1", PortSetting.trunk({100, 1577}, native=199), enabled=True, description="rack1-07 eth0")
    assert not BOUNDS.objections([change])
    assert not BOUNDS.objections([])


def test_a_port_twice_in_a_batch() -> None:
    """Two orders for one port are a slip: which of them counts?"""
    twice = [Change("Ethernet1", PortSetting.access(100)), Change("Ethernet1", PortSetting.access(101))]
    assert BOUNDS.objections(twice) == ["port Ethernet1 is ordered twice in one batch"]


def test_no_ranges_allow_nothing() -> None:
    """An operator who has given no VLANs gets no port set."""
    bounds = Bounds(frozenset({"Ethernet1"}), frozenset(), VlanRanges())
    assert bounds.objections([Change("Ethernet1", PortSetting.access(1))]) == [
        "VLAN 1 for port Ethernet1: the operator has given no ranges"
    ]


def test_differences_are_sentences() -> None:
    """Each thing that is not as ordered is told with what it is and what it should be."""
    change = Change("Ethernet1", PortSetting.trunk({100, 101, 102}, native=99), enabled=False, description="")
    assert change.differences(STATE) == [
        "port Ethernet1 is access VLAN 100, not a trunk of VLANs 100-102 with native VLAN 99",
        "port Ethernet1 is enabled, not disabled",
        "port Ethernet1 is described as 'rack1-07', not ''",
    ]
    assert not change.differences(change.fulfilled(STATE))
    assert differences([change], {}) == ["port Ethernet1 did not read back"]


def test_what_is_not_ordered_is_not_compared() -> None:
    """None leaves as it is."""
    assert not Change("Ethernet1").differences(STATE)
    assert Change("Ethernet1").fulfilled(STATE) == STATE


def test_a_trunk_of_one_native_vlan_is_no_access_port() -> None:
    """A port that carries the same but in another mode is not as ordered: it would take tags tomorrow."""
    trunk = PortState("Ethernet1", enabled=True, mode=PortMode.TRUNK, untagged=100)
    assert Change("Ethernet1", PortSetting.access(100)).differences(trunk) == [
        "port Ethernet1 is a trunk of VLANs none with native VLAN 100, not access VLAN 100"
    ]


def test_the_native_vlan_is_not_tagged() -> None:
    """It may be named among the allowed ones or not: the setting is the same."""
    assert PortSetting.trunk({99, 100}, native=99) == PortSetting.trunk({100}, native=99)
    assert PortSetting.trunk({100}, native=99).vlans == {99, 100}


def test_settings_that_are_none() -> None:
    """No such VLAN, or a trunk with nothing to tag."""
    for vlan in (0, 4095, -1):
        with pytest.raises(Invalid):
            PortSetting.access(vlan)
        with pytest.raises(Invalid):
            PortSetting.trunk({100}, native=vlan)
        with pytest.raises(Invalid):
            PortSetting.trunk({vlan})
    for allowed, native in ((set[int](), None), ({100}, 100)):
        with pytest.raises(Invalid, match="at least one VLAN with a tag"):
            PortSetting.trunk(allowed, native)


@pytest.mark.parametrize(
    "text",
    [
        "a\nb",
        "a\r",
        "a;b",
        'a"b',
        "a'b",
        "a?b",
        "a#",
        "a>",
        "a$b",
        "a`b",
        "a|b",
        "a\\b",
        " a",
        "a ",
        "é",
        "a" * 65,
        "!",
    ],
)
def test_descriptions_that_a_command_line_would_not_take_as_text(text: str) -> None:
    """They are refused before any switch is asked."""
    with pytest.raises(Invalid, match="description"):
        Change("Ethernet1", description=text)


@pytest.mark.parametrize(
    "text", ["", "a", "rack1-07 eth0", "i-2-5-VM/02:01:00:cc:00:01 (tenant @ 10.1.1.245)", "a" * 64]
)
def test_descriptions_that_are_text(text: str) -> None:
    """These are what operators write."""
    assert Change("Ethernet1", description=text).description == text


def test_a_login_shows_no_secret() -> None:
    """Neither password is in what a log would print."""
    told = repr(SwitchLogin("sonic://10.0.0.1", "admin", "first word", enable="second word"))
    assert "admin" in told
    assert "word" not in told
