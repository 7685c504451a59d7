"""The IPMI commands that need no session of their own to mind.

IPMI 2.0, sections 20 (device), 22 (sessions' preliminaries), 24 and 26 (Serial over LAN), 28 (chassis), 31 (event log)
and 33 to 35 (sensors and inventory). What is not in the table answers "invalid command", which is what clients expect
of a BMC without it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bmprov.power import Power, PowerAction
from bmprov.sim.chassis import Chassis
from bmprov.sim.ipmi import fru, sensor_records, sensors
from bmprov.sim.ipmi.event_log import EventLog
from bmprov.sim.ipmi.locator import Locator
from bmprov.sim.ipmi.message import Code, NetFn, Refusal, Request
from bmprov.sim.ipmi.serial_over_lan import SerialOverLan, channel_payloads, payload_version, user_payloads
from bmprov.sim.ipmi.session import Privilege
from bmprov.sim.ipmi.suite import Suite
from bmprov.sim.readings import Readings

_ACTIONS = {
    0: PowerAction.OFF,
    1: PowerAction.ON,
    2: PowerAction.CYCLE,
    3: PowerAction.RESET,
    5: PowerAction.SOFT_OFF,
}
_DIAGNOSTIC_INTERRUPT = 4
_EVENTS = {
    PowerAction.OFF: (sensors.ACPI_STATE, 6),
    PowerAction.ON: (sensors.BOOT_INITIATED, 0),
    PowerAction.CYCLE: (sensors.BOOT_INITIATED, 0),
    PowerAction.RESET: (sensors.BOOT_INITIATED, 1),
    PowerAction.SOFT_OFF: (sensors.POWER_BUTTON, 0),
}
_NMI = (sensors.CRITICAL_INTERRUPT, 0)
_NEED_POWER = {PowerAction.CYCLE, PowerAction.RESET, PowerAction.SOFT_OFF}
_BOOT_FLAGS = 5
_SET_IN_PROGRESS, _VALID_BIT_CLEARING, _INFO_ACKNOWLEDGE = 0, 3, 4
_SUITES_IN_ONE_ANSWER = 16
_THIS_CHANNEL, _LAN_CHANNEL = 0xE, 1


@dataclass(frozen=True, slots=True)
class Commands:
    """Answers a request's data with an answer's data, or raises `Refusal`."""

    readings: Readings
    suites: tuple[Suite, ...]
    guid: bytes
    log: EventLog
    locator: Locator
    serial: SerialOverLan

    @property
    def chassis(self) -> Chassis:
        """The machine, through the BMC's faults."""
        return self.readings.chassis

    def without_session(self, request: Request) -> bytes:
        """What may be asked before logging in."""
        handler = _WITHOUT_SESSION.get((request.netfn, request.command))
        if handler is None:
            raise Refusal(Code.INSUFFICIENT_PRIVILEGE)
        return _run(handler, self, request)

    def in_session(self, request: Request, privilege: Privilege) -> bytes:
        """What may be asked by someone with this privilege."""
        handler, needed = _IN_SESSION.get((request.netfn, request.command), (None, Privilege.USER))
        if handler is None:
            raise Refusal(Code.INVALID_COMMAND)
        if privilege < needed:
            raise Refusal(Code.INSUFFICIENT_PRIVILEGE)
        return _run(handler, self, request)


Handler = Callable[[Commands, bytes], bytes]


def _run(handler: Handler, commands: Commands, request: Request) -> bytes:
    try:
        return handler(commands, request.data)
    except IndexError:
        raise Refusal(Code.TRUNCATED) from None


def _device_id(_commands: Commands, _data: bytes) -> bytes:
    """A chassis device of IPMI 2.0 without a manufacturer, firmware 1.0, with sensors, event log and inventory."""
    return bytes([0x20, 0x01, 0x01, 0x00, 0x02, 0x8F]) + bytes(5)


def _system_guid(commands: Commands, _data: bytes) -> bytes:
    return commands.guid


def _authentication_capabilities(_commands: Commands, data: bytes) -> bytes:
    """IPMI 2.0 only, no anonymous login, no key Kg (table 22-15)."""
    extended = data[0] & 0x80
    if (
        data[0] & 0xF not in (_THIS_CHANNEL, _LAN_CHANNEL)
        or not Privilege.CALLBACK <= data[1] <= Privilege.ADMINISTRATOR
    ):
        raise Refusal(Code.INVALID_FIELD)
    return bytes([_LAN_CHANNEL, 0x80 if extended else 0, 0x04, 0x02 if extended else 0]) + bytes(4)


def _cipher_suites(commands: Commands, data: bytes) -> bytes:
    if data[1] & 0x3F:
        raise Refusal(Code.INVALID_FIELD)
    records = b"".join(suite.record for suite in sorted(commands.suites, key=lambda suite: suite.number))
    start = (data[2] & 0x3F) * _SUITES_IN_ONE_ANSWER
    return bytes([_LAN_CHANNEL]) + records[start : start + _SUITES_IN_ONE_ANSWER]


def _chassis_capabilities(_commands: Commands, _data: bytes) -> bytes:
    return bytes([0x00, 0x20, 0x20, 0x20, 0x20])


def _chassis_status(commands: Commands, _data: bytes) -> bytes:
    return bytes([int(commands.chassis.power is Power.ON), 0, commands.locator.state])


