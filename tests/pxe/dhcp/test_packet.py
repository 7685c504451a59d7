"""The DHCP codec: what goes in comes out, and no bytes do anything but parse or be refused."""

from contextlib import suppress
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxe.dhcp.client import Client, client_of
from pxe.dhcp.packet import BadPacket, MessageType, Option, Packet, parse, serialise

ADDRESSES = st.integers(0, 2**32 - 1).map(IPv4Address)
CODES = st.integers(1, 254).filter(lambda code: code != Option.OVERLOAD)
PACKETS = st.builds(
    Packet,
    op=st.integers(0, 255),
    xid=st.integers(0, 2**32 - 1),
    mac=st.binary(min_size=6, max_size=6).map(lambda mac: mac.hex(":")),
    options=st.dictionaries(CODES, st.binary(max_size=600), max_size=6),
    hops=st.integers(0, 255),
    secs=st.integers(0, 65535),
    flags=st.integers(0, 65535),
    ciaddr=ADDRESSES,
    yiaddr=ADDRESSES,
    siaddr=ADDRESSES,
    giaddr=ADDRESSES,
    file=st.binary(max_size=128).map(lambda name: name.rstrip(b"\0")),
)


@given(packet=PACKETS)
def test_a_packet_survives_the_wire(packet: Packet) -> None:
    """Options longer than 255 bytes are split (RFC 3396) and joined again; nothing is shorter than 300 bytes."""
    data = serialise(packet)
    assert parse(data) == packet
    assert len(data) >= 300


@given(data=st.binary(max_size=700))
def test_garbage_is_refused(data: bytes) -> None:
    """Random bytes raise one error and no other."""
    with suppress(BadPacket):
        parse(data)


@given(packet=PACKETS, place=st.integers(0, 800), value=st.integers(0, 255))
def test_a_damaged_packet_is_parsed_or_refused(packet: Packet, place: int, value: int) -> None:
    """One flipped byte anywhere does no harm."""
    data = bytearray(serialise(packet))
    data[place % len(data)] = value
    with suppress(BadPacket):
        client_of(parse(bytes(data)))


def test_the_relays_option_comes_last_and_the_type_first() -> None:
    """RFC 3046 wants option 82 last; some ROMs want option 53 first."""
    options = {Option.RELAY_AGENT: b"\1\1x", Option.BOOT_FILE: b"f", Option.MESSAGE_TYPE: b"\2", Option.IPXE: b"\1"}
    data = serialise(Packet(2, 1, "52:54:00:00:00:01", options))[240:]
    assert data.startswith(bytes([53, 1, 2]))
    assert data.rstrip(b"\0").endswith(bytes([82, 3, 1, 1, ord("x"), 255]))


def test_options_in_the_file_field() -> None:
    """Option overload: a client that ran out of room goes on in `file`, and the field is no file name then."""
    data = bytearray(serialise(Packet(1, 1, "52:54:00:00:00:01", {Option.MESSAGE_TYPE: b"\1", 52: b"\1"})))
    data[108:113] = bytes([Option.CLIENT_ARCH, 2, 0, 7, 255])
    packet = parse(bytes(data))
    assert packet.options[Option.CLIENT_ARCH] == b"\0\7"
    assert packet.file == b""


