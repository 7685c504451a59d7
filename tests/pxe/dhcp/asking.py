"""Machines that ask a running DHCP server over UDP on loopback, through a relay."""

import socket
from dataclasses import replace
from ipaddress import IPv4Address

from pxe.dhcp.packet import MessageType, Option, Packet, parse, serialise


class Relay:
    """A rack's relay: it fills in giaddr, counts hops, and tells that it does not ask from port 67.

    `says` are further sub-options of option 82.
    """

    def __init__(self, port: int, address: str = "127.0.0.2", says: bytes = b"") -> None:
        self.option = b"\1\2ab\x13\2\0\0" + says
        self.server = ("127.0.0.1", port)
        self.giaddr = IPv4Address(address)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.socket.settimeout(10)

    def pass_on(self, packet: Packet) -> None:
        options = {**packet.options, Option.RELAY_AGENT: self.option}
        relayed = replace(packet, hops=packet.hops + 1, giaddr=self.giaddr, options=options)
        self.socket.sendto(serialise(relayed), self.server)

    def hear(self) -> Packet:
        return parse(self.socket.recv(4096))

    def ask(self, packet: Packet) -> Packet:
        self.pass_on(packet)
        return self.hear()

    def only_the_next_is_answered(self) -> None:
        """Requests are served in their order: an answer to the one before would come first."""
        assert self.ask(asked(MessageType.DISCOVER, 0x42)).mac == "52:54:00:00:00:42"


def asked(kind: MessageType, number: int = 1, more: dict[int, bytes] | None = None) -> Packet:
    options = {Option.CLIENT_ARCH: b"\0\7", Option.MESSAGE_TYPE: bytes([kind]), **(more or {})}
    return Packet(1, 7, f"52:54:00:00:00:{number:02x}", options)
