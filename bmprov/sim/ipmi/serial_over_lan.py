"""Serial over LAN of one BMC: whether it is enabled, and who has it.

IPMI 2.0, sections 24.1 to 24.5 and 24.7 to 24.9 (payloads), 26.2 and 26.3 (configuration). There is one instance, which
is always encrypted. What goes over it is `sol_line`'s.
"""

import struct
from functools import partial

from bmprov.sim.chassis import Chassis
from bmprov.sim.faults import Later
from bmprov.sim.ipmi.message import Code, Refusal
from bmprov.sim.ipmi.rmcp import PayloadType
from bmprov.sim.ipmi.session import Privilege, Session
from bmprov.sim.ipmi.sol_line import PAYLOAD_BYTES, RETRY_S, SolLine

_INSTANCE = 1
_ENCRYPTED = 0x80
_NO_VLAN = 0xFFFF
_STANDARD_PAYLOADS, _SETUP_PAYLOADS = 0x0003, 0x003F  # IPMI and SOL; RMCP+ open session and RAKP
_SOL_1_0 = 0x10
_REVISION, _REVISION_ONLY = 0x11, 0x80
_SET_IN_PROGRESS, _ENABLE, _AUTHENTICATION, _ACCUMULATE, _RETRY, _NV_RATE, _RATE, _CHANNEL, _PORT = range(9)
_RATE_115200 = 0x0A
_SEND_AT_ONCE = bytes([1, 1])  # after 5 ms, or the first character
_RETRIES = 7  # the parameter can tell no more; the line goes on for longer
_OWN_CHANNEL = 1
_DEFAULT_PORT = 623


class SerialOverLan:
    """The console of a machine whose BMC listens on UDP port `port`; it may be switched off by `enabled`."""

    __slots__ = ("_chassis", "_later", "_line", "_owner", "enabled", "port")

    def __init__(self, chassis: Chassis, later: Later) -> None:
        self.port = _DEFAULT_PORT
        self._chassis = chassis
        self._later = later
        self.enabled = True
        self._owner: Session | None = None
        self._line: SolLine | None = None

    def activate(self, session: Session, data: bytes) -> bytes:
        """Answer Activate Payload."""
        _expect_sol(data)
        if session.privilege < Privilege.OPERATOR:
            raise Refusal(Code.INSUFFICIENT_PRIVILEGE)
        if not self.enabled:
            raise Refusal(Code.PAYLOAD_DISABLED)
        if not data[2] & _ENCRYPTED:
            raise Refusal(Code.NOT_WITHOUT_ENCRYPTION)
        if self._owner is not None:
            raise Refusal(Code.PAYLOAD_ACTIVE)
        self._owner, session.at_end = session, partial(self._stop, told=False)
        self._line = line = SolLine(
            self._chassis, self._later, partial(session.send, PayloadType.SOL), partial(self._stop, told=False)
        )
        self._later(0, line.resume)
        return struct.pack("<IHHHH", 0, PAYLOAD_BYTES, PAYLOAD_BYTES, self.port, _NO_VLAN)

    def deactivate(self, session: Session, data: bytes) -> bytes:
        """Answer Deactivate Payload. It names no session: whoever has the console, loses it."""
        _expect_sol(data)
        if session.privilege < Privilege.OPERATOR:
            raise Refusal(Code.INSUFFICIENT_PRIVILEGE)
        if self._owner is None:
            raise Refusal(Code.PAYLOAD_INACTIVE)
        self._stop(told=self._owner is not session)
        return b""

    def received(self, session: Session, payload: bytes) -> None:
        """Take a packet of who has it; anybody else's is nothing."""
        if self._line is not None and session is self._owner:
            self._line.received(payload)

    def _stop(self, *, told: bool) -> None:
        if self._line is not None and self._owner is not None:
            self._line.close(told=told)
            self._owner.at_end = None
        self._line = self._owner = None

    def activation(self, data: bytes) -> bytes:
        """Answer Get Payload Activation Status."""
        if data[0] != PayloadType.SOL:
            raise Refusal(Code.INVALID_FIELD)
        return bytes([_INSTANCE, int(self._owner is not None), 0])

    def instance(self, data: bytes) -> bytes:
        """Answer Get Payload Instance Info: the session that has it, and that its port is the first."""
        _expect_sol(data)
        owner = self._owner.own_id if self._owner else 0
        return struct.pack("<IB7x", owner, 1)

    def parameter(self, data: bytes) -> bytes:
        """Answer Get SOL Configuration Parameters."""
        if data[0] & _REVISION_ONLY:
            return bytes([_REVISION])
        values = {
            _SET_IN_PROGRESS: bytes(1),
            _ENABLE: bytes([self.enabled]),
            _AUTHENTICATION: bytes([0xC0 | Privilege.OPERATOR]),
            _ACCUMULATE: _SEND_AT_ONCE,
            _RETRY: bytes([_RETRIES, round(RETRY_S * 100)]),
            _NV_RATE: bytes([_RATE_115200]),
            _RATE: bytes([_RATE_115200]),
            _CHANNEL: bytes([_OWN_CHANNEL]),
            _PORT: struct.pack("<H", self.port),
        }
        if data[1] not in values:
            raise Refusal(Code.PARAMETER_NOT_SUPPORTED)
        return bytes([_REVISION]) + values[data[1]]

    def set_parameter(self, data: bytes) -> bytes:
        """Answer Set SOL Configuration Parameters: it can be switched off and on, the rest stays as it is."""
        if data[1] == _ENABLE:
            self.enabled = bool(data[2] & 1)
        elif data[1] in range(_AUTHENTICATION, _PORT + 1):
            raise Refusal(Code.READ_ONLY)
        elif data[1] != _SET_IN_PROGRESS:
            raise Refusal(Code.PARAMETER_NOT_SUPPORTED)
        return b""


def channel_payloads() -> bytes:
    """Answer Get Channel Payload Support: IPMI, Serial over LAN, and what a login needs."""
    return struct.pack("<HHHH", _STANDARD_PAYLOADS, _SETUP_PAYLOADS, 0, 0)


def user_payloads() -> bytes:
    """Answer Get User Payload Access: the account may use Serial over LAN."""
    return bytes([1 << PayloadType.SOL, 0, 0, 0])


def payload_version(data: bytes) -> bytes:
    """Answer Get Channel Payload Version."""
    if data[1] not in (PayloadType.IPMI, PayloadType.SOL):
        raise Refusal(Code.PAYLOAD_NOT_AVAILABLE)
    return bytes([_SOL_1_0])


def _expect_sol(data: bytes) -> None:
    if data[0] & 0x3F != PayloadType.SOL or data[1] & 0x0F != _INSTANCE:
        raise Refusal(Code.INVALID_FIELD)
