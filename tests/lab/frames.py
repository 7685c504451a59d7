"""Frames that come by on an interface, counted as the kernel hands them on."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_ETH_P_ALL = 3  # packet(7)
_SENDER = slice(6, 12)


@contextmanager
def heard(interface: str, *macs: str) -> Iterator[Callable[[], int]]:
    """What tells how many frames of these senders have come by since it was last asked, of any kind."""
    senders = {bytes.fromhex(mac.replace(":", "")) for mac in macs}

    def count() -> int:
        frames = 0
        while True:
            try:
                frames += ear.recv(64)[_SENDER] in senders
            except BlockingIOError:
                return frames

    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as ear:
        ear.setblocking(False)
        ear.bind((interface, _ETH_P_ALL))
        yield count
