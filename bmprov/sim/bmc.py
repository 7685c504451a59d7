"""A simulated BMC that speaks IPMI 2.0 over LAN (RMCP+): one datagram in, at most one back, and no I/O.

ipmitool, FreeIPMI and pyghmi can log in to it as to a real one. `bmc_server` puts it on a UDP port. Refused: IPMI 1.5
sessions, and sessions without encryption.
"""

import time
import uuid
from collections.abc import Callable, Sequence

from bmprov.sim.chassis import Chassis
from bmprov.sim.facts import MachineFacts
from bmprov.sim.faults import BmcFaults, FaultyChassis, Later
from bmprov.sim.ipmi import rmcp
from bmprov.sim.ipmi.commands import Commands
from bmprov.sim.ipmi.event_log import EventLog
from bmprov.sim.ipmi.locator import Locator
from bmprov.sim.ipmi.message import Code, NetFn, Refusal, Request, build_response, parse_request
from bmprov.sim.ipmi.rmcp import AuthType, Malformed, Packet, PayloadType
from bmprov.sim.ipmi.serial_over_lan import SerialOverLan
from bmprov.sim.ipmi.session import Account, Privilege, Reply, Session
from bmprov.sim.ipmi.sessions import SessionLimits, Sessions
from bmprov.sim.ipmi.suite import SUITES
from bmprov.sim.readings import Readings

_RESTART_S = 1.0


class _OfSession:
    """Commands that act on the sessions."""

    COLD_RESET = (NetFn.APP, 0x02)
    SET_PRIVILEGE = (NetFn.APP, 0x3B)
    CLOSE_SESSION = (NetFn.APP, 0x3C)
    ACTIVATE = (NetFn.APP, 0x48)
    DEACTIVATE = (NetFn.APP, 0x49)


class Bmc:
    """The BMC of one machine.

    `later` is an event loop's `call_later`, for what takes time. `suites` are the numbers of the cipher
    suites it accepts (3 and 17 exist), `wall` gives seconds since the epoch. `faults` may be changed at any time.
    """

    def __init__(
        self,
        chassis: Chassis,
        account: Account,
        later: Later,
        *,
        suites: Sequence[int] = (17, 3),
        facts: MachineFacts | None = None,
        limits: SessionLimits | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        facts = facts or MachineFacts("simulated")
        self.chassis = chassis
        self.faults = BmcFaults()
        accepted = tuple(SUITES[number] for number in suites)
        guid_bytes = uuid.UUID(facts.bmc_uuid).bytes[::-1]  # least significant byte first (IPMI 2.0, table 20-10)
        self._account = account
        self._sessions = Sessions(account, accepted, guid_bytes, limits or SessionLimits())
        seen = Readings(FaultyChassis(chassis, self.faults, later), facts)
        self.log = EventLog(wall)
        self.serial = SerialOverLan(seen.chassis, later)
        self._commands = Commands(seen, accepted, guid_bytes, self.log, Locator(wall), self.serial)
        self._away_until = float("-inf")

    def open_sessions(self, now: float) -> int:
        """How many sessions are logged in."""
        return self._sessions.active(now)

    def answer(self, datagram: bytes, now: float, reply: Reply | None = None) -> bytes | None:
        """The answer to a datagram, None when it deserves none. `now` is seconds of a clock that only goes forward.

        With `reply` it sends later what answers nothing: what the machine writes on its serial port.
        """
        if self.faults.silent or now < self._away_until:
            return None
        tag = rmcp.ping_tag(datagram)
        if tag is not None:
            return rmcp.pong(tag)
        try:
            return self._answer_packet(rmcp.parse(datagram), now, reply)
        except Malformed:
            return None

    def _answer_packet(self, packet: Packet, now: float, reply: Reply | None) -> bytes | None:
        match packet.payload_type:
            case PayloadType.OPEN_REQUEST:
                answer = self._sessions.open(packet.payload, now, refuse=self.faults.refuses_sessions)
                return _bare(PayloadType.OPEN_RESPONSE, answer)
            case PayloadType.RAKP1:
                return _bare(PayloadType.RAKP2, self._sessions.challenge(packet.payload, now))
            case PayloadType.RAKP3:
                return _bare(PayloadType.RAKP4, self._sessions.confirm(packet.payload, now))
            case PayloadType.IPMI | PayloadType.SOL if packet.session_id:
                return self._answer_in_session(packet, now, reply)
            case PayloadType.IPMI:
                return self._answer_without_session(packet)
            case _:
                return None

    def _answer_without_session(self, packet: Packet) -> bytes:
        request = parse_request(packet.payload)
        try:
            answer = build_response(request, Code.OK, self._commands.without_session(request))
        except Refusal as refusal:
            answer = build_response(request, refusal.code)
        return rmcp.build(Packet(packet.auth_type, PayloadType.IPMI, 0, 0, answer))

    def _answer_in_session(self, packet: Packet, now: float, reply: Reply | None) -> bytes | None:
        session = self._sessions.find(packet.session_id, now)
        if session is None:
            return None
        message = session.unseal(packet)
        session.reply = reply
        if packet.payload_type is PayloadType.SOL:
            self.serial.received(session, message)
            return None
        if session.last_answer is None or session.last_answer[0] != message:
            # A client that lost the answer sends the same message again, and must not reset the machine twice.
            session.last_answer = message, self._obey(session, parse_request(message), now)
        return session.seal(session.last_answer[1])

    def _obey(self, session: Session, request: Request, now: float) -> bytes:
        try:
            return build_response(request, Code.OK, self._run(session, request, now))
        except Refusal as refusal:
            return build_response(request, refusal.code)

    def _run(self, session: Session, request: Request, now: float) -> bytes:
        try:
            match (request.netfn, request.command):
                case _OfSession.SET_PRIVILEGE:
                    return self._set_privilege(session, request.data)
                case _OfSession.CLOSE_SESSION:
                    return self._close(request.data)
                case _OfSession.COLD_RESET:
                    return self._restart(session, now)
                case _OfSession.ACTIVATE:
                    return self.serial.activate(session, request.data)
                case _OfSession.DEACTIVATE:
                    return self.serial.deactivate(session, request.data)
                case _:
                    return self._commands.in_session(request, session.privilege)
        except IndexError:
            raise Refusal(Code.TRUNCATED) from None

    def _set_privilege(self, session: Session, data: bytes) -> bytes:
        wanted = data[0] & 0xF if data else 0
        if wanted > min(session.limit, self._account.privilege):
            raise Refusal(Code.LEVEL_EXCEEDED)
        if wanted:
            session.privilege = Privilege(wanted)
        return bytes([session.privilege])

    def _close(self, data: bytes) -> bytes:
        if not self._sessions.close(int.from_bytes(data[:4], "little")):
            raise Refusal(Code.NO_SUCH_SESSION)
        return b""

    def _restart(self, session: Session, now: float) -> bytes:
        """Start anew: for a moment nobody is there, and then no session."""
        if session.privilege < Privilege.ADMINISTRATOR:
            raise Refusal(Code.INSUFFICIENT_PRIVILEGE)
        self._away_until = now + _RESTART_S
        self._sessions.end_all()
        return b""


def _bare(kind: PayloadType, payload: bytes) -> bytes:
    return rmcp.build(Packet(AuthType.RMCP_PLUS, kind, 0, 0, payload))
