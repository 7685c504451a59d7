"""The DHCP packet: bytes in, a record out, and back.

RFC 2131 (layout), RFC 2132 (options), RFC 3396 (an option that is split over several), option overload (RFC 2132, 9.3).
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv4Address

_LAYOUT = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s4s")
_COOKIE = b"\x63\x82\x53\x63"
_MIN_BYTES = 300  # BOOTP's (RFC 951); some relays and ROMs drop what is shorter
_PAD, _END = 0, 255
_PIECE_LIMIT = 255
_ETHERNET, _MAC_BYTES = 1, 6
_IN_FILE, _IN_SNAME = 1, 2
ANY = IPv4Address(0)


class Option(IntEnum):
    """The options that are read or written here, by their names in IANA's registry."""

    SUBNET_MASK = 1
    ROUTER = 3
    DNS = 6
    REQUESTED_ADDRESS = 50
    LEASE_TIME = 51
    OVERLOAD = 52
    MESSAGE_TYPE = 53
    SERVER_ID = 54
    VENDOR_CLASS = 60
    CLIENT_ID = 61
    TFTP_SERVER = 66
    BOOT_FILE = 67
    USER_CLASS = 77
    RELAY_AGENT = 82
    CLIENT_ARCH = 93
    CLIENT_UUID = 97
    VENDOR_OPTIONS = 43
    IPXE = 175


class MessageType(IntEnum):
    """Option 53."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7
    INFORM = 8


_KINDS = {kind.value: kind for kind in MessageType}


class BadPacket(ValueError):
    """The bytes are no DHCP packet. The only error of this module."""


@dataclass(frozen=True)
class Packet:
    """A DHCP packet. `mac` is lower case with colons; `options` are whole, however they were split on the wire."""

    op: int
    xid: int
    mac: str
    options: Mapping[int, bytes]
    hops: int = 0
    secs: int = 0
    flags: int = 0
    ciaddr: IPv4Address = ANY
    yiaddr: IPv4Address = ANY
    siaddr: IPv4Address = ANY
    giaddr: IPv4Address = ANY
    sname: bytes = b""
    file: bytes = field(default=b"")

    @property
    def kind(self) -> MessageType | None:
        """The message type; None for plain BOOTP and for types that nobody has defined."""
        value = self.options.get(Option.MESSAGE_TYPE, b"")
        return _KINDS.get(value[0]) if len(value) == 1 else None

    def address(self, option: Option) -> IPv4Address | None:
        """The address in an option; None when it is absent or no address."""
        value = self.options.get(option, b"")
        return IPv4Address(value) if len(value) == len(ANY.packed) else None


def parse(data: bytes) -> Packet:
    """The packet in `data`.

    Raises:
        BadPacket: it is not DHCP over Ethernet.
    """
    if len(data) < _LAYOUT.size:
        raise BadPacket(f"{len(data)} bytes are too few")
    op, kind, length, hops, xid, secs, flags, ci, yi, si, gi, chaddr, sname, file, cookie = _LAYOUT.unpack_from(data)
    if cookie != _COOKIE or kind != _ETHERNET or length != _MAC_BYTES:
        raise BadPacket("no DHCP over Ethernet")
    options = _joined(_pieces(data[_LAYOUT.size :]))
    overload = options.pop(Option.OVERLOAD, b"\0")
    if len(overload) != 1:
        raise BadPacket("option 52 is malformed")
    for bit, area in ((_IN_FILE, file), (_IN_SNAME, sname)):
        if overload[0] & bit:
            for code, value in _joined(_pieces(area)).items():
                options[code] = options.get(code, b"") + value
    return Packet(
        op=op,
        xid=xid,
        mac=chaddr[:_MAC_BYTES].hex(":"),
        options=options,
        hops=hops,
        secs=secs,
        flags=flags,
        ciaddr=IPv4Address(ci),
        yiaddr=IPv4Address(yi),
        siaddr=IPv4Address(si),
        giaddr=IPv4Address(gi),
        sname=b"" if overload[0] & _IN_SNAME else sname.rstrip(b"\0"),
        file=b"" if overload[0] & _IN_FILE else file.rstrip(b"\0"),
    )


def serialise(packet: Packet) -> bytes:
    """The bytes of a packet: message type first, the relay's option last (RFC 3046, 2.2), padded to BOOTP's length."""
    head = _LAYOUT.pack(
        packet.op,
        _ETHERNET,
        _MAC_BYTES,
        packet.hops,
        packet.xid,
        packet.secs,
        packet.flags,
        packet.ciaddr.packed,
        packet.yiaddr.packed,
        packet.siaddr.packed,
        packet.giaddr.packed,
        bytes.fromhex(packet.mac.replace(":", "")),
        packet.sname,
        packet.file,
        _COOKIE,
    )
    ordered = sorted(packet.options.items(), key=lambda item: _place(item[0]))
    body = b"".join(_split(code, value) for code, value in ordered)
    return (head + body + bytes([_END])).ljust(_MIN_BYTES, b"\0")


def _place(code: int) -> tuple[bool, bool, int]:
    return (code == Option.RELAY_AGENT, code != Option.MESSAGE_TYPE, code)


def _split(code: int, value: bytes) -> bytes:
    pieces = [value[place : place + _PIECE_LIMIT] for place in range(0, len(value), _PIECE_LIMIT)] or [b""]
    return b"".join(bytes([code, len(piece)]) + piece for piece in pieces)


def _pieces(area: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(area) and area[place] != _END:
        if area[place] == _PAD:
            place += 1
            continue
        if place + 1 >= len(area) or place + 2 + area[place + 1] > len(area):
            raise BadPacket(f"option {area[place]} runs over the end")
        yield area[place], area[place + 2 : place + 2 + area[place + 1]]
        place += 2 + area[place + 1]


def _joined(pieces: Iterator[tuple[int, bytes]]) -> dict[int, bytes]:
    options: dict[int, bytes] = {}
    for code, value in pieces:
        options[code] = options.get(code, b"") + value
    return options
