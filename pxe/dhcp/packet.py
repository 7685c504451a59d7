"""The DHCP packet: bytes in, a record out, and back.

RFC 2131 (layout), RFC 2132 (options; 9.3 overload, 9.10 the client's limit), RFC 3396 (an option that is split over
several), RFC 3046 (what relays add). What is not DHCP over Ethernet is refused.
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
_FILE_BYTES, _SNAME_BYTES = 128, 64
_OVERLOAD_BYTES, _END_BYTES = 3, 1
_IP_UDP_BYTES = 28
_LEAST_LIMIT = 576  # what every client takes (RFC 2132, 9.10)
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
    MESSAGE = 56
    LIMIT = 57
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
    KERNEL_ARGUMENTS = 224  # the site's own range (RFC 3942), for grub.cfg


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

    @property
    def reply_limit_bytes(self) -> int:
        """How long a reply may be. Option 57 counts the headers of IP and UDP; what the relay takes out is extra."""
        told = int.from_bytes(self.options.get(Option.LIMIT, b"")[:2])
        relay = self.options.get(Option.RELAY_AGENT)
        taken_out = sum(map(len, _split(Option.RELAY_AGENT, relay))) if relay is not None else 0
        return max(told, _LEAST_LIMIT) - _IP_UDP_BYTES + taken_out

    @property
    def relay_told(self) -> Mapping[int, bytes]:
        """The sub-options of the relay's option 82 (RFC 3046, 2.0), as far as they can be read."""
        told, rest = {}, self.options.get(Option.RELAY_AGENT, b"")
        while len(rest) > 1 and len(rest) >= 2 + rest[1]:
            told[rest[0]], rest = rest[2 : 2 + rest[1]], rest[2 + rest[1] :]
        return told


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


def serialise(packet: Packet, limit_bytes: int | None = None) -> bytes:
    """The bytes of a packet: message type first, the relay's option last (RFC 3046, 2.2), padded to BOOTP's length.

    What does not fit `limit_bytes` goes into the fields `file` and `sname` where they are free. If that is not enough
    either, the packet is longer: a client may still take it, and without its options it cannot boot.

    Raises:
        ValueError: `file` or `sname` is longer than its field.
    """
    if len(packet.file) > _FILE_BYTES or len(packet.sname) > _SNAME_BYTES:
        raise ValueError("a name is longer than its field")
    pieces = [piece for code in sorted(packet.options, key=_place) for piece in _split(code, packet.options[code])]
    area = b"".join(pieces)
    file, sname = packet.file, packet.sname
    if limit_bytes is not None and _LAYOUT.size + len(area) + _END_BYTES > limit_bytes:
        area, file, sname = _overloaded(packet, pieces, limit_bytes - _LAYOUT.size) or (area, file, sname)
    return (_head(packet, file, sname) + area + bytes([_END])).ljust(_MIN_BYTES, b"\0")


def _head(packet: Packet, file: bytes, sname: bytes) -> bytes:
    return _LAYOUT.pack(
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
        sname,
        file,
        _COOKIE,
    )


def _overloaded(packet: Packet, pieces: list[bytes], room: int) -> tuple[bytes, bytes, bytes] | None:
    """The three areas, filled one after the other, because a reader joins split options in this order (RFC 3396, 5)."""
    last = b"".join(piece for piece in pieces if piece[0] == Option.RELAY_AGENT)  # relays look in the first area only
    rooms = [
        room - len(last) - _OVERLOAD_BYTES,
        0 if packet.file else _FILE_BYTES,
        0 if packet.sname else _SNAME_BYTES,
    ]
    areas, at = [b"", b"", b""], 0
    for piece in pieces:
        if piece[0] == Option.RELAY_AGENT:
            continue
        while at < len(rooms) and len(areas[at]) + len(piece) + _END_BYTES > rooms[at]:
            at += 1
        if at == len(rooms):
            return None
        areas[at] += piece
    used = (_IN_FILE if areas[1] else 0) | (_IN_SNAME if areas[2] else 0)
    ended = [area + bytes([_END]) if area else area for area in areas]
    first = areas[0] + bytes([Option.OVERLOAD, 1, used]) + last
    return first, ended[1] or packet.file, ended[2] or packet.sname


def _place(code: int) -> tuple[bool, bool, int]:
    return (code == Option.RELAY_AGENT, code != Option.MESSAGE_TYPE, code)


def _split(code: int, value: bytes) -> list[bytes]:
    parts = [value[place : place + _PIECE_LIMIT] for place in range(0, len(value), _PIECE_LIMIT)] or [b""]
    return [bytes([code, len(part)]) + part for part in parts]


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
