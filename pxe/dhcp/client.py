"""Who is asking: which firmware, iPXE, or an operating system. Read from options 60, 77, 93 and 175.

RFC 4578 (option 93), and IANA's "Processor Architecture Types" (RFC 5970, 3.3), whose numbers DHCPv4 and v6 share.
"""

import re
from enum import StrEnum

from pxe.dhcp.packet import Option, Packet


class Client(StrEnum):
    """What has sent a request."""

    BIOS = "bios"
    UEFI_X64 = "uefi-x64"
    UEFI_ARM64 = "uefi-arm64"
    UEFI_HTTP_X64 = "uefi-http-x64"
    UEFI_HTTP_ARM64 = "uefi-http-arm64"
    IPXE = "ipxe"
    SYSTEM = "system"
    OTHER_FIRMWARE = "other-firmware"


_FIRMWARES = {
    0x00: Client.BIOS,
    0x07: Client.UEFI_X64,
    0x09: Client.UEFI_X64,  # EBC at IANA; RFC 4578 had 7 and 9 the other way round, and firmwares were built by it
    0x0B: Client.UEFI_ARM64,
    0x10: Client.UEFI_HTTP_X64,
    0x13: Client.UEFI_HTTP_ARM64,
}
_NAMES = {
    0x01: "NEC PC-98",
    0x02: "Itanium",
    0x03: "DEC Alpha",
    0x04: "Arc x86",
    0x05: "Intel Lean Client",
    0x06: "x86 UEFI, 32 bits",
    0x08: "EFI Xscale",
    0x0A: "ARM UEFI, 32 bits",
    0x0C: "PowerPC Open Firmware",
    0x0D: "PowerPC ePAPR",
    0x0E: "POWER OPAL v3",
    0x0F: "x86 UEFI HTTP boot, 32 bits",
    0x11: "EBC HTTP boot",
    0x12: "ARM UEFI HTTP boot, 32 bits",
    0x14: "PC BIOS HTTP boot",
    0x15: "ARM U-Boot, 32 bits",
    0x16: "ARM U-Boot, 64 bits",
    0x17: "ARM U-Boot HTTP boot, 32 bits",
    0x18: "ARM U-Boot HTTP boot, 64 bits",
    0x19: "RISC-V UEFI, 32 bits",
    0x1A: "RISC-V UEFI HTTP boot, 32 bits",
    0x1B: "RISC-V UEFI, 64 bits",
    0x1C: "RISC-V UEFI HTTP boot, 64 bits",
    0x1D: "RISC-V UEFI, 128 bits",
    0x1E: "RISC-V UEFI HTTP boot, 128 bits",
    0x1F: "s390 Basic",
    0x20: "s390 Extended",
    0x21: "MIPS UEFI, 32 bits",
    0x22: "MIPS UEFI, 64 bits",
    0x23: "Sunway UEFI, 32 bits",
    0x24: "Sunway UEFI, 64 bits",
    0x25: "LoongArch UEFI, 32 bits",
    0x26: "LoongArch UEFI HTTP boot, 32 bits",
    0x27: "LoongArch UEFI, 64 bits",
    0x28: "LoongArch UEFI HTTP boot, 64 bits",
    0x29: "Raspberry Pi's boot ROM",
}
_IN_VENDOR_CLASS = re.compile(rb"(?:PXE|HTTP)Client:Arch:([0-9]{5})")
_TYPE_BYTES = 2

HTTP_CLIENTS = frozenset({Client.UEFI_HTTP_X64, Client.UEFI_HTTP_ARM64})
ARM64 = frozenset({Client.UEFI_ARM64, Client.UEFI_HTTP_ARM64})


def client_of(packet: Packet) -> Client:
    """What has sent this packet."""
    if Option.IPXE in packet.options or b"iPXE" in packet.options.get(Option.USER_CLASS, b""):
        return Client.IPXE  # the user class comes bare, and with a length before it (RFC 3004)
    return firmware_of(packet)


def firmware_of(packet: Packet) -> Client:
    """What has sent this packet, or started the iPXE that has."""
    kinds = _architectures(packet)
    if not kinds:
        return Client.SYSTEM
    return next((_FIRMWARES[kind] for kind in kinds if kind in _FIRMWARES), Client.OTHER_FIRMWARE)


def architecture_of(packet: Packet) -> str:
    """The architecture that a firmware says that it has, for people."""
    return " or ".join(f"{kind} ({_NAMES.get(kind, 'not known')})" for kind in _architectures(packet))


def _architectures(packet: Packet) -> list[int]:
    """The types that a firmware names, the first first; a ROM that sends no option 93 says it in its vendor class."""
    told = packet.options.get(Option.CLIENT_ARCH, b"")
    kinds = [int.from_bytes(told[at : at + _TYPE_BYTES]) for at in range(0, len(told) - 1, _TYPE_BYTES)]
    if kinds:
        return kinds
    found = _IN_VENDOR_CLASS.match(packet.options.get(Option.VENDOR_CLASS, b""))
    return [int(found[1])] if found else []
