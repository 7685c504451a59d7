"""One TFTP transfer without I/O: packets in, packets out, the clock handed in (RFC 1350; RFC 2347 to 2349; RFC 7440).

tftpy, which the tests have as a client, is not behind this: it has no windowsize, and spends more time on a block than
the kernel does. Its server is not used either: there one malformed packet ends every transfer, answers leave from
whatever address the kernel likes, packets of strangers are obeyed, and names are looked up on the disk.

Blocks are counted without end; on the wire their numbers roll over to 0. The acknowledgement of options counts as block
0, since a client acknowledges it as such.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import IO

from pxe import tftp_packets as packets
from pxe.tftp_blocks import Blocks
from pxe.tftp_options import Terms, agree
from pxe.tftp_packets import Code, Mode, Request

SOONEST_S = 0.2
_USUAL_TURN_S = SOONEST_S / 8
_NUMBERS = 0xFFFF
_GAP_S = 0.01
_TURNS = 2

Open = Callable[[str], IO[bytes]]
Cut = Callable[[bytes, int], Blocks]


class Outcome(StrEnum):
    """How a transfer has ended."""

    SENT = "sent"
    REFUSED = "refused"
    ABORTED = "aborted by the client"
    GIVEN_UP = "given up"


@dataclass(frozen=True)
class Ended:
    """A transfer is over; `last_word` is the packet to send, if any."""

    outcome: Outcome
    why: str = ""
    last_word: bytes = b""


class Transfer:
    """A file on its way to one client.

    Its methods return the packets to send now, or how the transfer has ended, or None for nothing. All packets but the
    last are equally long. `due` is when `tick` wants to be called.

    `open_loader` raises KeyError for a name that it does not know, and OSError for a file that it cannot read.
    `cut` makes the blocks of a content, of that many bytes each.
    """

    def __init__(self, request: Request, open_loader: Open, now: float, cut: Cut = Blocks) -> None:
        self.name = request.name[: packets.TOLD_CHARS]
        self.size_bytes = 0
        self.resent = 0
        self.due = now
        self._request = request
        self._open = open_loader
        self._cut = cut
        self._terms = Terms()
        self._blocks = Blocks(b"", self._terms.block_bytes)
        self._acked_at_first = self._acked = self._sent = 0
        self._heard = self._began_turn = now
        self._turn_s = 0.0
        self._resend_s = self._terms.resend_s
        self._learns = True
        self._awaited = b""
        self._unanswered = self._hurried = 0

    @property
    def acknowledged(self) -> bool:
        """Whether the client has answered."""
        return self._acked > self._acked_at_first

    @property
    def progress(self) -> str:
        """How far it has come, for the log."""
        return f"{max(0, self._acked)} of {self._blocks.last} blocks were acknowledged"

    def begin(self, now: float) -> list[bytes] | Ended:
        """Answer the request: with the file, with the options that are agreed on, or with an error."""
        if self._request.writes:
            return _refused(Code.ACCESS_VIOLATION, "nothing can be written here")
        if self._request.mode is Mode.UNKNOWN:
            return _refused(Code.ILLEGAL_OPERATION, "neither octet nor netascii is asked for")
        try:
            with self._open(self._request.name) as file:
                content = file.read()
        except KeyError:
            return _refused(Code.NOT_FOUND, "no loader has this name")
        except OSError as error:
            return _refused(Code.ACCESS_VIOLATION, f"the loader cannot be read ({error.strerror})")
        self._take(content if self._request.mode is Mode.OCTET else _netascii(content))
        return self._next(now)

    def receive(self, packet: bytes, now: float) -> list[bytes] | Ended | None:
        """A packet of the client. What cannot be read is as good as lost."""
        if packet == self._awaited:
            return self._go_on(now)
        if len(packet) < packets.HEAD_BYTES:
            return None
        if packet[:2] == packets.ACK:
            return self._acknowledge(int.from_bytes(packet[2:4]), now)
        if packet[:2] == packets.ERROR:
            return Ended(Outcome.ABORTED, packets.told(packet))
        return None

    def tick(self, now: float) -> list[bytes] | Ended | None:
        """Send again what is not acknowledged in time, and give up in the end."""
        if now < self.due:
            return None
        silent_s = now - self._heard
        if silent_s >= self._terms.patience_s:
            return Ended(Outcome.GIVEN_UP, f"block {self._acked + 1} not acknowledged for {silent_s:.3g} s")
        self._unanswered += now >= self._began_turn + self._interval_s  # else a client has asked again
        self.resent += 1
        sent = self._next(now)
        self.due = now + self._interval_s
        return sent

    def _take(self, content: bytes) -> None:
        self.size_bytes = len(content)
        self._terms = agree(self._request.options, self.size_bytes)
        self._blocks = self._cut(content, self._terms.block_bytes)
        self._resend_s = self._terms.resend_s
        self._learns = all(name.lower() != "timeout" for name in self._terms.agreed)
        self._acked_at_first = self._acked = self._sent = -1 if self._terms.agreed else 0

    def _acknowledge(self, number: int, now: float) -> list[bytes] | Ended | None:
        ahead = (number - self._acked) & _NUMBERS
        if ahead > self._sent - self._acked:
            return None  # late, or of a block that was never sent
        if ahead == 0:
            self._ask_again(now)
            return None
        if ahead == self._sent - self._acked:
            return self._go_on(now)
        self._acked += ahead
        self._turn_s = now - self._began_turn
        self._learn()
        self._unanswered = self._hurried = 0
        self._heard = now
        self.due = now + self._gap_s  # it misses what follows (RFC 7440, 4), or has got a block twice, as `_ask_again`
        return None

    def _go_on(self, now: float) -> list[bytes] | Ended:
        """All that was sent has arrived: most of a server's work."""
        self._acked = self._sent
        if self._acked == self._blocks.last:
            return Ended(Outcome.SENT)
        self._turn_s = now - self._began_turn
        if self._turn_s > _USUAL_TURN_S or self._unanswered or self._resend_s != SOONEST_S:
            self._learn()
        self._unanswered = self._hurried = 0
        self._heard = now
        return self._next(now)

    def _ask_again(self, now: float) -> None:
        """The last acknowledgement once more: it was doubled on its way, or the first block of a window is lost.

        In the first case the next acknowledgement is under way, and to answer would double everything from now on (the
        sorcerer's apprentice, RFC 1123, 4.2.3.1): so we wait for it a little. Single blocks leave no such doubt.
        """
        if self._sent - self._acked > 1 and self._hurried < self._terms.tries:
            self._hurried += 1
            self.due = min(self.due, now + self._gap_s)

    def _learn(self) -> None:
        """How long a client's answer took says how long to wait for its next one (RFC 1123, 4.2.3.2)."""
        if self._unanswered:
            self._resend_s = self._interval_s  # nobody knows which of the packets this answers (Karn's rule)
        elif self._learns:
            usual_s = SOONEST_S * self._turn_s / _USUAL_TURN_S
            self._resend_s = max(SOONEST_S, min(usual_s, self._terms.resend_s))

    @property
    def _interval_s(self) -> float:
        """Until a packet is sent again: twice as long each time."""
        return min(self._resend_s * 2.0**self._unanswered, self._terms.resend_s)

    @property
    def _gap_s(self) -> float:
        return max(_GAP_S, _TURNS * self._turn_s)

    def _next(self, now: float) -> list[bytes]:
        """What follows the last block that was acknowledged, as far as the window goes."""
        self._began_turn = now
        self.due = now + self._resend_s
        if self._acked < 0:
            sent = [packets.options_ack(self._terms.agreed)]
        elif self._terms.window_blocks == 1:
            sent = [self._blocks.packet(self._acked + 1)]
        else:
            end = min(self._acked + self._terms.window_blocks, self._blocks.last)
            sent = [self._blocks.packet(number) for number in range(self._acked + 1, end + 1)]
        self._sent = self._acked + len(sent)
        self._awaited = self._blocks.ack(self._sent)
        return sent


def _refused(code: Code, why: str) -> Ended:
    return Ended(Outcome.REFUSED, why, packets.error(code))


def _netascii(content: bytes) -> bytes:
    return content.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")
