"""A TFTP transfer on a socket of its own, whose port is the server's transfer ID (RFC 1350, 4)."""

import socket
import struct

from pxe import tftp_packets as packets
from pxe.datagram import Datagram
from pxe.tftp_transfer import Ended, Transfer

_LARGEST = 128  # a client sends acknowledgements and errors; more than that of a text is lost
_UDP_SEGMENT = 103  # linux/udp.h: the kernel cuts what is sent into datagrams of this size (udp(7)), in one call
_SIZE = struct.Struct("=H")


class Session:
    """One client's. Its methods return None while it goes on, and raise OSError if the network refuses a packet."""

    def __init__(self, request: Datagram, transfer: Transfer) -> None:
        self.request = request
        self.transfer = transfer
        self._client = request.sender
        self._in_one_call = True
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """The socket's, to wait for packets."""
        return self._socket.fileno()

    def begin(self, now: float) -> Ended | None:
        """Answer the request, from the address that was asked."""
        self._socket.bind((self.request.local, 0))
        return self._do(self.transfer.begin(now))

    def receive(self, now: float) -> Ended | None:
        """Take a packet off the socket."""
        try:
            packet, sender = self._socket.recvfrom(_LARGEST)
        except BlockingIOError:
            return None
        if sender != self._client:
            self._socket.sendto(packets.error(packets.Code.UNKNOWN_TID), sender)  # and the transfer goes on
            return None
        return self._do(self.transfer.receive(packet, now))

    def tick(self, now: float) -> Ended | None:
        """Look after what is overdue."""
        return self._do(self.transfer.tick(now))

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _do(self, step: list[bytes] | Ended | None) -> Ended | None:
        if step is None:
            return None
        if isinstance(step, Ended):
            if step.last_word:
                self._send([step.last_word])
            return step
        self._send(step)
        return None

    def _send(self, some: list[bytes]) -> None:
        try:
            if len(some) == 1:
                self._socket.sendto(some[0], self._client)
            else:
                self._send_window(some)
        except BlockingIOError:
            return  # the card is busy: as good as lost, and sent again when it is due

    def _send_window(self, some: list[bytes]) -> None:
        if self._in_one_call:
            size = [(socket.SOL_UDP, _UDP_SEGMENT, _SIZE.pack(len(some[0])))]
            try:
                self._socket.sendmsg(some, size, 0, self._client)
            except BlockingIOError:
                raise
            except OSError:
                self._in_one_call = False  # a card without checksums of its own, or with smaller frames
            else:
                return
        for packet in some:
            self._socket.sendto(packet, self._client)
