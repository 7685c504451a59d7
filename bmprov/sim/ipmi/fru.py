"""FRU 0: what the machine is, in chassis, board and product areas.

IPMI 2.0, section 34, and the Platform Management FRU Information Storage Definition 1.0, sections 8 to 13. Read only,
and made when it is asked for.
"""

import struct

from bmprov.sim.facts import MODEL, VENDOR, MachineFacts
from bmprov.sim.ipmi.message import Code, Refusal

_FORMAT = 1
_BLOCK = 8
_ENGLISH = 0
_RACK_MOUNT = 0x17
_LATIN_1, _END = 0xC0, 0xC1
_UNKNOWN_DATE = bytes(3)


def inventory_info(facts: MachineFacts, data: bytes) -> bytes:
    """Answer Get FRU Inventory Area Info: its size, accessed by bytes."""
    return struct.pack("<HB", len(_of(facts, data[0])), 0)


def read_inventory(facts: MachineFacts, data: bytes) -> bytes:
    """Answer Read FRU Data."""
    stored, offset, count = _of(facts, data[0]), data[1] | data[2] << 8, data[3]
    if offset >= len(stored):
        raise Refusal(Code.OUT_OF_RANGE)
    part = stored[offset : offset + count]
    return bytes([len(part)]) + part


def _of(facts: MachineFacts, number: int) -> bytes:
    if number:
        raise Refusal(Code.NOT_PRESENT)
    return inventory(facts)


def inventory(facts: MachineFacts) -> bytes:
    """All that FRU 0 stores."""
    serial = facts.serial_number
    chassis = _area(bytes([_RACK_MOUNT]), "", serial)
    board = _area(bytes([_ENGLISH]) + _UNKNOWN_DATE, VENDOR, f"{MODEL} board", f"B{serial}", "", "")
    product = _area(bytes([_ENGLISH]), VENDOR, MODEL, "", "1.0", serial, facts.name, "")
    at = [1, 1 + len(chassis) // _BLOCK, 1 + (len(chassis) + len(board)) // _BLOCK]
    head = bytes([_FORMAT, 0, *at, 0, 0])
    return head + _checksum(head) + chassis + board + product


def _area(head: bytes, *fields: str) -> bytes:
    """An area: version, length in blocks of eight bytes, its fields, padding and checksum."""
    body = head + b"".join(_field(text) for text in fields) + bytes([_END])
    padded = body + bytes(-(len(body) + 3) % _BLOCK)
    area = bytes([_FORMAT, (len(padded) + 3) // _BLOCK]) + padded
    return area + _checksum(area)


def _field(text: str) -> bytes:
    """A text behind its type and length. One letter alone would look like the end of the fields."""
    encoded = text.encode("latin-1", "replace")[:63]
    return bytes([_LATIN_1 | len(encoded)]) + encoded if len(encoded) != 1 else bytes([0xC2]) + encoded + b" "


def _checksum(data: bytes) -> bytes:
    return bytes([-sum(data) & 0xFF])
