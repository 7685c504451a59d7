"""One login to a BMC: pyghmi's codec and key exchange, on a socket of our own and against a deadline.

IPMI 2.0, sections 13.17 to 13.24. pyghmi's usual session class shares sockets, a thread and tables of sessions among
all callers of a process. Its table of unfinished logins is filled under text and emptied under bytes, so a second login
to a BMC gets the first, logged-out session and waits on it for ever (1.6.19: the login-query-logout loop that hung); it
gives up when pyghmi likes, and never closes a socket. `simplesession` has the same codec without the sharing, and
neither timeouts nor retransmission; `Wire` adds them. Nothing outlives a `Wire`: no thread, no table entry.

Suites 17 and 3 only. Refused: IPMI 1.5, whose sessions are not encrypted.
"""

import hashlib
import hmac
import secrets
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import SimpleNamespace
from typing import Any, Protocol

from pyghmi.ipmi.private import constants, simplesession
from pyghmi.ipmi.private.simplesession import Session

from bmprov.deadline import Deadline
from bmprov.errors import BmcAuthFailed, BmcBusy, BmcRefused
from bmprov.power import BmcLogin

simplesession._monotonic_time = time.monotonic  # noqa: SLF001 - its own is times(2), a system call, five times a reading


class _Code:
    """An HMAC as pyghmi wants it, made in one call: its own, nine objects a reading, are a tenth of the processor."""

    def __init__(self, key: bytes, message: bytes, digest_of: Callable[..., Any]) -> None:
        self._digest = hmac.digest(key, message, digest_of)

    def digest(self) -> bytes:
        """As `hmac.HMAC.digest`."""
        return self._digest


simplesession.hmac = SimpleNamespace(new=_Code)

_RESEND_S = 1.0
_RESEND_MOST_S = 4.0
_SLOW_FACTOR = 3.0
_DATAGRAM_BYTES = 3000
_RMCP_IPMI = b"\xff\x07"
_RANDOM_TAG = 64
_SERIAL = 1  # table 13-16
_HEADER = struct.Struct("<6xII")  # up to the session's id and the sequence number
_CLOSE_SESSION = (0x06, 0x3C)

# Status codes of the key exchange (table 13-15).
_NO_RESOURCES = {0x01, 0x0B}
_NO_SUCH_SESSION = 0x02
_NO_SUITE = {0x04, 0x05, 0x06, 0x07, 0x10, 0x11}
_NO_ROLE = {0x09, 0x0A}
_NO_NAME = {0x0C, 0x0D}
_WRONG_CODE = 0x0F


class Privilege(IntEnum):
    """Privilege levels to log in with (table 22-28)."""

    OPERATOR = 3
    ADMINISTRATOR = 4


class Unanswered(Exception):
    """The BMC fell silent. `name_sent`: just after it was told the user's name, which some ignore when unknown."""

    def __init__(self, *, name_sent: bool) -> None:
        super().__init__()
        self.name_sent = name_sent


class SuiteRefused(Exception):
    """The BMC does not speak the cipher suite that was offered."""


class RoleRefused(Exception):
    """The user may not log in with this privilege."""


@dataclass(frozen=True)
class _Suite:
    """A cipher suite in pyghmi's terms, and the numbers of its three algorithms on the wire (table 22-19)."""

    pyghmi_hash: int
    digest: Callable[..., Any]
    code_bytes: int
    algorithms: tuple[int, int, int]


_SUITES = {17: _Suite(256, hashlib.sha256, 16, (3, 4, 1)), 3: _Suite(1, hashlib.sha1, 12, (1, 1, 1))}
SUITES = tuple(_SUITES)
"""The cipher suites that are spoken, the strongest first."""


class _Stage(StrEnum):
    """pyghmi's names for the stages of a login; before the first there is none."""

    NAME_SENT = "EXPECTINGRAKP2"
    WRONG_PASSWORD = "FAILED"  # noqa: S105 - a state, not a password
    LOGGED_IN = "ESTABLISHED"


Answered = Callable[[dict[str, Any]], None]
"""Gets pyghmi's answer: `data`, and `code` with its `error` when that is not zero."""


class Datagrams(Protocol):
    """What of a connected socket is needed."""

    def settimeout(self, seconds: float, /) -> None:
        """How long `recv` waits."""
        ...

    def send(self, data: bytes, /) -> int:
        """Send a datagram."""
        ...

    def recv(self, size: int, /) -> bytes:
        """The next datagram.

        Raises:
            TimeoutError: none came in time.
        """
        ...

    def close(self) -> None:
        """Close it."""
        ...


