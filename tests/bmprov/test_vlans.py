"""VLAN numbers and ranges."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmprov.errors import Invalid
from bmprov.vlans import VlanRanges, spans, written

VLANS = st.frozensets(st.integers(1, 4094), max_size=60)


@given(VLANS)
def test_what_is_written_is_read(vlans: frozenset[int]) -> None:
    """Any set of VLANs survives being written as ranges and parsed."""
    ranges = VlanRanges.parse(written(vlans))
    assert set(ranges) == vlans
    assert ranges == VlanRanges.of(vlans)
    assert VlanRanges.parse(str(ranges)) == ranges


@given(VLANS)
def test_ranges_are_as_few_as_can_be(vlans: frozenset[int]) -> None:
    """No range begins where another ends."""
    found = spans(vlans)
    assert all(first > before[1] + 1 for before, (first, _) in pairwise(found))


@given(VLANS, VLANS)
def test_what_is_outside(given_vlans: frozenset[int], wanted: frozenset[int]) -> None:
    """A VLAN is inside exactly when an operator has given it."""
    assert VlanRanges.of(given_vlans).outside(wanted) == sorted(wanted - given_vlans)


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "4095",
        "1-4095",
        "200-100",
        "1-5,5",
        "1,1",
        "a",
        "1-",
        "-1",
        "1--2",
        "100-199;200",
        "\u0661",
        "1,,2",
        "99999",
    ],
)
def test_a_text_that_is_no_ranges(text: str) -> None:
    """It is refused in words."""
    with pytest.raises(Invalid):
        VlanRanges.parse(text)


@given(st.text(max_size=20))
def test_any_text(text: str) -> None:
    """Garbage is refused as `Invalid`, and as nothing else."""
    try:
        found = VlanRanges.parse(text)
    except Invalid:
        return
    assert all(1 <= vlan <= 4094 for vlan in found)


def test_no_text_is_no_vlan() -> None:
    """Nothing given is nothing allowed."""
    assert 1 not in VlanRanges.parse("")
    assert set(VlanRanges.parse(" 100-101 , 1577 ")) == {100, 101, 1577}
