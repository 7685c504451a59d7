"""Router solicitations as iPXE sends them, and whatever else an IPv6 network may carry."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxe.router_advertisement import Solicitation, no_router, parse

IPXE = bytes.fromhex("8500d995000000000101525400770001")  # captured; the MAC is an option of its own


def test_ipxes_solicitation_names_its_mac() -> None:
    """So that it can be looked up like a DHCP request's."""
    assert parse(IPXE) == Solicitation("52:54:00:77:00:01")
    assert parse(IPXE[:8] + b"\x0e\x01" + bytes(6) + IPXE[8:]) == Solicitation("52:54:00:77:00:01")


def test_who_does_not_say_its_mac_is_nobody_known() -> None:
    """A host without an address yet must leave its MAC out (RFC 4861, 4.1)."""
    assert parse(IPXE[:8]) == Solicitation("")


@pytest.mark.parametrize(
    "data", [b"", IPXE[:7], b"\x86" + IPXE[1:], b"\x85\x01" + IPXE[2:], IPXE[:8] + bytes(8), IPXE[:-1]]
)
def test_what_is_none_is_ignored(data: bytes) -> None:
    """Too short, another type or code, an option without a length or beyond the end."""
    assert parse(data) is None


@given(st.binary(max_size=200))
def test_garbage_never_raises(data: bytes) -> None:
    """Anybody on the network may send it."""
    parse(data)
    parse(IPXE[:8] + data)


def test_the_answer_makes_nobody_a_router() -> None:
    """Type 134, no flag, a lifetime of 0 and no option: no default route, no address, no DHCPv6."""
    assert struct.unpack("!BB2xBBHII", no_router()) == (134, 0, 0, 0, 0, 0, 0)
