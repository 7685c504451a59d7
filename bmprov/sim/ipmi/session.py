"""One RMCP+ session of a BMC: the RAKP key exchange, then sealed messages.

IPMI 2.0, sections 13.20 to 13.24 and 13.31 to 13.33. Mutual authentication with the user's password; a key of the
BMC's own (Kg) is not simulated.
"""

import hmac
import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto

from bmprov.sim.ipmi import rmcp, suite
from bmprov.sim.ipmi.rmcp import AuthType, Malformed, Packet, PayloadType
from bmprov.sim.ipmi.suite import Suite

_RAKP1 = struct.Struct("<BxxxI16sBxxB")
_RAKP3 = struct.Struct("<BBxxI")
_WINDOW = 32
_NAME_ONLY = 0x10


Reply = Callable[[bytes], None]
"""Sends a datagram to a client."""


class Privilege(IntEnum):
    """Privilege levels (IPMI 2.0, table 22-28)."""

    CALLBACK = 1
    USER = 2
    OPERATOR = 3
    ADMINISTRATOR = 4


class Status(IntEnum):
    """Status codes of the key exchange (IPMI 2.0, table 13-15)."""

    OK = 0x00
    NO_RESOURCES = 0x01
    NO_SUCH_SESSION = 0x02
    ROLE_REFUSED = 0x0A
    UNKNOWN_NAME = 0x0D
    WRONG_CODE = 0x0F
    NO_MATCHING_SUITE = 0x11


@dataclass(frozen=True, slots=True)
class Account:
    """A user of a BMC and the most that it may do."""

    name: str
    password: str = field(repr=False)
    privilege: Privilege = Privilege.ADMINISTRATOR


class Stage(Enum):
    """How far a session is."""

    OPENED = auto()
    CHALLENGED = auto()
    ACTIVE = auto()


class Session:
    """A session from Open Session on. `own_id` is the BMC's number for it, `console_id` the client's."""

    def __init__(self, own_id: int, console_id: int, algorithms: Suite, guid: bytes) -> None:
        self.own_id = own_id
        self.stage = Stage.OPENED
        self.privilege = Privilege.USER
        self.limit = Privilege.ADMINISTRATOR
        self.last_answer: tuple[bytes, bytes] | None = None
        self.reply: Reply | None = None
        self.at_end: Callable[[], None] | None = None
        self._console_id = console_id
        self._suite = algorithms
        self._guid = guid
        self._ids = struct.pack("<II", console_id, own_id)
        self._sent = 0
        self._newest = 0
        self._seen = 0

    @property
    def is_active(self) -> bool:
        """Whether its client has logged in."""
        return self.stage is Stage.ACTIVE

    def challenge(self, rakp1: bytes, account: Account) -> bytes:
        """Answer RAKP message 1 with RAKP message 2."""
        tag, _, console_random, role, length = _RAKP1.unpack_from(rakp1)
        name = rakp1[_RAKP1.size : _RAKP1.size + length]
        refused = _refusal(role, name, account)
        if refused is not Status.OK:
            return struct.pack("<BBxxI", tag, refused, self._console_id)
        self.limit = Privilege(role & 0xF or account.privilege)
        self._who = bytes([role, length]) + name
        self._key = account.password.encode()
        self._console_random, self._own_random = console_random, secrets.token_bytes(16)
        self.stage = Stage.CHALLENGED
        proof = self._ids + console_random + self._own_random + self._guid + self._who
        head = struct.pack("<BBxxI", tag, Status.OK, self._console_id)
        return head + self._own_random + self._guid + self._suite.mac(self._key, proof)

    def confirm(self, rakp3: bytes) -> bytes:
        """Answer RAKP message 3 with RAKP message 4, after which the session is active, or is of no use any more."""
        tag, status, _ = _RAKP3.unpack_from(rakp3)
        proof = self._own_random + struct.pack("<I", self._console_id) + self._who
        if status != Status.OK or not hmac.compare_digest(self._suite.mac(self._key, proof), rakp3[_RAKP3.size :]):
            self.stage = Stage.OPENED
            return struct.pack("<BBxxI", tag, Status.WRONG_CODE, self._console_id)
        session_key = self._suite.mac(self._key, self._console_random + self._own_random + self._who)
        self._k1 = self._suite.mac(session_key, b"\x01" * 20)
        self._k2 = self._suite.mac(session_key, b"\x02" * 20)
        self.stage = Stage.ACTIVE
        proof = self._console_random + struct.pack("<I", self.own_id) + self._guid
        return struct.pack("<BBxxI", tag, Status.OK, self._console_id) + self._suite.code(session_key, proof)

    def unseal(self, packet: Packet) -> bytes:
        """The message inside a packet.

        Raises:
            Malformed: not active, not signed or not encrypted, forged, or seen before.
        """
        if self.stage is not Stage.ACTIVE or not packet.encrypted or len(packet.signed) < self._suite.code_bytes:
            raise Malformed("not a sealed packet of an active session")
        covered, code = packet.signed[: -self._suite.code_bytes], packet.signed[-self._suite.code_bytes :]
        if not hmac.compare_digest(self._suite.code(self._k1, covered), code):
            raise Malformed("integrity code is wrong")
        if not self._is_new(packet.sequence):
            raise Malformed("seen before")
        return suite.decrypt(self._k2, packet.payload)

    def seal(self, message: bytes, kind: PayloadType = PayloadType.IPMI) -> bytes:
        """The datagram that carries a message to the client."""
        self._sent += 1
        payload = suite.encrypt(self._k2, message)
        packet = Packet(AuthType.RMCP_PLUS, kind, self._console_id, self._sent, payload)
        covered = rmcp.unsigned(packet)
        return rmcp.build_signed(covered, self._suite.code(self._k1, covered))

    def send(self, kind: PayloadType, message: bytes) -> None:
        """Send a message that answers nothing, to where the client was last."""
        if self.reply is not None:
            self.reply(self.seal(message, kind))

    def end(self) -> None:
        """What is to be done when it is over."""
        if self.at_end is not None:
            self.at_end()

    def _is_new(self, sequence: int) -> bool:
        """The sliding window of section 6.12.13, so that no packet counts twice."""
        ahead = sequence - self._newest
        if ahead > 0:
            self._seen = (self._seen << min(ahead, _WINDOW) | 1) & (1 << _WINDOW) - 1
            self._newest = sequence
            return True
        bit = 1 << -ahead
        if -ahead >= _WINDOW or self._seen & bit:
            return False
        self._seen |= bit
        return True


def _refusal(role: int, name: bytes, account: Account) -> Status:
    if name != account.name.encode():
        return Status.UNKNOWN_NAME
    wanted = role & ~_NAME_ONLY
    if wanted > account.privilege:
        return Status.ROLE_REFUSED
    return Status.OK
