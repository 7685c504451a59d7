"""One TFTP transfer: a read request and what follows (RFC 1350; options: RFC 2347, blksize 2348, tsize 2349).

Packets, block numbers and what an acknowledgement means are tftpy's. Its server is not used: there one malformed packet
ends every transfer, answers leave from whatever address the kernel likes, packets of strangers are obeyed, options that
nobody asked for are acknowledged, and names are looked up on the disk.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, Any

from tftpy.TftpContexts import TftpContextServer
from tftpy.TftpPacketFactory import TftpPacketFactory
from tftpy.TftpPacketTypes import TftpPacketERR, TftpPacketOACK, TftpPacketRRQ, TftpPacketWRQ
from tftpy.TftpShared import TftpErrors, TftpException, TftpTimeoutExpectACK
from tftpy.TftpStates import TftpState, TftpStateExpectACK

from pxe.datagram import Datagram

RESEND_S = 1.0
TRIES = 10
_BLOCK_BYTES = range(8, 65465)  # RFC 2348
_BLOCK_CAP_BYTES = 1468  # the most that fits an Ethernet frame: ROMs lose the fragments of what is larger
_LARGEST = 65536
_NUMBER_DIGITS = 5
_TOLD_CHARS = 100

Open = Callable[[str], IO[bytes]]


class Outcome(StrEnum):
    """How a transfer has ended."""

    SENT = "sent"
    REFUSED = "refused"
    ABORTED = "aborted by the client"
    GIVEN_UP = "given up"


@dataclass(frozen=True)
class Ended:
    """A transfer is over."""

    outcome: Outcome
    why: str = ""


class Malformed(Exception):
    """The bytes are no TFTP packet, or none that begins a transfer."""


class Transfer:
    """A file on its way to one client, on a socket of its own. Its methods return None while it goes on.

    `open_loader` raises KeyError for a name that it does not know, and OSError for a file that it cannot read.
    """

    def __init__(self, request: Datagram, open_loader: Open, now: float) -> None:
        self.request = request
        self.name = ""
        self.size_bytes = 0
        self.resent = 0
        self.acknowledged = False
        self._open = open_loader
        self._asked = parse(request.data)
        if not isinstance(self._asked, TftpPacketRRQ | TftpPacketWRQ):
            raise Malformed("a packet that begins nothing")  # an error is never answered with an error
        self._context = TftpContextServer(*request.sender, RESEND_S, root="", retries=TRIES, flock=False)
        self._context.tidport = request.sender[1]
        self._context.sock.setblocking(False)
        self._sending = TftpState(self._context)
        self._silent_since = self._due = now
        self._unanswered = 0

    def fileno(self) -> int:
        """The socket's, for a selector."""
        return int(self._context.sock.fileno())

    def begin(self, now: float) -> Ended | None:
        """Answer the request: with the file, with the options that are agreed on, or with an error.

        Raises:
            OSError: the answer cannot be sent.
        """
        self._context.sock.bind((self.request.local, 0))
        self.name = self._asked.filename[:_TOLD_CHARS]
        if isinstance(self._asked, TftpPacketWRQ):
            return self._refused(TftpErrors.AccessViolation, "nothing can be written here")
        try:
            self._context.fileobj = self._open(self._asked.filename)
        except KeyError:
            return self._refused(TftpErrors.FileNotFound, "no loader has this name")
        except OSError as error:
            return self._refused(TftpErrors.AccessViolation, f"the loader cannot be read ({error.strerror})")
        self.size_bytes = self._context.fileobj.seek(0, 2)
        self._context.fileobj.seek(0)
        self._answer(_agreed(self._asked.options, self.size_bytes))
        self._context.state = TftpStateExpectACK(self._context)
        self._heard(now)
        return None

    def receive(self, now: float) -> Ended | None:
        """Take a packet off the socket.

        Raises:
            OSError: the socket or the answer failed.
        """
        try:
            data, sender = self._context.sock.recvfrom(_LARGEST)
        except BlockingIOError:
            return None
        if sender != self.request.sender:
            self._context.sock.sendto(_error(TftpErrors.UnknownTID), sender)  # RFC 1350, 4: the transfer goes on
            return None
        try:
            return self._advance(parse(data), now)
        except Malformed:
            return None

    def tick(self, now: float) -> Ended | None:
        """Send the last packet again when its acknowledgement is overdue, and give up in the end.

        Raises:
            OSError: it cannot be sent.
        """
        if now < self._due:
            return None
        if self._unanswered >= TRIES:
            silent_s = now - self._silent_since
            return Ended(Outcome.GIVEN_UP, f"block {self._context.next_block} not acknowledged for {silent_s:.3g} s")
        self._resend(now)
        return None

    def close(self) -> None:
        """Close the socket and the file."""
        self._context.end()

    def _advance(self, packet: Any, now: float) -> Ended | None:  # noqa: ANN401 - tftpy has no types
        if isinstance(packet, TftpPacketERR):
            said = (packet.errmsg or b"").decode(errors="replace")[:_TOLD_CHARS]
            return Ended(Outcome.ABORTED, f"error {packet.errorcode}: {said}")
        block = self._context.next_block
        try:
            self._context.state = self._context.state.handle(packet, *self.request.sender)
        except TftpTimeoutExpectACK:
            self._resend(now)  # the client asks again for what it has waited for long enough
            return None
        except TftpException as error:
            return Ended(Outcome.GIVEN_UP, str(error))
        if self._context.state is None:
            return Ended(Outcome.SENT)
        if self._context.next_block != block:
            self.acknowledged = True
            self._heard(now)
        return None

    def _answer(self, agreed: Mapping[str, int]) -> None:
        self._context.options = {name.lower(): value for name, value in agreed.items()}
        if not agreed:  # RFC 2347: no acknowledgement of options but the first block
            self._context.next_block = 1
            self._context.pending_complete = self._sending.sendDAT()
            return
        packet = TftpPacketOACK()
        packet.options = agreed
        self._context.sock.sendto(packet.encode().buffer, self.request.sender)
        self._context.last_pkt = packet

    def _refused(self, code: int, why: str) -> Ended:
        self._context.sock.sendto(_error(code), self.request.sender)
        return Ended(Outcome.REFUSED, why)

    def _heard(self, now: float) -> None:
        self._silent_since, self._due, self._unanswered = now, now + RESEND_S, 0

    def _resend(self, now: float) -> None:
        self.resent += 1
        self._unanswered += 1
        self._due = now + RESEND_S
        self._context.sock.sendto(self._context.last_pkt.buffer, self.request.sender)


def parse(data: bytes) -> Any:  # noqa: ANN401 - tftpy has no types
    """A packet of tftpy.

    Raises:
        Malformed: it is none. tftpy itself lets struct's and the decoder's errors out.
    """
    try:
        return TftpPacketFactory().parse(data)
    except (TftpException, ValueError, struct.error) as error:
        raise Malformed(str(error)) from error


def _agreed(asked: Mapping[str, str], size_bytes: int) -> dict[str, int]:
    """The options that are agreed to, as the client spells them; all others are passed over in silence (RFC 2347)."""
    agreed = {}
    for name, value in asked.items():
        if name.lower() == "tsize":
            agreed[name] = size_bytes
        elif name.lower() == "blksize" and _number(value) in _BLOCK_BYTES:
            agreed[name] = min(_number(value), _BLOCK_CAP_BYTES)
    return agreed


def _number(value: str) -> int:
    return int(value) if value.isdecimal() and len(value) <= _NUMBER_DIGITS else -1


def _error(code: int) -> bytes:
    packet = TftpPacketERR()
    packet.errorcode = code
    return bytes(packet.encode().buffer)
