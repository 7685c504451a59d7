"""The sensors of every simulated machine: what they measure, their thresholds, and how they answer.

IPMI 2.0, sections 35.9 (thresholds) and 35.14 (reading), tables 42-1 to 42-3 (types) and 43-13 (entities). All are read
only, linear and without hysteresis. The records that describe them are `sensor_records`'.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from bmprov.sim.ipmi.message import Code, Refusal
from bmprov.sim.readings import FANS, Readings

THRESHOLDS, STATES = 0x01, 0x6F
"""Event and reading types: compared with thresholds, or states of the sensor's own type."""

_ENABLED, _UNAVAILABLE = 0xC0, 0x20
_RESERVED_BITS, _RESERVED_STATES = 0xC0, 0x80
_MOST_RAW = 255
_CELSIUS, _VOLTS, _WATTS, _RPM = 1, 4, 6, 18
_TEMPERATURE, _VOLTAGE, _FAN, _POWER_SUPPLY, _OTHER = 1, 2, 4, 8, 0x0B
POWER_BUTTON, CRITICAL_INTERRUPT, EVENT_LOGGING, BOOT_INITIATED, ACPI_STATE = 0x14, 0x13, 0x10, 0x1D, 0x22
_PROCESSOR, _BOARD, _SUPPLY, _COOLING, _AIR_INLET, _SYSTEM = 0x03, 0x07, 0x0A, 0x1D, 0x37, 0x17
_PRESENT, _WORKING, _SOFT_OFF = 0, 0, 6


@dataclass(frozen=True, slots=True)
class Analog:
    """A sensor that measures: the value of one step of its reading is `factor` times ten to the power of `exponent`.

    `measure` gives None when it cannot be measured now. `lower` and `upper` are non-critical and critical thresholds.
    """

    number: int
    name: str
    kind: int
    entity: tuple[int, int]
    unit: int
    factor: int
    exponent: int
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    measure: Callable[[Readings], float | None]

    def raw(self, value: float) -> int:
        """The reading that stands for a value, as near as it can."""
        return min(max(round(value / (self.factor * 10.0**self.exponent)), 0), _MOST_RAW)

    @property
    def bounds(self) -> tuple[int, ...]:
        """The thresholds as readings: lower non-critical, critical, none; upper non-critical, critical, none."""
        low, high = ([self.raw(value) for value in side] for side in (self.lower, self.upper))
        return (*low, *bytes(3 - len(low)), *high, *bytes(3 - len(high)))

    @property
    def readable(self) -> int:
        """Which thresholds there are, as a mask: bit 0 is the lower non-critical one, bit 3 the upper."""
        return (1 << len(self.lower)) - 1 | (1 << len(self.upper)) - 1 << 3

    def read(self, now: Readings) -> bytes:
        """The answer to Get Sensor Reading."""
        value = self.measure(now)
        if value is None:
            return bytes([0, _ENABLED | _UNAVAILABLE, _RESERVED_BITS])
        reading, bounds = self.raw(value), self.bounds
        beyond = sum(1 << bit for bit in range(3) if self.readable >> bit & 1 and reading <= bounds[bit])
        beyond |= sum(1 << bit for bit in range(3, 6) if self.readable >> bit & 1 and reading >= bounds[bit])
        return bytes([reading, _ENABLED, _RESERVED_BITS | beyond])


@dataclass(frozen=True, slots=True)
class Discrete:
    """A sensor that has states; `possible` are their offsets, `state` tells the one that holds."""

    number: int
    name: str
    kind: int
    entity: tuple[int, int]
    possible: tuple[int, ...]
    state: Callable[[Readings], int]

    @property
    def mask(self) -> int:
        """Its states as bits."""
        return sum(1 << offset for offset in self.possible)

    def read(self, now: Readings) -> bytes:
        """The answer to Get Sensor Reading."""
        return bytes([0, _ENABLED, 1 << self.state(now), _RESERVED_STATES])


@dataclass(frozen=True, slots=True)
class EventSource:
    """Something that has events and no reading."""

    number: int
    name: str
    kind: int
    entity: tuple[int, int]


Sensor = Analog | Discrete | EventSource


def _fan(number: int) -> Analog:
    def rpm(now: Readings) -> float | None:
        return now.fan_rpm(number) if now.is_on else None

    entity = (_COOLING, number + 1)
    return Analog(0x10 + number, f"Fan {number + 1}", _FAN, entity, _RPM, 30, 0, (1200, 600), (), rpm)


def _supply(number: int) -> Discrete:
    entity = (_SUPPLY, number + 1)
    return Discrete(0x30 + number, f"PSU {number + 1}", _POWER_SUPPLY, entity, (_PRESENT,), lambda _: _PRESENT)


def _main_volts(now: Readings) -> float | None:
    return now.main_volts if now.is_on else None


def _acpi_state(now: Readings) -> int:
    return _WORKING if now.is_on else _SOFT_OFF


_AIR, _CPU, _MAIN = (_AIR_INLET, 1), (_PROCESSOR, 1), (_BOARD, 1)
_VOLTS_12, _VOLTS_5 = ((11.44, 10.78), (12.65, 13.2)), ((4.75, 4.5), (5.25, 5.5))

SENSORS: tuple[Sensor, ...] = (
    Analog(0x01, "Inlet Temp", _TEMPERATURE, _AIR, _CELSIUS, 5, -1, (), (38, 42), lambda now: now.inlet_celsius),
    Analog(0x02, "CPU1 Temp", _TEMPERATURE, _CPU, _CELSIUS, 5, -1, (), (90, 95), lambda now: now.cpu_celsius),
    *(_fan(number) for number in range(FANS)),
    Analog(0x20, "12V", _VOLTAGE, _MAIN, _VOLTS, 55, -3, *_VOLTS_12, _main_volts),
    Analog(0x21, "5V standby", _VOLTAGE, _MAIN, _VOLTS, 25, -3, *_VOLTS_5, lambda now: now.standby_volts),
    Analog(0x22, "Power drawn", _OTHER, _MAIN, _WATTS, 4, 0, (), (720, 800), lambda now: now.watts),
    *(_supply(number) for number in range(2)),
    Discrete(0x40, "ACPI State", ACPI_STATE, _MAIN, (_WORKING, _SOFT_OFF), _acpi_state),
    EventSource(0x41, "System Boot", BOOT_INITIATED, _MAIN),
    EventSource(0x42, "Power Button", POWER_BUTTON, (_SYSTEM, 1)),
    EventSource(0x43, "NMI", CRITICAL_INTERRUPT, _MAIN),
    EventSource(0x44, "Event Log", EVENT_LOGGING, _MAIN),
)
_BY_NUMBER = MappingProxyType({sensor.number: sensor for sensor in SENSORS})
NUMBER_OF_KIND = MappingProxyType({sensor.kind: sensor.number for sensor in SENSORS})
"""The number of a sensor of each type; events have sensors that are alone of theirs."""


def reading(now: Readings, data: bytes) -> bytes:
    """Answer Get Sensor Reading."""
    found = _BY_NUMBER.get(data[0])
    if found is None or isinstance(found, EventSource):
        raise Refusal(Code.NOT_PRESENT)
    return found.read(now)


def thresholds(data: bytes) -> bytes:
    """Answer Get Sensor Thresholds."""
    found = _BY_NUMBER.get(data[0])
    if found is None:
        raise Refusal(Code.NOT_PRESENT)
    if not isinstance(found, Analog):
        raise Refusal(Code.NOT_FOR_THIS_RECORD)
    return bytes([found.readable, *found.bounds])
