"""RMCP packets: the ASF presence ping and the two session headers of IPMI.

Follows ASF 2.0 (DSP0136), section 3.2, and IPMI 2.0, sections 13.1 to 13.6 (tables 13-8 and 13-10). Sessions of IPMI
1.5 are refused: only its session-less header is understood, because every client asks Get Channel Authentication
Capabilities in it.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

_IPMI = b"\x06\x00\xff\x07"
_ASF = b"\x06\x00\xff\x06"
_ASF_IANA = b"\x00\x00\x11\xbe"
_PING, _PONG = 0x80, 0x40
_PING_BYTES = 12
_ENTITIES_IPMI_ASF1 = 0x81

_V15 = struct.Struct("<IIB")
_V20 = struct.Struct("<BIIH")
_ENCRYPTED, _SIGNED, _TYPE = 0x80, 0x40, 0x3F
_NEXT_HEADER = 7


class Malformed(ValueError):
    """Not a packet that a BMC answers."""


class AuthType(IntEnum):
    """The byte behind the RMCP header that says which session header follows."""

    NONE = 0
    RMCP_PLUS = 6


class PayloadType(IntEnum):
    """IPMI 2.0, table 13-16."""

    IPMI = 0x00
    SOL = 0x01
    OPEN_REQUEST = 0x10
    OPEN_RESPONSE = 0x11
    RAKP1 = 0x12
    RAKP2 = 0x13
    RAKP3 = 0x14
    RAKP4 = 0x15


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet without its RMCP header.

    `payload` is still encrypted when `encrypted`. `signed` is the whole packet behind the RMCP header, its integrity
    code at its end, when the sender claims to have signed it, else empty.
    """

    auth_type: AuthType
    payload_type: PayloadType
    session_id: int
    sequence: int
    payload: bytes
    encrypted: bool = False
    signed: bytes = b""


def ping_tag(datagram: bytes) -> int | None:
    """The message tag of a presence ping; None for anything else."""
    if len(datagram) < _PING_BYTES or not datagram.startswith(_ASF + _ASF_IANA) or datagram[8] != _PING:
        return None
    return datagram[9]


def pong(tag: int) -> bytes:
    """The presence pong of a BMC that speaks IPMI."""
    body = _ASF_IANA + bytes(4) + bytes([_ENTITIES_IPMI_ASF1, 0]) + bytes(6)
    return _ASF + _ASF_IANA + bytes([_PONG, tag, 0, len(body)]) + body


def parse(datagram: bytes) -> Packet:
    """Take a packet apart.

    Raises:
        Malformed: too short, not IPMI, or a kind of session that is refused.
    """
    if not datagram.startswith(_IPMI) or len(datagram) == len(_IPMI):
        raise Malformed("no RMCP header of class IPMI")
    try:
        if datagram[4] == AuthType.NONE:
            return _parse_v15(datagram[5:])
        if datagram[4] == AuthType.RMCP_PLUS:
            return _parse_v20(datagram[4:])
    except (struct.error, ValueError) as error:
        raise Malformed(str(error)) from error
    raise Malformed("sessions of IPMI 1.5 are refused")


def _parse_v15(rest: bytes) -> Packet:
    sequence, session_id, length = _V15.unpack_from(rest)
    payload = rest[_V15.size : _V15.size + length]
    if len(payload) != length:
        raise Malformed("payload cut short")
    return Packet(AuthType.NONE, PayloadType.IPMI, session_id, sequence, payload)


def _parse_v20(packet: bytes) -> Packet:
    kind, session_id, sequence, length = _V20.unpack_from(packet, 1)
    payload = packet[1 + _V20.size : 1 + _V20.size + length]
    if len(payload) != length:
        raise Malformed("payload cut short")
    return Packet(
        AuthType.RMCP_PLUS,
        PayloadType(kind & _TYPE),
        session_id,
        sequence,
        payload,
        encrypted=bool(kind & _ENCRYPTED),
        signed=packet if kind & _SIGNED else b"",
    )


def build(packet: Packet) -> bytes:
    """The datagram of a packet that is neither encrypted nor signed."""
    if packet.auth_type is AuthType.NONE:
        header = _V15.pack(packet.sequence, packet.session_id, len(packet.payload))
        return _IPMI + bytes([packet.auth_type]) + header + packet.payload
    header = _V20.pack(packet.payload_type, packet.session_id, packet.sequence, len(packet.payload))
    return _IPMI + bytes([packet.auth_type]) + header + packet.payload


def unsigned(packet: Packet) -> bytes:
    """What the integrity code of an encrypted packet covers: header, payload, pad to four bytes, trailer."""
    kind = packet.payload_type | _ENCRYPTED | _SIGNED
    header = _V20.pack(kind, packet.session_id, packet.sequence, len(packet.payload))
    covered = bytes([AuthType.RMCP_PLUS]) + header + packet.payload
    pad = -(len(covered) + 2) % 4
    return covered + b"\xff" * pad + bytes([pad, _NEXT_HEADER])


def build_signed(covered: bytes, code: bytes) -> bytes:
    """The datagram of an encrypted and signed packet, from `unsigned` and its integrity code."""
    return _IPMI + covered + code
