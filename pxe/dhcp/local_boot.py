"""What the firmware of a machine is told that is to boot its disk.

BIOS has a word for it, item 0 of a PXE boot menu (PXE 2.1, 2.2.2, tags 9 and 10). A UEFI that is told so goes on to its
next network entry (OVMF has four) and waits for each; so it gets a loader that starts the disk's and never comes back:
GRUB, with grub.cfg beside this package's other files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pxe.dhcp.client import HTTP_CLIENTS, Client, client_of
from pxe.dhcp.packet import Option, Packet

DISK_LOADERS: Mapping[int, str] = {7: "grubnetx64.efi.signed", 9: "grubnetx64.efi.signed", 11: "grubnetaa64.efi.signed"}
"""The loader that boots the disk, by architecture (option 93), by the name that TFTP knows it by."""

USE_BOOT_FILE = bytes([6, 1, 8, 255])
"""Option 43: use this answer's boot file and discover nothing (PXE 2.1, tag 6). EDK2 drops an answer without it."""

_BIOS = 0
_DISCOVER_NOTHING = bytes([6, 1, 3])  # neither by broadcast nor by multicast; the menu is to be used
_WORDS = b"disk"
_LOCAL = bytes([9, 3 + len(_WORDS), 0, 0, len(_WORDS)]) + _WORDS
_AT_ONCE = bytes([10, 1 + len(_WORDS), 0]) + _WORDS
_MENU = _DISCOVER_NOTHING + _LOCAL + _AT_ONCE + b"\xff"


@dataclass(frozen=True)
class Boot:
    """What a firmware is to load: a name or a URL, and the options that go with it."""

    file: bytes = b""
    options: Mapping[int, bytes] = field(default_factory=dict)


def disk_boot(asked: Packet, server: bytes, loaders: frozenset[str]) -> Boot | str:
    """What makes this firmware boot its disk; else why there is nothing.

    `server` is the TFTP server as text, `loaders` are the files that it has.
    """
    client = client_of(asked)
    if client is Client.SYSTEM or client in HTTP_CLIENTS:
        return f"a client of the kind {client} is not told to boot its disk"
    arch = int.from_bytes(asked.options.get(Option.CLIENT_ARCH, b"\0\0")[:2])
    options: dict[int, bytes] = {Option.VENDOR_CLASS: b"PXEClient", Option.TFTP_SERVER: server}
    if arch == _BIOS:
        return Boot(options=options | {Option.VENDOR_OPTIONS: _MENU})
    loader = DISK_LOADERS.get(arch, "")
    if loader not in loaders:
        return f"there is no loader for its disk (architecture {arch}): install Debian's grub-efi-amd64-signed"
    return Boot(loader.encode(), options | {Option.BOOT_FILE: loader.encode(), Option.VENDOR_OPTIONS: USE_BOOT_FILE})
