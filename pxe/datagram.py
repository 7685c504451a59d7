"""UDP datagrams with the address and the network card that they came in on (Linux, ip(7), IP_PKTINFO).

A host with several cards or addresses must answer from where it was asked: a ROM drops a loader that comes from another
address, and a broadcast goes out on the card of the default route unless it is told otherwise.
"""

import socket
import struct
from dataclasses import dataclass

_PKTINFO = 8  # socket.IP_PKTINFO, which Python has from 3.12 on
_INFO = struct.Struct("=I4s4s")  # struct in_pktinfo: interface, local address, destination
_LARGEST = 65536
_RECEIVE_BYTES = 2**22  # a hall that is switched on at once sends a burst


@dataclass(frozen=True)
class Datagram:
    """What came in: from whom, to which of this host's addresses, over which card (its index)."""

    data: bytes
    sender: tuple[str, int]
    local: str
    card: int


def bind(listen: str, port: int, card: str = "") -> socket.socket:
    """A socket that never blocks. `card` keeps all other network cards out.

    Raises:
        OSError: the port is taken, the address is not this host's, or there is no such card.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        bound.setsockopt(socket.IPPROTO_IP, _PKTINFO, 1)
        if card:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, card.encode())
        bound.bind((listen, port))
    except OSError:
        bound.close()
        raise
    return bound


def receive(bound: socket.socket) -> Datagram | None:
    """The next datagram; None when there is none after all (Linux reports one whose checksum then proves wrong)."""
    try:
        data, told, _, sender = bound.recvmsg(_LARGEST, socket.CMSG_SPACE(_INFO.size))
    except BlockingIOError:
        return None
    infos = [value for level, kind, value in told if (level, kind) == (socket.IPPROTO_IP, _PKTINFO)]
    card, local, _ = _INFO.unpack(infos[0]) if infos else (0, bytes(4), b"")
    return Datagram(data, sender, socket.inet_ntoa(local), card)


def broadcast(bound: socket.socket, data: bytes, port: int, card: int) -> None:
    """Send to everyone on the network of one card, from this host's address there.

    Raises:
        OSError: the card is gone, or the kernel refuses.
    """
    info = _INFO.pack(card, bytes(4), bytes(4))
    bound.sendmsg([data], [(socket.IPPROTO_IP, _PKTINFO, info)], 0, ("255.255.255.255", port))
