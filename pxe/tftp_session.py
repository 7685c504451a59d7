"""A TFTP transfer on a socket of its own, whose port is the server's transfer ID (RFC 1350, 4).

The socket is connected to its client: the kernel answers a stranger with ICMP "port unreachable" in place of RFC 1350's
error 5, as it does for other servers, tftp-hpa among them. The same ICMP from the client says that its port is closed;
who forges it must know both ports, as for a forged acknowledgement.
"""

import errno
import socket
import struct
import time
from contextlib import suppress

from pxe.datagram import Datagram
from pxe.tftp_transfer import Ended, Outcome, Transfer

_LARGEST = 128  # a client sends acknowledgements and errors; more than that of a text is lost
_UDP_SEGMENT = 103  # linux/udp.h: the kernel cuts what is sent into datagrams of this size (udp(7)), in one call
_SIZE = struct.Struct("=H")
_PASSING = (errno.EAGAIN, errno.EMSGSIZE)  # the card is busy; a router has smaller frames, as Linux now knows
_WAITING = 64  # packets that may wait in a socket, generously


class Session:
    """One client's. Its methods return None while it goes on, and raise OSError if the network refuses a packet.

    `rival` is another transfer for the same port, while it is open which of the two the client is with. `began` is a
    time of the day.
    """

    def __init__(self, request: Datagram, transfer: Transfer) -> None:
        self.request = request
        self.transfer = transfer
        self.rival: Session | None = None
        self.began = time.time()
        self._in_one_call = True
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """The socket's, to wait for packets."""
        return self._socket.fileno()

    def begin(self, now: float) -> Ended | None:
        """Answer the request, from the address that was asked."""
        self._socket.bind((self.request.local, 0))
        self._socket.connect(self.request.sender)
        with suppress(BlockingIOError):
            for _ in range(_WAITING):
                self._socket.recv(_LARGEST)  # a stranger's, between the two calls
        return self._do(self.transfer.begin(now), now)

    def receive(self, now: float) -> Ended | None:
        """Take a packet off the socket."""
        try:
            return self._answer(self.transfer.receive(self._socket.recv(_LARGEST), now))
        except OSError as error:
            return self._weigh(error, now)

    def tick(self, now: float) -> Ended | None:
        """Look after what is overdue."""
        return self._do(self.transfer.tick(now), now)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _do(self, step: list[bytes] | Ended | None, now: float) -> Ended | None:
        try:
            return self._answer(step)
        except OSError as error:
            return self._weigh(error, now)

    def _answer(self, step: list[bytes] | Ended | None) -> Ended | None:
        if isinstance(step, Ended):
            if step.last_word:
                with suppress(OSError):
                    self._socket.send(step.last_word)
            return step
        if step is None:
            return None
        if len(step) == 1:
            self._socket.send(step[0])
        else:
            self._send_window(step)
        return None

    def _weigh(self, error: OSError, now: float) -> Ended | None:
        if isinstance(error, ConnectionRefusedError):
            return self._left(now)
        if error.errno in _PASSING:
            return None  # as good as lost, and sent again when it is due
        raise error

    def _left(self, now: float) -> Ended:
        """The client's port is closed. What it has said before counts, its last acknowledgement above all."""
        with suppress(OSError):
            for _ in range(_WAITING):
                step = self.transfer.receive(self._socket.recv(_LARGEST), now)
                if isinstance(step, Ended):
                    return step
        return Ended(Outcome.ABORTED, f"its port is closed; {self.transfer.progress}")

    def _send_window(self, some: list[bytes]) -> None:
        if self._in_one_call:
            size = [(socket.SOL_UDP, _UDP_SEGMENT, _SIZE.pack(len(some[0])))]
            try:
                self._socket.sendmsg(some, size)
            except (BlockingIOError, ConnectionRefusedError):
                raise
            except OSError:
                self._in_one_call = False  # a card without checksums of its own, or with smaller frames
            else:
                return
        for packet in some:
            self._socket.send(packet)
