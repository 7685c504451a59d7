"""The far end of a trunk: frames with VLAN tags (IEEE 802.1Q) on its socket, and an interface for each of its VLANs.

Called as `trunk.py SOCKET PEER VLAN...` in a network namespace, where it makes taps `vlan1577`; what comes from there
leaves with its tag. SOCKET and PEER are Unix datagram sockets, one frame a datagram, as QEMU's `dgram` has them. At its
end it prints how many frames it dropped because they had no tag, or that of another VLAN. Standard library only; this
host's kernel may have no VLAN interfaces.
"""

import fcntl
import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress

_TUNSETIFF, _TAP_WITHOUT_HEADER = 0x400454CA, 0x1002  # linux/if_tun.h
_LARGEST_BYTES = 65_536
_MACS, _TAG = 12, 4
_NEIGHBOUR = bytes.fromhex("0180c200000e")  # LLDP's: meant for this end itself, without a tag
_ETHERTYPE = b"\x81\x00"
_VLAN_BITS = 0x0FFF


class Trunk:
    """A trunk whose other end is at the socket `peer`."""

    def __init__(self, own: str, peer: str, vlans: Iterable[int]) -> None:
        self.strays = 0
        self._peer = peer
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(own)
        self._taps = {vlan: _tap(f"vlan{vlan}") for vlan in vlans}

    def run(self) -> None:
        """Carry until the process ends."""
        ways = {tap: vlan for vlan, tap in self._taps.items()}
        poll = select.poll()
        for descriptor in (self._socket.fileno(), *ways):
            poll.register(descriptor, select.POLLIN)
        while True:
            for descriptor, event in poll.poll():
                if descriptor not in ways:
                    self._deliver(self._socket.recv(_LARGEST_BYTES))
                elif event & select.POLLIN:
                    self._send(ways[descriptor], os.read(descriptor, _LARGEST_BYTES))
                else:
                    poll.unregister(descriptor)  # its namespace is gone

    def _deliver(self, frame: bytes) -> None:
        if frame.startswith(_NEIGHBOUR):
            return
        vlan = int.from_bytes(frame[_MACS + 2 : _MACS + _TAG], "big") & _VLAN_BITS
        if frame[_MACS : _MACS + 2] != _ETHERTYPE or vlan not in self._taps:
            self.strays += 1
            return
        with suppress(OSError):  # an interface that is down takes none
            os.write(self._taps[vlan], frame[:_MACS] + frame[_MACS + _TAG :])

    def _send(self, vlan: int, frame: bytes) -> None:
        with suppress(OSError):  # a switch without power takes none
            self._socket.sendto(frame[:_MACS] + _ETHERTYPE + vlan.to_bytes(2, "big") + frame[_MACS:], self._peer)


def _tap(name: str) -> int:
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _TAP_WITHOUT_HEADER))
    return tap


def main(own: str, peer: str, *vlans: str) -> None:
    """Be the trunk's end until SIGTERM."""
    trunk = Trunk(own, peer, map(int, vlans))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    print("ready", flush=True)
    try:
        trunk.run()
    finally:
        print({"strays": trunk.strays}, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
