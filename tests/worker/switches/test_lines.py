"""The lines that dialects make: no value gets out of its place, whatever is ordered of whatever port."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmprov.errors import Invalid, SwitchRefused
from bmprov.switch import Change, PortMode, PortSetting, PortState
from tests.contract.switches import MODELS
from worker.switches.dialect import Dialect
from worker.switches.dialects import DIALECTS

VLAN = st.integers(1, 4094)
SETTING = st.one_of(
    st.builds(PortSetting.access, VLAN),
    st.builds(
        PortSetting.trunk, st.frozensets(VLAN.filter(lambda vlan: vlan != 7), min_size=1, max_size=40), st.just(7)
    ),
)
STATES = st.builds(
    PortState,
    st.just("PORT"),
    st.booleans(),
    st.sampled_from(PortMode),
    st.one_of(st.none(), VLAN),
    st.frozensets(VLAN, max_size=10),
    st.just("was"),
)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
@settings(max_examples=40, deadline=None)
@given(
    setting=SETTING,
    state=STATES,
    enabled=st.booleans(),
    description=st.from_regex(r"\A[A-Za-z0-9 :/()@=+*_.,-]{0,64}\Z"),
)
def test_lines_are_whole(
    dialect: Dialect,
    setting: PortSetting,
    state: PortState,
    *,
    enabled: bool,
    description: str,
) -> None:
    """Each is one line of printable ASCII with every placeholder filled, and short enough for any switch."""
    port = MODELS[dialect.name][1].format(1)
    try:
        change = Change(port, setting, enabled, description)
    except Invalid:
        return  # a space at an end
    for line in dialect.changing(dialect.lines(change, state)):
        assert re.fullmatch(r"[ -~]+", line)
        assert not re.search(r"[{}]|None", line)
        assert len(line) < 240
    assert not dialect.lines(change, change.fulfilled(state))


def test_a_trunk_without_a_native_vlan_that_a_switch_cannot_have() -> None:
    """It is refused in words before a line is sent, where the vendor knows no such thing."""
    state = PortState("Ethernet1", enabled=True, mode=PortMode.ACCESS, untagged=5)
    with pytest.raises(SwitchRefused, match="no trunk without a native VLAN"):
        DIALECTS["dell-os10"].lines(Change("ethernet1/1/1", PortSetting.trunk({100})), state)
    with pytest.raises(SwitchRefused, match="cannot carry VLAN 1 with a tag"):
        DIALECTS["cisco-nxos"].lines(Change("Ethernet1/1", PortSetting.trunk({1, 100})), state)


def test_a_routed_port_becomes_a_switched_one() -> None:
    """The line that makes it one comes before any VLAN, and only then."""
    routed = PortState("Ethernet1", enabled=True, mode=PortMode.ROUTED)
    lines = DIALECTS["arista-eos"].lines(Change("Ethernet1", PortSetting.access(100)), routed)
    assert lines == [
        "interface Ethernet1",
        "switchport",
        "switchport access vlan 100",
        "switchport mode access",
        "exit",
    ]


def test_a_trunk_is_narrowed_before_it_is_one() -> None:
    """A port that was access is told its VLANs before its mode: it never is a trunk of all VLANs."""
    access = PortState("Ethernet1/1", enabled=True, mode=PortMode.ACCESS, untagged=5)
    lines = DIALECTS["cisco-nxos"].lines(Change("Ethernet1/1", PortSetting.trunk({100, 200})), access)
    assert lines == [
        "interface Ethernet1/1",
        "switchport trunk allowed vlan 100,200",
        "no switchport trunk native vlan",
        "switchport mode trunk",
        "exit",
    ]
