"""The answer to IPv6's router solicitation that lets iPXE go on, RFC 4861, 4.1 and 4.2.

iPXE configures IPv4 and IPv6 at the same time and waits for both. On a network without an IPv6 router it asks for one
for 13 s, in each boot, with the IPv4 address in its hands. The answer says that there is no router here (lifetime 0),
no address and nothing to ask DHCPv6 for, so whoever reads it changes nothing of its own.

It goes to the one host that asked, and only if that has a MAC that is served: everybody else's IPv6 is left alone. What
cannot be read is ignored.
"""

import struct
from dataclasses import dataclass

SOLICITATION, ADVERTISEMENT = 133, 134
_SOLICITATION = struct.Struct("!BBH4x")
_ADVERTISEMENT = struct.Struct("!BBHBBHII")
_SOURCE_LINK_LAYER, _UNIT_BYTES = 1, 8
_MAC = slice(2, 8)


@dataclass(frozen=True)
class Solicitation:
    """Somebody asks for routers. `mac` is what it says of itself; empty when it does not."""

    mac: str = ""


def parse(data: bytes) -> Solicitation | None:
    """The solicitation in an ICMPv6 message; None when it is none."""
    if len(data) < _SOLICITATION.size or _SOLICITATION.unpack_from(data)[:2] != (SOLICITATION, 0):
        return None
    rest = data[_SOLICITATION.size :]
    while rest:
        if len(rest) < _UNIT_BYTES or not 0 < rest[1] * _UNIT_BYTES <= len(rest):
            return None  # RFC 4861, 6.1.1: all options have a length that is greater than zero
        if rest[:2] == bytes([_SOURCE_LINK_LAYER, 1]):
            return Solicitation(rest[_MAC].hex(":"))
        rest = rest[rest[1] * _UNIT_BYTES :]
    return Solicitation()


def no_router() -> bytes:
    """The advertisement of a host that is no router; the kernel fills in its checksum (RFC 3542, 3.1)."""
    return _ADVERTISEMENT.pack(ADVERTISEMENT, 0, 0, 0, 0, 0, 0, 0)
