"""Who is asking: which firmware, iPXE, or an operating system. Read from options 60, 77, 93 and 175."""

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


# IANA, "Processor Architecture Types" (RFC 5970); 7 and 9 are both x64, because RFC 4578 and EDK2 once disagreed.
_ARCHES = {
    0: Client.BIOS,
    7: Client.UEFI_X64,
    9: Client.UEFI_X64,
    11: Client.UEFI_ARM64,
    16: Client.UEFI_HTTP_X64,
    19: Client.UEFI_HTTP_ARM64,
}
HTTP_CLIENTS = frozenset({Client.UEFI_HTTP_X64, Client.UEFI_HTTP_ARM64})


def client_of(packet: Packet) -> Client:
    """What has sent this packet."""
    if Option.IPXE in packet.options or b"iPXE" in packet.options.get(Option.USER_CLASS, b""):
        return Client.IPXE  # the user class comes bare, and with a length before it (RFC 3004)
    return firmware_of(packet)


def firmware_of(packet: Packet) -> Client:
    """What has sent this packet, or started the iPXE that has."""
    arch = packet.options.get(Option.CLIENT_ARCH, b"")
    vendor = packet.options.get(Option.VENDOR_CLASS, b"")
    if len(arch) < 2:  # noqa: PLR2004 - the bytes of one architecture type
        return Client.BIOS if vendor.startswith(b"PXEClient:Arch:00000") else Client.SYSTEM
    return _ARCHES.get(int.from_bytes(arch[:2]), Client.OTHER_FIRMWARE)
