"""The sensor data repository: one record for each sensor, the same for all machines and built once.

IPMI 2.0, sections 33.9 (info), 33.11 (reserve) and 33.12 (get), tables 43-1 (full record) and 43-3 (event-only record).
Nothing can be added: a reservation is never cancelled, and all have the same number.
"""

import struct

from bmprov.sim.ipmi.message import Code, Refusal
from bmprov.sim.ipmi.sensors import SENSORS, STATES, THRESHOLDS, Analog, Discrete, EventSource, Sensor

_VERSION = 0x51
_FULL, _EVENT_ONLY = 0x01, 0x03
_BMC, _LUN = 0x20, 0
_ON_AT_POWER_UP = 0x03
_REARMS, _THRESHOLDS_READABLE, _NO_EVENTS = 0x40, 0x04, 0x03
_NO_ANALOG = 0xC0
_LATIN_1 = 0xC0
_NOTHING_NOMINAL = (0, 0, 0, 0, 255, 0)  # and from 0 to 255, as a reading
_RESERVATION = 1
_CAN_RESERVE = 0x02
_BUILT_AT = 0x60000000  # these records have no date of their own; clients that cache want one that stays
_FIRST, _NO_MORE = 0x0000, 0xFFFF

_OWNER = struct.Struct("<BBBBB")
_KIND = struct.Struct("<BBBBHHH")
_FORMULA = struct.Struct("<BBBBBBBBBB")
_LIMITS = struct.Struct("<12B5x")


def _record(number: int, sensor: Sensor) -> bytes:
    kind, body = (_EVENT_ONLY, _event_only(sensor)) if isinstance(sensor, EventSource) else (_FULL, _full(sensor))
    body = _OWNER.pack(_BMC, _LUN, sensor.number, *sensor.entity) + body + _named(sensor.name)
    return struct.pack("<HBBB", number, _VERSION, kind, len(body)) + body


def _full(sensor: Analog | Discrete) -> bytes:
    if isinstance(sensor, Discrete):
        able = _REARMS | _NO_EVENTS
        masks = _KIND.pack(_ON_AT_POWER_UP, able, sensor.kind, STATES, 0, 0, sensor.mask)
        return masks + _FORMULA.pack(_NO_ANALOG, *bytes(9)) + _LIMITS.pack(*bytes(12))
    low, high = sensor.readable & 7, sensor.readable >> 3
    able = _REARMS | _THRESHOLDS_READABLE | _NO_EVENTS
    kind = _KIND.pack(_ON_AT_POWER_UP, able, sensor.kind, THRESHOLDS, low << 12, high << 12, sensor.readable)
    formula = _FORMULA.pack(0, sensor.unit, 0, 0, sensor.factor, 0, 0, 0, 0, (sensor.exponent & 0xF) << 4)
    lower, upper = sensor.bounds[:3], sensor.bounds[3:]
    return kind + formula + _LIMITS.pack(*_NOTHING_NOMINAL, *reversed(upper), *reversed(lower))


def _event_only(sensor: EventSource) -> bytes:
    return bytes([sensor.kind, STATES, 1, 0, 0, 0])


def _named(name: str) -> bytes:
    return bytes([_LATIN_1 | len(name)]) + name.encode("latin-1")


RECORDS = tuple(_record(number, sensor) for number, sensor in enumerate(SENSORS, 1))
"""The records, of which the first has number 1."""


def repository_info() -> bytes:
    """Answer Get SDR Repository Info: there is no room for more."""
    return struct.pack("<BHHIIB", _VERSION, len(RECORDS), 0, _BUILT_AT, _BUILT_AT, _CAN_RESERVE)


def reserve_repository() -> bytes:
    """Answer Reserve SDR Repository."""
    return struct.pack("<H", _RESERVATION)


def get_record(data: bytes) -> bytes:
    """Answer Get SDR: the next record's number, and a part of this one."""
    try:
        reservation, number, offset, count = struct.unpack_from("<HHBB", data)
    except struct.error:
        raise Refusal(Code.TRUNCATED) from None
    if offset and reservation != _RESERVATION:
        raise Refusal(Code.RESERVATION_CANCELLED)
    place = {_FIRST: 0, _NO_MORE: len(RECORDS) - 1}.get(number, number - 1)
    if place >= len(RECORDS):
        raise Refusal(Code.NOT_PRESENT)
    if offset >= len(RECORDS[place]):
        raise Refusal(Code.OUT_OF_RANGE)
    following = place + 2 if place + 1 < len(RECORDS) else _NO_MORE
    part: bytes = RECORDS[place][offset : offset + count]
    return struct.pack("<H", following) + part