def _chassis_control(commands: Commands, data: bytes) -> bytes:
    wanted, is_on = data[0] & 0xF, commands.chassis.power is Power.ON
    action = _ACTIONS.get(wanted)
    if action is None and wanted != _DIAGNOSTIC_INTERRUPT:
        raise Refusal(Code.INVALID_FIELD)
    if (action is None or action in _NEED_POWER) and not is_on:
        raise Refusal(Code.NOT_IN_THIS_STATE)
    if action is None:
        commands.log.note(*_NMI)
        return b""
    if is_on or action is not PowerAction.OFF:
        commands.log.note(*_EVENTS[action])
    commands.chassis.press(action)
    return b""


def _set_boot_options(commands: Commands, data: bytes) -> bytes:
    parameter = data[0] & 0x7F
    if parameter == _BOOT_FLAGS:
        if len(data) != 1 + len(commands.chassis.boot.raw):
            raise Refusal(Code.TRUNCATED)
        commands.chassis.boot.raw = data[1:]
    elif parameter not in (_SET_IN_PROGRESS, _VALID_BIT_CLEARING, _INFO_ACKNOWLEDGE):
        raise Refusal(Code.PARAMETER_NOT_SUPPORTED)
    return b""


def _get_boot_options(commands: Commands, data: bytes) -> bytes:
    parameter = data[0] & 0x7F
    values = {
        _SET_IN_PROGRESS: bytes(1),
        _VALID_BIT_CLEARING: bytes([0x1F]),
        _INFO_ACKNOWLEDGE: bytes(2),
        _BOOT_FLAGS: commands.chassis.boot.raw,
    }
    if parameter not in values:
        raise Refusal(Code.PARAMETER_NOT_SUPPORTED)
    return bytes([1, parameter]) + values[parameter]


_WITHOUT_SESSION: dict[tuple[int, int], Handler] = {
    (NetFn.APP, 0x37): _system_guid,
    (NetFn.APP, 0x38): _authentication_capabilities,
    (NetFn.APP, 0x54): _cipher_suites,
}

_IN_SESSION: dict[tuple[int, int], tuple[Handler, Privilege]] = {
    (NetFn.APP, 0x01): (_device_id, Privilege.USER),
    (NetFn.APP, 0x37): (_system_guid, Privilege.USER),
    (NetFn.APP, 0x38): (_authentication_capabilities, Privilege.CALLBACK),
    (NetFn.APP, 0x54): (_cipher_suites, Privilege.CALLBACK),
    (NetFn.APP, 0x4A): (lambda it, data: it.serial.activation(data), Privilege.USER),
    (NetFn.APP, 0x4B): (lambda it, data: it.serial.instance(data), Privilege.USER),
    (NetFn.APP, 0x4D): (lambda *_: user_payloads(), Privilege.OPERATOR),
    (NetFn.APP, 0x4E): (lambda *_: channel_payloads(), Privilege.USER),
    (NetFn.APP, 0x4F): (lambda _, data: payload_version(data), Privilege.USER),
    (NetFn.CHASSIS, 0x00): (_chassis_capabilities, Privilege.USER),
    (NetFn.CHASSIS, 0x01): (_chassis_status, Privilege.USER),
    (NetFn.CHASSIS, 0x02): (_chassis_control, Privilege.OPERATOR),
    (NetFn.CHASSIS, 0x04): (lambda it, data: it.locator.identify(data), Privilege.OPERATOR),
    (NetFn.CHASSIS, 0x08): (_set_boot_options, Privilege.OPERATOR),
    (NetFn.CHASSIS, 0x09): (_get_boot_options, Privilege.OPERATOR),
    (NetFn.SENSOR, 0x27): (lambda _, data: sensors.thresholds(data), Privilege.USER),
    (NetFn.SENSOR, 0x2D): (lambda it, data: sensors.reading(it.readings, data), Privilege.USER),
    (NetFn.STORAGE, 0x10): (lambda it, data: fru.inventory_info(it.readings.facts, data), Privilege.USER),
    (NetFn.STORAGE, 0x11): (lambda it, data: fru.read_inventory(it.readings.facts, data), Privilege.USER),
    (NetFn.STORAGE, 0x20): (lambda *_: sensor_records.repository_info(), Privilege.USER),
    (NetFn.STORAGE, 0x22): (lambda *_: sensor_records.reserve_repository(), Privilege.USER),
    (NetFn.STORAGE, 0x23): (lambda _, data: sensor_records.get_record(data), Privilege.USER),
    (NetFn.STORAGE, 0x40): (lambda it, _: it.log.info(), Privilege.USER),
    (NetFn.STORAGE, 0x42): (lambda it, _: it.log.reserve(), Privilege.USER),
    (NetFn.STORAGE, 0x43): (lambda it, data: it.log.entry(data), Privilege.USER),
    (NetFn.STORAGE, 0x47): (lambda it, data: it.log.clear(data), Privilege.OPERATOR),
    (NetFn.STORAGE, 0x48): (lambda it, _: it.log.time(), Privilege.USER),
    (NetFn.STORAGE, 0x49): (lambda it, data: it.log.set_time(data), Privilege.OPERATOR),
    (NetFn.TRANSPORT, 0x21): (lambda it, data: it.serial.set_parameter(data), Privilege.ADMINISTRATOR),
    (NetFn.TRANSPORT, 0x22): (lambda it, data: it.serial.parameter(data), Privilege.USER),
}
