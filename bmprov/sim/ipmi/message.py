"""IPMI messages as they travel over LAN: IPMI 2.0, section 13.8."""

from dataclasses import dataclass
from enum import IntEnum

from bmprov.sim.ipmi.rmcp import Malformed

_SHORTEST = 7


class NetFn(IntEnum):
    """The network functions that are served (table 5-1); the response's is one higher."""

    CHASSIS = 0x00
    SENSOR = 0x04
    APP = 0x06
    STORAGE = 0x0A
    TRANSPORT = 0x0C


class Code(IntEnum):
    """Completion codes (table 5-2); those from 0x80 to 0xBE mean what their command's section says."""

    OK = 0x00
    PARAMETER_NOT_SUPPORTED = 0x80
    PAYLOAD_ACTIVE = 0x80
    PAYLOAD_INACTIVE = 0x80
    PAYLOAD_NOT_AVAILABLE = 0x80
    LEVEL_EXCEEDED = 0x81
    PAYLOAD_DISABLED = 0x81
    READ_ONLY = 0x82
    NOT_WITHOUT_ENCRYPTION = 0x84
    NO_SUCH_SESSION = 0x87
    NODE_BUSY = 0xC0
    INVALID_COMMAND = 0xC1
    RESERVATION_CANCELLED = 0xC5
    TRUNCATED = 0xC7
    OUT_OF_RANGE = 0xC9
    NOT_PRESENT = 0xCB
    INVALID_FIELD = 0xCC
    NOT_FOR_THIS_RECORD = 0xCD
    INSUFFICIENT_PRIVILEGE = 0xD4
    NOT_IN_THIS_STATE = 0xD5


class Refusal(Exception):
    """A command that is answered with a completion code other than OK; no fault of the program."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.name)
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `requester` and `sequence` (with the requester's LUN in its low bits) go back as they came."""

    netfn: int
    command: int
    data: bytes
    responder: int
    lun: int
    requester: int
    sequence: int


def parse_request(payload: bytes) -> Request:
    """Take a request apart.

    Raises:
        Malformed: too short, or a checksum is wrong.
    """
    if len(payload) < _SHORTEST or sum(payload[:3]) & 0xFF or sum(payload[3:]) & 0xFF:
        raise Malformed("not an IPMI message")
    netfn, lun = payload[1] >> 2, payload[1] & 3
    return Request(netfn, payload[5], payload[6:-1], payload[0], lun, payload[3], payload[4])


def build_response(request: Request, code: Code, data: bytes = b"") -> bytes:
    """The response to a request."""
    head = bytes([request.requester, (request.netfn + 1) << 2 & 0xFF | request.sequence & 3])
    sequence = request.sequence & 0xFC | request.lun
    body = bytes([request.responder, sequence, request.command, code]) + data
    return head + _checksum(head) + body + _checksum(body)


def _checksum(data: bytes) -> bytes:
    return bytes([-sum(data) & 0xFF])
