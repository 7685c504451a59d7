"""The system event log of one BMC (IPMI 2.0, section 31; table 32-1 for its records).

The oldest entries are forgotten when it is full, which real ones only do if told to. Nothing is kept until the first
event. Refused: adding and deleting single entries.
"""

import struct
from collections.abc import Callable
from typing import Any

from bmprov.sim.ipmi.message import Code, Refusal
from bmprov.sim.ipmi.sensors import EVENT_LOGGING, NUMBER_OF_KIND, STATES

_VERSION = 0x51
_MOST = 512
_ENTRY_BYTES = 16
_SYSTEM_EVENT, _BMC, _FORMAT = 0x02, 0x20, 0x04
_CAN_RESERVE = 0x02
_FIRST, _LAST = 0x0000, 0xFFFF
_LAST_ID = 0xFFFE
_NEVER = 0xFFFFFFFF
_SURE, _INITIATE, _STATUS, _ERASED = b"CLR", 0xAA, 0x00, 0x01
_LOG_CLEARED = 2
_ENTRY = struct.Struct("<HBIHBBBBBBB")


class EventLog:
    """The log. `wall` gives seconds since the epoch; the log's own clock may be set otherwise."""

    __slots__ = ("_added_at", "_ahead_s", "_entries", "_erased_at", "_last_id", "_reservation", "_wall")

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._ahead_s = 0
        self._entries: list[bytes] = []
        self._last_id = 0
        self._reservation = 0
        self._added_at = self._erased_at = _NEVER

    def note(self, kind: int, offset: int) -> None:
        """Put down that the sensor of this type has come into the state with this offset (table 42-3)."""
        self._last_id = self._last_id % _LAST_ID + 1
        self._added_at = self._now()
        what = (_FORMAT, kind, NUMBER_OF_KIND[kind], STATES, offset, 0xFF, 0xFF)
        self._entries.append(_ENTRY.pack(self._last_id, _SYSTEM_EVENT, self._added_at, _BMC, *what))
        del self._entries[:-_MOST]

    def info(self) -> bytes:
        """Answer Get SEL Info."""
        count = len(self._entries)
        room = (_MOST - count) * _ENTRY_BYTES
        return struct.pack("<BHHIIB", _VERSION, count, room, self._added_at, self._erased_at, _CAN_RESERVE)

    def reserve(self) -> bytes:
        """Answer Reserve SEL."""
        self._reservation = self._reservation % _LAST + 1
        return struct.pack("<H", self._reservation)

    def entry(self, data: bytes) -> bytes:
        """Answer Get SEL Entry: the next entry's number, and a part of this one."""
        reservation, number, offset, count = _unpack("<HHBB", data)
        if offset and reservation != self._reservation:
            raise Refusal(Code.RESERVATION_CANCELLED)
        place = self._place(number)
        following = self._entries[place + 1][:2] if place + 1 < len(self._entries) else struct.pack("<H", _LAST)
        return following + self._entries[place][offset : offset + count]

    def clear(self, data: bytes) -> bytes:
        """Answer Clear SEL, which is done at once and noted in the log that is then empty."""
        reservation, sure, action = _unpack("<H3sB", data)
        if sure != _SURE or action not in (_INITIATE, _STATUS):
            raise Refusal(Code.INVALID_FIELD)
        if reservation != self._reservation:
            raise Refusal(Code.RESERVATION_CANCELLED)
        if action == _INITIATE:
            self._entries.clear()
            self._erased_at = self._now()
            self.note(EVENT_LOGGING, _LOG_CLEARED)
        return bytes([_ERASED])

    def time(self) -> bytes:
        """Answer Get SEL Time."""
        return struct.pack("<I", self._now())

    def set_time(self, data: bytes) -> bytes:
        """Answer Set SEL Time."""
        (told,) = _unpack("<I", data)
        self._ahead_s = told - int(self._wall())
        return b""

    def _now(self) -> int:
        return int(self._wall()) + self._ahead_s & _NEVER

    def _place(self, number: int) -> int:
        if number == _LAST and self._entries:
            return len(self._entries) - 1
        for place, entry in enumerate(self._entries):
            if number in (_FIRST, int.from_bytes(entry[:2], "little")):
                return place
        raise Refusal(Code.NOT_PRESENT)


def _unpack(layout: str, data: bytes) -> tuple[Any, ...]:
    try:
        return struct.unpack_from(layout, data)
    except struct.error:
        raise Refusal(Code.TRUNCATED) from None
