"""Overhears the answers of other DHCP servers on one network card (packet(7)); it sends nothing.

A broadcast answer goes to port 68, which nobody here has, and a socket of UDP would not tell who sent the frame. The
kernel filters (classic BPF, linux/filter.h), so that images that pass by at full speed cost nothing. It needs
CAP_NET_RAW; without it, what is left is what clients say.
"""

import ctypes
import selectors
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import closing

import structlog

from pxe.dhcp.others import Overheard

log = structlog.get_logger()

_ATTACH_FILTER = 26  # SO_ATTACH_FILTER
_IPV4 = 0x0800
_LARGEST = 4096
_LOOK_UP_S = 0.2
_UDP_BYTES = 8
_STEP = struct.Struct("=HBBI")  # struct sock_filter
_DROP = 10
_FILTER = (
    (0x30, 0, 0, 9),  # the protocol
    (0x15, 0, _DROP - 2, socket.IPPROTO_UDP),
    (0x28, 0, 0, 6),  # a later fragment has no ports
    (0x45, _DROP - 4, 0, 0x1FFF),
    (0xB1, 0, 0, 0),  # behind the header
    (0x48, 0, 0, 0),  # from a server's port
    (0x15, 0, _DROP - 7, 67),
    (0x48, 0, 0, 2),  # to a client's port
    (0x15, 0, _DROP - 9, 68),
    (0x06, 0, 0, _LARGEST),
    (0x06, 0, 0, 0),
)


def run(card: str, heard: Callable[[Overheard], None], stopping: threading.Event) -> None:
    """Listen until `stopping` is set."""
    try:
        bound = _bind(card)
    except OSError as error:
        check = "give bmprov CAP_NET_RAW"
        log.warning("other DHCP servers are not listened for", card=card, why=error.strerror, check=check)
        return
    with closing(bound), selectors.DefaultSelector() as selector:
        selector.register(bound, selectors.EVENT_READ)
        log.info("other DHCP servers are listened for", card=card)
        while not stopping.is_set():
            if selector.select(_LOOK_UP_S):
                _hear(bound, heard)


def _hear(bound: socket.socket, heard: Callable[[Overheard], None]) -> None:
    try:
        data, (_, _, _, _, mac) = bound.recvfrom(_LARGEST)
        frame = overheard(data, mac)
        if frame is not None:
            heard(frame)
    except OSError as error:
        log.warning("a DHCP answer of another server was not read", error=str(error))
    except Exception:  # the outermost loop: one packet must not end it
        log.exception("a DHCP answer of another server met an unexpected fault")


def overheard(data: bytes, mac: bytes) -> Overheard | None:
    """What is in an IPv4 packet that has passed the filter; None when it is cut off."""
    if not data or len(data) < (data[0] & 15) * 4 + _UDP_BYTES:
        return None
    payload = data[(data[0] & 15) * 4 + _UDP_BYTES :]
    return Overheard(payload, socket.inet_ntoa(data[12:16]), mac.hex(":"))


def _bind(card: str) -> socket.socket:
    """A socket that hears nothing before it has its filter."""
    bound = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    try:
        steps = ctypes.create_string_buffer(b"".join(_STEP.pack(*step) for step in _FILTER))
        program = struct.pack("@HP", len(_FILTER), ctypes.addressof(steps))  # struct sock_fprog
        bound.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)
        bound.setblocking(False)
        bound.bind((card, _IPV4))
    except OSError:
        bound.close()
        raise
    return bound
