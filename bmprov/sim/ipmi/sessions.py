"""The sessions of one BMC: how many there may be, how long they may idle, and the Open Session exchange.

IPMI 2.0, sections 13.17 and 13.18.
"""

import secrets
import struct
from dataclasses import dataclass

from bmprov.sim.ipmi.rmcp import Malformed
from bmprov.sim.ipmi.session import Account, Session, Stage, Status
from bmprov.sim.ipmi.suite import Suite

_OPEN = struct.Struct("<BBxxI8s8s8s")
_ALGORITHM = struct.Struct("<BxxBBxxx")
_RAKP_BYTES = 8


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How many sessions at once, and for how many seconds a session or an unfinished login may be idle."""

    sessions: int = 8
    idle_s: float = 60.0
    login_s: float = 10.0


class Sessions:
    """All sessions of one BMC. `now` is seconds of any clock that only goes forward."""

    def __init__(self, account: Account, suites: tuple[Suite, ...], guid: bytes, limits: SessionLimits) -> None:
        self._account = account
        self._suites = suites
        self._guid = guid
        self._limits = limits
        self._sessions: dict[int, tuple[Session, float]] = {}

    def active(self, now: float) -> int:
        """How many sessions are logged in."""
        self._expire(now)
        return sum(session.is_active for session, _ in self._sessions.values())

    def open(self, payload: bytes, now: float, *, refuse: bool) -> bytes:
        """Answer an Open Session Request."""
        tag, role, console_id, *proposed = _unpack(_OPEN, payload)
        chosen = next((suite for suite in self._suites if _matches(suite, proposed)), None)
        if chosen is None:
            return struct.pack("<BBBxI", tag, Status.NO_MATCHING_SUITE, role, console_id)
        self._expire(now)
        if refuse or len(self._sessions) >= self._limits.sessions:
            return struct.pack("<BBBxI", tag, Status.NO_RESOURCES, role, console_id)
        session = Session(self._free_id(), console_id, chosen, self._guid)
        self._sessions[session.own_id] = session, now
        head = struct.pack("<BBBxII", tag, Status.OK, role or self._account.privilege, console_id, session.own_id)
        return head + _algorithms(chosen)

    def challenge(self, rakp1: bytes, now: float) -> bytes:
        """Answer RAKP message 1."""
        session = self.find(_session_id(rakp1), now)
        if session is None or session.is_active:
            return struct.pack("<BBxxI", rakp1[0], Status.NO_SUCH_SESSION, 0)
        try:
            return session.challenge(rakp1, self._account)
        except (struct.error, ValueError) as error:
            raise Malformed(str(error)) from error

    def confirm(self, rakp3: bytes, now: float) -> bytes:
        """Answer RAKP message 3."""
        session = self.find(_session_id(rakp3), now)
        if session is None or session.stage is not Stage.CHALLENGED:
            return struct.pack("<BBxxI", rakp3[0], Status.NO_SUCH_SESSION, 0)
        answer = session.confirm(rakp3)
        if not session.is_active:
            self.close(session.own_id)
        return answer

    def find(self, own_id: int, now: float) -> Session | None:
        """The session with this number, which is not idle from now on."""
        self._expire(now)
        session, _ = self._sessions.get(own_id, (None, 0.0))
        if session is not None:
            self._sessions[own_id] = session, now
        return session

    def close(self, own_id: int) -> bool:
        """End a session; whether there was one."""
        session, _ = self._sessions.pop(own_id, (None, 0.0))
        if session is not None:
            session.end()
        return session is not None

    def end_all(self) -> None:
        """Forget them, as a BMC does that starts anew."""
        for own_id in list(self._sessions):
            self.close(own_id)

    def _expire(self, now: float) -> None:
        for own_id, (session, used_at) in list(self._sessions.items()):
            allowed_s = self._limits.idle_s if session.is_active else self._limits.login_s
            if now - used_at > allowed_s:
                self.close(own_id)

    def _free_id(self) -> int:
        while (own_id := secrets.randbits(32)) in self._sessions or own_id == 0:
            pass
        return own_id


def _unpack(layout: struct.Struct, payload: bytes) -> tuple[int, int, int, bytes, bytes, bytes]:
    try:
        tag, role, console_id, *algorithms = layout.unpack_from(payload)
    except struct.error as error:
        raise Malformed(str(error)) from error
    first, second, third = algorithms
    return tag, role, console_id, first, second, third


def _session_id(rakp: bytes) -> int:
    if len(rakp) < _RAKP_BYTES:
        raise Malformed("too short for RAKP")
    return int.from_bytes(rakp[4:8], "little")


def _matches(suite: Suite, proposed: list[bytes]) -> bool:
    """Whether the three proposals fit; one of length zero leaves the choice to the BMC (table 13-9)."""
    for kind, (wanted, record) in enumerate(zip(suite.algorithms, proposed, strict=True)):
        their_kind, length, number = _ALGORITHM.unpack(record)
        if their_kind != kind or (length and number != wanted):
            return False
    return True


def _algorithms(suite: Suite) -> bytes:
    return b"".join(_ALGORITHM.pack(kind, 8, number) for kind, number in enumerate(suite.algorithms))
