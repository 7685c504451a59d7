"""The BMC's side of Serial over LAN: packets, acknowledgements and resends (IPMI 2.0, sections 15.9 to 15.11).

One packet of each side is under way. Ours is sent again until it is acknowledged or nobody has been there for a minute;
theirs is taken once, however often it comes.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from bmprov.power import Power
from bmprov.sim.chassis import Chassis
from bmprov.sim.faults import Later

PAYLOAD_BYTES = 255
"""The longest payload, either way."""

RETRY_S = 0.5
"""When a packet is sent again."""

_HEAD = struct.Struct("BBBB")
_NUMBERS = 15
_TRIES = 120
_MOST_WAITING = 64 * 1024

# of what the console asks (table 15-2, operation)
_NACK, _BREAK, _FLUSH = 0x40, 0x10, 0x01
# of what the BMC tells (table 15-2, status)
_UNAVAILABLE, _ENDING, _OVERRUN = 0x20, 0x10, 0x08


@dataclass(slots=True)
class _Sent:
    number: int
    packet: bytes
    tries: int = 0

    @property
    def characters(self) -> bytes:
        return self.packet[_HEAD.size :]


class SolLine:
    """The line between a machine's serial port and a console. `send` sends a payload, once; `lost` is told at the end.

    What a machine without power is sent is taken and gone. ipmitool repeats at once, and without end, what is refused.
    """

    def __init__(self, chassis: Chassis, later: Later, send: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        self._chassis = chassis
        self._later = later
        self._send = send
        self._lost = lost
        self._waiting = bytearray()
        self._overrun = False
        self._sent: _Sent | None = None
        self._number = 0
        self._last_number = self._last_size = 0
        self._held = True
        chassis.serial.listen(self._heard)

    def resume(self) -> None:
        """Send what is waiting: nothing goes out before the console has been told that the line is open."""
        self._held = False
        self._next()

    def close(self, *, told: bool) -> None:
        """Hear no more of the machine; with `told`, tell the console."""
        self._chassis.serial.leave(self._heard)
        self._sent = None
        self._waiting.clear()
        if told:
            self._send(_HEAD.pack(0, 0, 0, _ENDING))

    def received(self, payload: bytes) -> None:
        """Take a packet of the console's. One that is too short is nothing."""
        if len(payload) < _HEAD.size:
            return
        number, acknowledged, taken, operation = _HEAD.unpack_from(payload)
        self._acknowledge(acknowledged & 0x0F, taken, operation)
        if number & 0x0F:
            self._take(number & 0x0F, operation, payload[_HEAD.size : PAYLOAD_BYTES])
        self._next()

    def _take(self, number: int, operation: int, characters: bytes) -> None:
        if self._last_number and number == (self._last_number - 2) % _NUMBERS + 1:
            return  # the one before, late
        again = number == self._last_number
        known = self._last_size if again else 0
        fresh = characters[known:]
        self._last_number, self._last_size = number, max(known, len(characters))
        is_on = self._chassis.power is Power.ON
        if operation & _FLUSH and not again:
            self._waiting.clear()
        # Acknowledged before the echo, and in a packet of its own: ipmitool drops what comes with that of a break.
        self._send(_HEAD.pack(0, number, len(characters), 0 if is_on else _UNAVAILABLE))
        if is_on and fresh:
            self._chassis.serial.type(fresh)
        if is_on and operation & _BREAK and not again:
            self._chassis.serial.type(None)

    def _acknowledge(self, number: int, taken: int, operation: int) -> None:
        """Take note of what the console took. The rest goes out in another packet."""
        sent = self._sent
        if sent is None or number != sent.number:
            return
        self._sent = None
        rest = sent.characters[taken:]
        self._waiting[:0] = rest
        if rest and operation & _NACK:
            self._held = True  # it has no room now
            self._later(RETRY_S, self.resume)

    def _heard(self, characters: bytes) -> None:
        room = _MOST_WAITING - len(self._waiting)
        self._overrun |= len(characters) > room
        self._waiting += characters[:room]
        self._next()

    def _next(self) -> None:
        """Send characters, if there are any and none are under way."""
        if self._held or self._sent is not None or not self._waiting:
            return
        characters = bytes(self._waiting[: PAYLOAD_BYTES - _HEAD.size])
        del self._waiting[: len(characters)]
        self._number = self._number % _NUMBERS + 1
        status, self._overrun = (_OVERRUN if self._overrun else 0), False
        self._sent = sent = _Sent(self._number, _HEAD.pack(self._number, 0, 0, status) + characters)
        self._again(sent)

    def _again(self, sent: _Sent) -> None:
        """Send a packet that is still under way."""
        if self._sent is not sent:
            return
        if sent.tries == _TRIES:
            self._lost()
            return
        sent.tries += 1
        self._send(sent.packet)
        self._later(RETRY_S, lambda: self._again(sent))
