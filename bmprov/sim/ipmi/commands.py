"""The IPMI commands that need no session of their own to mind: device, chassis, boot options.

IPMI 2.0, sections 20 (device), 22 (sessions' preliminaries) and 28 (chassis). What is not in the table answers "invalid
command", which is what clients expect of a BMC without it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bmprov.power import Power, PowerAction
from bmprov.sim.chassis import Chassis
from bmprov.sim.ipmi.message import Code, NetFn, Refusal, Request
from bmprov.sim.ipmi.session import Privilege
from bmprov.sim.ipmi.suite import Suite

_ACTIONS = {
    0: PowerAction.OFF,
    1: PowerAction.ON,
    2: PowerAction.CYCLE,
    3: PowerAction.RESET,
    5: PowerAction.SOFT_OFF,
}
_NEED_POWER = {PowerAction.CYCLE, PowerAction.RESET, PowerAction.SOFT_OFF}
_BOOT_FLAGS = 5
_SET_IN_PROGRESS, _VALID_BIT_CLEARING, _INFO_ACKNOWLEDGE = 0, 3, 4
_SUITES_IN_ONE_ANSWER = 16
_THIS_CHANNEL, _LAN_CHANNEL = 0xE, 1


@dataclass(frozen=True, slots=True)
class Commands:
    """Answers a request's data with an answer's data, or raises `Refusal`."""

    chassis: Chassis
    suites: tuple[Suite, ...]
    guid: bytes

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
    """A chassis device of IPMI 2.0 without a manufacturer, firmware 1.0."""
    return bytes([0x20, 0x01, 0x01, 0x00, 0x02, 0x80]) + bytes(5)


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
    return bytes([int(commands.chassis.power is Power.ON), 0, 0])


def _chassis_control(commands: Commands, data: bytes) -> bytes:
    action = _ACTIONS.get(data[0] & 0xF)
    if action is None:
        raise Refusal(Code.INVALID_FIELD)
    if action in _NEED_POWER and commands.chassis.power is not Power.ON:
        raise Refusal(Code.NOT_IN_THIS_STATE)
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
    (NetFn.CHASSIS, 0x00): (_chassis_capabilities, Privilege.USER),
    (NetFn.CHASSIS, 0x01): (_chassis_status, Privilege.USER),
    (NetFn.CHASSIS, 0x02): (_chassis_control, Privilege.OPERATOR),
    (NetFn.CHASSIS, 0x08): (_set_boot_options, Privilege.OPERATOR),
    (NetFn.CHASSIS, 0x09): (_get_boot_options, Privilege.OPERATOR),
}
