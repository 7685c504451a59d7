"""TFTP's packets (RFC 1350, 5; options: RFC 2347): bytes to values and back, no I/O.

What is no packet of TFTP is `Malformed`. Padding after the last field is passed over: ROMs send buffers of one size.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

READ_REQUEST, WRITE_REQUEST, DATA, ACK, ERROR, OPTIONS_ACK = (kind.to_bytes(2) for kind in range(1, 7))
HEAD_BYTES = 4  # of DATA, ACK and ERROR: the kind and a number
TOLD_CHARS = 100


class Malformed(Exception):
    """The bytes are no TFTP packet, or none that begins a transfer."""


class Mode(IntEnum):
    """How a file's bytes are told."""

    OCTET = 1
    NETASCII = 2
    UNKNOWN = 3


class Code(IntEnum):
    """Errors of RFC 1350 and RFC 2347."""

    NOT_FOUND = 1
    ACCESS_VIOLATION = 2
    ILLEGAL_OPERATION = 4


_MODES = {"octet": Mode.OCTET, "netascii": Mode.NETASCII}
_TEXTS = {
    Code.NOT_FOUND: "File not found",
    Code.ACCESS_VIOLATION: "Access violation",
    Code.ILLEGAL_OPERATION: "Illegal TFTP operation",
}


@dataclass(frozen=True)
class Request:
    """What begins a transfer. `options` keeps the client's order and spelling; of one asked for twice, the first."""

    writes: bool
    name: str
    mode: Mode
    options: Mapping[str, str]


def parse_request(packet: bytes) -> Request:
    """A read or a write request.

    Raises:
        Malformed: it is neither. An error in particular is never to be answered with an error.
    """
    if packet[:2] not in (READ_REQUEST, WRITE_REQUEST):
        raise Malformed("a packet that begins nothing")
    try:
        name, mode, *options = packet[2:].decode("ascii").split("\0")[:-1]
    except ValueError as error:
        raise Malformed("a request without a name and a mode in ASCII") from error
    if not name:
        raise Malformed("a request without a name")
    return Request(packet[:2] == WRITE_REQUEST, name, _MODES.get(mode.lower(), Mode.UNKNOWN), _options(options))


def _options(fields: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    pairs = itertools.takewhile(lambda pair: pair[0], zip(*[iter(fields)] * 2, strict=False))
    for name, value in pairs:
        if name.lower() not in map(str.lower, found):
            found[name] = value
    return found


def data(number: int, content: bytes) -> bytes:
    """A block. `number` counts on; on the wire it rolls over from 65,535 to 0."""
    return DATA + (number & 0xFFFF).to_bytes(2) + content


def ack(number: int) -> bytes:
    """The acknowledgement of a block, and of all before it (RFC 7440)."""
    return ACK + (number & 0xFFFF).to_bytes(2)


def options_ack(agreed: Mapping[str, int]) -> bytes:
    """The options that the server agrees to."""
    return OPTIONS_ACK + "".join(f"{name}\0{value}\0" for name, value in agreed.items()).encode("ascii")


def error(code: Code) -> bytes:
    """An error with its usual text: a ROM shows it on the console."""
    return ERROR + code.to_bytes(2) + _TEXTS[code].encode("ascii") + b"\0"


def told(packet: bytes) -> str:
    """What an ERROR packet says, in one short line."""
    text = packet[HEAD_BYTES:].split(b"\0")[0].decode("ascii", errors="replace")[:TOLD_CHARS]
    return f"error {int.from_bytes(packet[2:HEAD_BYTES])}: {text}"
