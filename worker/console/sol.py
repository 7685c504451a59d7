"""Serial over LAN without I/O: what to send, when to send it again, and what came (IPMI 2.0, sections 15.9 to 15.11).

A packet is a sequence number (1 to 15; 0 when it only acknowledges), the number that is acknowledged, how many of its
characters were taken, a byte of status or operation, and the characters. Each side has one unacknowledged packet under
way. It is sent again until it is acknowledged, and the same number twice is the same packet, perhaps with more at its
end.
"""

import struct
from dataclasses import dataclass
from enum import IntFlag

_HEAD = struct.Struct("BBBB")
_NUMBERS = 15
_RESEND_S = 0.5
_RESEND_MOST_S = 4.0
_DEAF_S = 1.0
_TRIES = 10
_MOST_WAITING = 64 * 1024


class Status(IntFlag):
    """What the BMC says of the line (table 15-2, status)."""

    BREAK = 0x04
    OVERRUN = 0x08
    ENDING = 0x10
    UNAVAILABLE = 0x20
    NACK = 0x40


class Operation(IntFlag):
    """What the BMC is asked to do (table 15-2, operation)."""

    BREAK = 0x10


class LineLost(Exception):
    """What was sent was not acknowledged, however often it was repeated."""


@dataclass
class _Sent:
    """The packet under way."""

    number: int
    operation: int
    characters: bytes
    tries: int = 0
    again_at: float = 0.0

    @property
    def packet(self) -> bytes:
        return _HEAD.pack(self.number, 0, 0, self.operation) + self.characters


class SolLine:
    """One side of the line. `most` is how many bytes of a payload the BMC takes. Times are any clock's seconds."""

    def __init__(self, most: int) -> None:
        self._room = max(1, most - _HEAD.size)
        self._number = 0
        self._waiting = bytearray()
        self._breaks = 0
        self._sent: _Sent | None = None
        self._deaf_until = 0.0
        self._before = self._last_number = 0
        self._last_size = 0
        self.ended = False
        self.powered = True

    def write(self, characters: bytes) -> bool:
        """Have these sent. False when so much is waiting that they are dropped: nobody types 64 KiB ahead."""
        if len(self._waiting) + len(characters) > _MOST_WAITING:
            return False
        self._waiting += characters
        return True

    def send_break(self) -> None:
        """Have a break sent, after what is waiting."""
        self._breaks += 1

    def due_at(self) -> float | None:
        """When `outgoing` is to be asked next; None when only something new makes it worth while."""
        if self._sent is not None:
            return self._sent.again_at
        return self._deaf_until if self._waiting or self._breaks else None

    def outgoing(self, now: float) -> bytes | None:
        """The packet to be sent now, if any.

        Raises:
            LineLost: the BMC does not acknowledge.
        """
        if self._sent is None:
            self._sent = self._next(now)
        sent = self._sent
        if sent is None or now < sent.again_at:
            return None
        if sent.tries == _TRIES:
            raise LineLost
        sent.again_at = now + min(_RESEND_S * 2**sent.tries, _RESEND_MOST_S)
        sent.tries += 1
        return sent.packet

    def received(self, payload: bytes, now: float) -> tuple[bytes, bytes | None]:
        """What the machine wrote, and the packet that acknowledges it at once. A packet too short is nothing."""
        if len(payload) < _HEAD.size:
            return b"", None
        number, acknowledged, taken, told = _HEAD.unpack_from(payload)
        status = Status(told & 0x7C)
        if status & Status.ENDING:
            self.ended = True
        self._acknowledge(acknowledged & 0x0F, taken, status, now)
        return self._take(number & 0x0F, payload[_HEAD.size :])

    def _next(self, now: float) -> _Sent | None:
        if now < self._deaf_until or not (self._waiting or self._breaks):
            return None
        self._number = self._number % _NUMBERS + 1
        if not self._waiting:
            self._breaks -= 1
            return _Sent(self._number, Operation.BREAK, b"")
        characters = bytes(self._waiting[: self._room])
        del self._waiting[: len(characters)]
        return _Sent(self._number, 0, characters)

    def _acknowledge(self, number: int, taken: int, status: Status, now: float) -> None:
        """Take note of what the BMC says of our packet. What it did not take goes out anew, with another number."""
        if number:
            self.powered = not status & Status.UNAVAILABLE
        sent = self._sent
        if sent is None or number != sent.number:
            return
        self._sent = None
        if not self.powered:  # what was typed for a machine that is off is not for the one that comes on
            self._waiting.clear()
            self._breaks = 0
            return
        refused = bool(status & Status.NACK)
        if sent.operation:
            self._breaks += refused
        else:
            self._waiting[:0] = sent.characters[taken:]
        if refused:
            self._deaf_until = now + _DEAF_S

    def _take(self, number: int, characters: bytes) -> tuple[bytes, bytes | None]:
        if not number:
            return b"", None
        answer = _HEAD.pack(0, number, min(len(characters), 0xFF), 0)
        if number == self._before:  # it was overtaken by the one after it
            return b"", answer
        fresh = characters[self._last_size :] if number == self._last_number else characters
        if number != self._last_number:
            self._before = self._last_number
        self._last_number, self._last_size = number, len(characters)
        return fresh, answer
