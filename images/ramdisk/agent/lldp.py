"""What switches say of themselves on each link (LLDP, IEEE 802.1AB): which switch, which port."""

import socket
import struct
import threading

LLDP_ETHERTYPE = 0x88CC
LLDP_NAMES = {1: ("chassis", 4), 2: ("port", 3)}  # by type: its name, and the kind of identifier that is a MAC
LLDP_TEXTS = {4: "description", 5: "system"}  # of the port; of the switch
LLDP_END = 0
LLDP_GROUP = bytes.fromhex("0180c200000e")
LONGEST_NAME = 200  # docs/ramdisk-api.md
LOOK_S = 1.0  # drivers of NICs may still be loading
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_MULTICAST = 263, 1, 0  # linux/if_packet.h


class Neighbours(threading.Thread):
    """Hears what switches say of themselves (LLDP, IEEE 802.1AB), each half minute on each link."""

    def __init__(self) -> None:
        super().__init__(name="lldp", daemon=True)
        self.found: dict[str, dict[str, str]] = {}

    def run(self) -> None:
        """Listen until the machine restarts."""
        joined: set[int] = set()
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(LLDP_ETHERTYPE)) as heard:
            heard.settimeout(LOOK_S)
            while True:
                new = {index for index, _ in socket.if_nameindex()} - joined
                for index in new:
                    membership = struct.pack("iHH8s", index, PACKET_MR_MULTICAST, len(LLDP_GROUP), LLDP_GROUP)
                    heard.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership)
                joined |= new
                try:
                    frame, sender = heard.recvfrom(2048)
                except TimeoutError:
                    continue
                if told := read_lldp(frame):
                    self.found[sender[0]] = told


def read_lldp(frame: bytes) -> dict[str, str]:
    """System name, chassis, port and its description of an LLDP frame's payload; what is not there is left out."""
    told, at = {}, 0
    while at + 2 <= len(frame):
        head = int.from_bytes(frame[at : at + 2], "big")
        kind, value = head >> 9, frame[at + 2 : at + 2 + (head & 0x1FF)]
        at += 2 + (head & 0x1FF)
        if kind in LLDP_NAMES and len(value) > 1:  # the first byte says what kind of identifier follows
            name, mac_kind = LLDP_NAMES[kind]
            mac = value[0] == mac_kind
            told[name] = (value[1:].hex(":") if mac else value[1:].decode(errors="replace"))[:LONGEST_NAME]
        elif kind in LLDP_TEXTS:
            told[LLDP_TEXTS[kind]] = value.decode(errors="replace")[:LONGEST_NAME]
        elif kind == LLDP_END:
            break
    return told