class Wire(Session):  # type: ignore[misc] # pyghmi ships no types
    """A session that is logged in once it is made. The caller owns the connected socket, and may move `by`.

    `suite` is the one offered, afterwards the one in use. A `brief` one is for commands that every user may give: it
    leaves out two exchanges of seven, Get Channel Authentication Capabilities, which tells apart IPMI 1.5 and 2.0, and
    Set Session Privilege Level, before which a session has a user's (section 13.18); `rise` makes up for that.

    Raises:
        Unanswered, SuiteRefused, RoleRefused: another attempt may do better.
        OSError: the network says that nobody is there.
        BmcAuthFailed, BmcBusy, BmcRefused: as `PowerDriver` has them.
    """

    def __init__(
        self, sock: Datagrams, login: BmcLogin, suite: int, privilege: Privilege, by: Deadline, *, brief: bool = False
    ) -> None:
        self.by = by
        self.suite = suite
        self.brief = brief
        self._closing = False
        self._sock = sock
        self._login = login
        self._answered = False
        self._resend_s = _RESEND_S
        self._began_at = self._sent_at = by.clock()
        super().__init__("", login.user, login.password, privlevel=privilege)

    # Where pyghmi reaches for the network.

    def _assignsocket(self, server: object = None) -> Datagrams:  # noqa: ARG002 - pyghmi's signature
        return self._sock

    def _xmit_packet(self, *_: object, **__: object) -> None:
        if self.sequencenumber:  # zero stays zero: there is no session yet
            self.sequencenumber += 1
        self._sent_at = self.by.clock()
        self._sock.send(self.netpacket)

    def wait_for_rsp(self, *_: object, **__: object) -> None:
        """Take one datagram, or send again what was not answered in time."""
        if self.by.passed:
            raise Unanswered(name_sent=self._is_in(_Stage.NAME_SENT))
        resend_in_s = self._sent_at + self._resend_s - self.by.clock()
        self._sock.settimeout(max(min(resend_in_s, self.by.remaining_s), 0.001))
        try:
            datagram = self._sock.recv(_DATAGRAM_BYTES)
        except TimeoutError:
            self._send_again()
        else:
            self.take(datagram)

    def awaitresponse(self, retry: bool) -> None:  # noqa: FBT001 - pyghmi's signature; false when no answer is wanted
        """Wait for the answer to a command."""
        while retry and self.lastresponse is None:
            self.wait_for_rsp()

    def close_session(self) -> None:
        """Send Close Session until it is answered. The answer is not deciphered: the session is over, whatever it says.

        Raises:
            Unanswered: it was not.
        """
        self.incommand = False
        self.lastpayload = None
        self._closing = True
        try:
            self.raw_command(*_CLOSE_SESSION, data=self.sessionid.to_bytes(4, "little"))
        finally:
            # By these it holds itself, and would wait for the collector, which then takes a tenth of a sweep.
            self.logonwaiters.clear()
            self.ipmicallback = None

    def send_serial(self, payload: bytes) -> None:
        """Send a packet of Serial over LAN, once. What comes back goes to `sol_handler`."""
        self.send_payload(bytearray(payload), payload_type=_SERIAL, retry=False)

    def send_command(self, netfn: int, command: int, data: Sequence[int], done: Answered) -> None:
        """Send a command, once, and return; `done` gets its answer from `take`, if there is one."""
        self.incommand = False
        self.raw_command(netfn, command, data=data, retry=False, callback=done)

    def _send_again(self) -> None:
        """Send again what may be sent twice. In the middle of a key exchange that confuses BMCs: begin anew."""
        if self.by.clock() < self._sent_at + self._resend_s:
            return
        if self.sessioncontext is not None and not self._is_in(_Stage.LOGGED_IN):
            raise Unanswered(name_sent=self._is_in(_Stage.NAME_SENT))
        self._resend_s = min(self._resend_s * 2, _RESEND_MOST_S)
        self.send_payload()

    def take(self, datagram: bytes) -> None:
        """Take what the BMC sent."""
        if not self._answered:
            # A BMC that takes long for its first answer takes long for all.
            self._resend_s = max(_RESEND_S, _SLOW_FACTOR * (self.by.clock() - self._began_at))
            self._answered = True
        if self._closing and self._is_news(datagram):
            self.lastresponse: dict[str, Any] | None = {}
            return
        try:
            if datagram[2:4] == _RMCP_IPMI:
                self._handle_ipmi_packet(bytearray(datagram))
        except (IndexError, ValueError, struct.error):
            return  # no packet that pyghmi can read; the real answer may still come

    def _is_news(self, datagram: bytes) -> bool:
        """Whether it is of this session, and no copy of what came before (table 13-8)."""
        if len(datagram) < _HEADER.size:
            return False
        session_id, number = _HEADER.unpack_from(datagram)
        return bool(session_id == self.localsid and number > getattr(self, "remseqnumber", 0))

    def _is_in(self, stage: _Stage) -> bool:
        return bool(self.sessioncontext == stage)

    # Where pyghmi decides about the login.

    def _initsession(self) -> None:
        super()._initsession()
        # pyghmi numbers every session alike, so that late answers to an earlier one look like answers to this one.
        self.localsid = secrets.randbits(31)
        self.rmcptag = secrets.randbelow(_RANDOM_TAG)
        self._speak(self.suite)

    def _speak(self, number: int) -> None:
        suite = _SUITES[number]
        self.suite = number
        self.attemptedhash, self.currhashlib, self.currhashlen = suite.pyghmi_hash, suite.digest, suite.code_bytes

    def _get_channel_auth_cap(self) -> None:
        if self.brief:
            self.ipmiversion = 2.0
            self._open_rmcpplus_request()
        else:
            super()._get_channel_auth_cap()

    def _req_priv_level(self) -> None:
        if self.brief:
            self.logged, self.logoutexpiry, self.logging = 1, None, False
        else:
            super()._req_priv_level()

    def rise(self) -> None:
        """Get the privilege that was logged in with, after a brief login."""
        self.brief = False
        self._req_priv_level()

    def _get_session_challenge(self) -> None:
        raise BmcRefused(f"BMC {self._login.address} speaks IPMI 1.5 only", "enable IPMI 2.0 (RMCP+) in its settings")

    def _got_rmcp_response(self, data: bytearray) -> None:
        """Open Session Response (table 13-10)."""
        if data[0] == self.rmcptag:
            self._check(data[1])
            self._follow((data[16], data[24], data[32]))
        super()._got_rmcp_response(data)

    def _follow(self, algorithms: tuple[int, int, int]) -> None:
        """Go on in the suite that the BMC answered with.

        It should refuse an offer that it does not take. pyghmi's own server, thus VirtualBMC, answers suite 3 whatever
        is offered, and the client half then chokes on the shorter hashes.
        """
        answered = next((number for number, suite in _SUITES.items() if suite.algorithms == algorithms), None)
        if answered is None or (self._login.cipher_suites and answered not in self._login.cipher_suites):
            raise SuiteRefused
        self._speak(answered)

    def _got_rakp2(self, data: bytearray) -> None:
        if self._is_in(_Stage.NAME_SENT) and data[0] == self.rmcptag:
            self._check(data[1])
        super()._got_rakp2(data)

    def _got_rakp4(self, data: bytearray) -> None:
        if data[0] == self.rmcptag:
            self._check(data[1])
        super()._got_rakp4(data)

    def _check(self, status: int) -> None:
        """Turn the status of a key exchange message into what happens next."""
        if not status:
            return
        if status == _NO_SUCH_SESSION:
            raise Unanswered(name_sent=False)
        if status in _NO_SUITE:
            raise SuiteRefused
        # Some look for the name among the users who may have the role: "unauthorized name" may mean the role.
        if status in _NO_ROLE or (status in _NO_NAME and self.privlevel == Privilege.ADMINISTRATOR):
            raise RoleRefused
        raise self._refusal(status)

    def _refusal(self, status: int) -> Exception:
        address = self._login.address
        if status in _NO_NAME or status == _WRONG_CODE:
            return BmcAuthFailed(address, self._login.user)
        if status in _NO_RESOURCES:
            return BmcBusy(f"BMC {address} has no session left", "look for other programs that log in to it")
        reason = constants.rmcp_codes.get(status, f"status {status:#04x}")
        return BmcRefused(f"BMC {address} refused the login ({reason})", "check its LAN channel's settings")

    def onlogon(self, parameter: dict[str, Any]) -> None:
        """Told by pyghmi how the login ended."""
        # The table is for pyghmi's keep-alives, which this session does without.
        Session.keepalive_sessions.pop(self, None)
        if "error" not in parameter:
            return
        if self._is_in(_Stage.WRONG_PASSWORD):
            raise BmcAuthFailed(self._login.address, self._login.user)
        raise BmcRefused(
            f"BMC {self._login.address} refused the login ({parameter['error']})", "check its LAN channel's settings"
        )
