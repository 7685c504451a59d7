"""Which VLAN a network of CloudStack's is on a switch port."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmprov.errors import Invalid
from bmprov.vlan_map import VlanMap

MAPPED = VlanMap.parse(["vxlan://5000-5099=1500-1599", " vlan://untagged = 12 ", "vlan://2000=2100", "pvlan://7=70"])


@pytest.mark.parametrize(
    ("uri", "vlan"),
    [
        ("vlan://1577", 1577),
        (" VLAN://1577 ", 1577),
        ("vlan://2000", 2100),
        ("vlan://untagged", 12),
        ("vxlan://5000", 1500),
        ("vxlan://5099", 1599),
        ("pvlan://7", 70),
    ],
)
def test_the_vlan_of_a_network(uri: str, vlan: int) -> None:
    """A VLAN is itself unless it is mapped; all else is what it is mapped to."""
    assert MAPPED.vlan_of(uri) == vlan


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("vxlan://5100", "the network vxlan://5100"),
        ("lswitch://6f7b", "the network lswitch://6f7b"),
        ("pvlan://100-i200", "the network pvlan://100-i200"),
        ("vlan://1577-1578", "the network vlan://1577-1578"),
        ("", "a network that CloudStack gives no VLAN"),
        ("vlan://0", "0 is no VLAN"),
        ("vlan://4095", "4095 is no VLAN"),
        ("x" * 1000, "the network " + "x" * 60 + ": "),
    ],
)
def test_what_no_port_carries_is_refused(uri: str, words: str) -> None:
    """The sentence names the network, shortened, and the setting that would map it."""
    with pytest.raises(Invalid) as caught:
        MAPPED.vlan_of(uri)
    assert words in str(caught.value)


def test_untagged_is_no_vlan_until_somebody_says_which() -> None:
    """What the hypervisors' ports carry without a tag only their operator knows."""
    with pytest.raises(Invalid, match="`mappings` of the setting `network`"):
        VlanMap().vlan_of("vlan://untagged")


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["vxlan://5000"], "no mapping of a network"),
        (["5000=12"], "no mapping of a network"),
        (["vxlan://5000-5009=1500-1510"], "not of one length"),
        (["vxlan://5009-5000=1509-1500"], "run backwards"),
        (["vxlan://5000-5099=4090-4189"], "4189 is no VLAN"),
        (["vxlan://5000=0"], "0 is no VLAN"),
        (["vxlan://untagged=12"], "is one network"),
        (["vlan://untagged=12-13"], "is one network"),
        (["vlan://untagged=12", "vlan://untagged=13"], "mapped twice"),
        (["vxlan://1-10=1-10", "vxlan://10-11=20-21"], "vxlan://10 is mapped twice"),
    ],
)
def test_a_wrong_mapping_is_refused(texts: list[str], why: str) -> None:
    """Before anything runs by it."""
    with pytest.raises(ValueError, match=why):
        VlanMap.parse(texts)


@given(st.text(max_size=40))
def test_whatever_cloudstack_says_is_a_vlan_or_refused(uri: str) -> None:
    """Nothing else comes out."""
    with suppress(Invalid):
        assert 1 <= MAPPED.vlan_of(uri) <= 4094
