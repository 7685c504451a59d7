"""A bad cable between a machine and its switch port: it loses frames, doubles them, and lets others overtake them.

Called as `lossy.py PORT PLUG SHARE`: two interfaces of the network namespace that it is started in, and the share of
frames (0 to 1), both ways alike, that each of the three faults befalls. At its end it prints what it did. Standard
library only; tc's netem, which does the same, is not in every kernel.
"""

import heapq
import random
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass

_SEED = 7
_HELD_S = 0.005
_LARGEST_BYTES = 65_536 + 64
_ETH_P_ALL = 3  # packet(7)
_SOL_PACKET, _VNET_HEADER, _IGNORE_OUTGOING = 263, 15, 23  # linux/if_packet.h


@dataclass
class Count:
    """What became of the frames."""

    carried: int = 0
    lost: int = 0
    doubled: int = 0
    held: int = 0


class Cable:
    """Carries frames both ways between two interfaces, whose names it is given."""

    def __init__(self, port: str, plug: str, share: float) -> None:
        self.count = Count()
        self._share = share
        self._random = random.Random(_SEED)
        self._held: list[tuple[float, int, socket.socket, bytes]] = []
        ends = [_opened(port), _opened(plug)]
        self._ways = {end.fileno(): (end, other) for end, other in zip(ends, reversed(ends), strict=True)}

    def run(self) -> None:
        """Carry until the process ends."""
        poll = select.poll()
        for descriptor in self._ways:
            poll.register(descriptor, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll(1 if self._held else None):
                end, other = self._ways[descriptor]
                self._carry(end.recv(_LARGEST_BYTES), other)
            while self._held and self._held[0][0] <= time.monotonic():
                _, _, to, frame = heapq.heappop(self._held)
                _send(to, frame)

    def _carry(self, frame: bytes, to: socket.socket) -> None:
        self.count.carried += 1
        if self._befalls():
            self.count.lost += 1
            return
        doubled = self._befalls()
        self.count.doubled += doubled
        for _ in range(1 + doubled):
            if self._befalls():
                self.count.held += 1
                heapq.heappush(self._held, (time.monotonic() + _HELD_S, self.count.held, to, frame))
            else:
                _send(to, frame)

    def _befalls(self) -> bool:
        return self._random.random() < self._share


def _opened(interface: str) -> socket.socket:
    """All frames that come in on an interface, each with the header that says which checksums are still to be made."""
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    end.setsockopt(_SOL_PACKET, _VNET_HEADER, 1)
    end.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
    end.bind((interface, _ETH_P_ALL))
    return end


def _send(to: socket.socket, frame: bytes) -> None:
    with suppress(OSError):  # a machine without power takes none
        to.send(frame)


def main(port: str, plug: str, share: str) -> None:
    """Be the cable until SIGTERM."""
    cable = Cable(port, plug, float(share))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        cable.run()
    finally:
        print(asdict(cable.count), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