@pytest.mark.parametrize(
    ("options", "client"),
    [
        ({Option.CLIENT_ARCH: b"\0\0"}, Client.BIOS),
        ({Option.CLIENT_ARCH: b"\0\7"}, Client.UEFI_X64),
        ({Option.CLIENT_ARCH: b"\0\x09"}, Client.UEFI_X64),
        ({Option.CLIENT_ARCH: b"\0\x0b"}, Client.UEFI_ARM64),
        ({Option.CLIENT_ARCH: b"\0\x10", Option.VENDOR_CLASS: b"HTTPClient:Arch:00016"}, Client.UEFI_HTTP_X64),
        ({Option.CLIENT_ARCH: b"\0\x06"}, Client.OTHER_FIRMWARE),
        ({Option.CLIENT_ARCH: b"\0\x13"}, Client.UEFI_HTTP_ARM64),
        ({Option.CLIENT_ARCH: b"\0\x0f"}, Client.OTHER_FIRMWARE),
        ({Option.VENDOR_CLASS: b"PXEClient:Arch:00000:UNDI:002001"}, Client.BIOS),
        ({Option.VENDOR_CLASS: b"PXEClient:Arch:00011:UNDI:003016"}, Client.UEFI_ARM64),
        ({Option.CLIENT_ARCH: b"\0\7", Option.USER_CLASS: b"iPXE"}, Client.IPXE),
        ({Option.CLIENT_ARCH: b"\0\7", Option.USER_CLASS: b"\4iPXE"}, Client.IPXE),
        ({Option.CLIENT_ARCH: b"\0\0", Option.IPXE: b"\1\1\1"}, Client.IPXE),
        ({Option.VENDOR_CLASS: b"udhcp 1.35"}, Client.SYSTEM),
        ({Option.CLIENT_ARCH: b"\0"}, Client.SYSTEM),
    ],
)
def test_who_is_asking(options: dict[int, bytes], client: Client) -> None:
    """Firmware by option 93, iPXE by option 175 or its user class in either form, all else an operating system."""
    assert client_of(Packet(1, 1, "52:54:00:00:00:01", options)) is client


@given(packet=PACKETS, limit_bytes=st.integers(548, 1500))
def test_a_packet_is_kept_within_the_clients_limit(packet: Packet, limit_bytes: int) -> None:
    """What does not fit goes into `file` and `sname` (RFC 2132, 9.3), and the reader finds it all."""
    data = serialise(packet, limit_bytes)
    assert parse(data) == packet  # also what fits nowhere: the packet is longer then, and not poorer
    options = [value for code, value in packet.options.items() if code != Option.RELAY_AGENT]
    relay = len(packet.options.get(Option.RELAY_AGENT, b""))
    if sum(len(value) + 2 for value in options) + relay + 20 < limit_bytes - 240:
        assert len(data) <= limit_bytes


def test_options_overflow_into_the_names_fields() -> None:
    """The relay's option stays in the first area, where relays look for it."""
    options = {
        Option.MESSAGE_TYPE: b"\2",
        Option.CLIENT_ID: b"c" * 200,
        Option.BOOT_FILE: b"b" * 120,
        Option.CLIENT_UUID: b"u" * 17,
        Option.RELAY_AGENT: b"\1\2ab",
    }
    packet = Packet(2, 1, "52:54:00:00:00:01", options)
    data = serialise(packet, 480)
    assert len(data) <= 480
    assert data[108:111] == bytes([Option.BOOT_FILE, 120, ord("b")])
    assert data[44:46] == bytes([Option.CLIENT_UUID, 17])
    assert bytes([Option.RELAY_AGENT, 4]) in data[240:]
    assert parse(data) == packet


def test_a_name_that_is_too_long_is_refused() -> None:
    """A cut boot file would be another file."""
    with pytest.raises(ValueError, match="longer than its field"):
        serialise(Packet(2, 1, "52:54:00:00:00:01", {}, file=b"f" * 129))


@pytest.mark.parametrize(
    ("options", "limit_bytes"),
    [
        ({}, 548),
        ({Option.LIMIT: b"\x05\xdc"}, 1472),
        ({Option.LIMIT: b"\0\1"}, 548),
        ({Option.LIMIT: b""}, 548),
        ({Option.RELAY_AGENT: b"\1\2ab"}, 554),
    ],
)
def test_how_long_a_reply_may_be(options: dict[int, bytes], limit_bytes: int) -> None:
    """Option 57 less the headers, never under what every client takes; the relay takes its own option out again."""
    assert Packet(1, 1, "x", options).reply_limit_bytes == limit_bytes


@given(told=st.binary(max_size=40))
def test_the_relays_suboptions_are_read_as_far_as_they_go(told: bytes) -> None:
    """Any bytes at all: no error, and nothing that was not there."""
    for code, value in Packet(1, 1, "x", {Option.RELAY_AGENT: told}).relay_told.items():
        assert bytes([code, len(value)]) + value in told


def test_unknown_message_types_are_none() -> None:
    """Types that nobody has defined are no reason to fail."""
    assert Packet(1, 1, "x", {Option.MESSAGE_TYPE: b"\x63"}).kind is None
    assert Packet(1, 1, "x", {Option.MESSAGE_TYPE: bytes([MessageType.INFORM])}).kind is MessageType.INFORM
