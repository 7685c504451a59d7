"""What the firmware of a machine is told that is to boot its disk.

BIOS has a word for it, item 0 of a PXE boot menu (PXE 2.1, 2.2.2, tags 9 and 10). A UEFI that is told so goes on to its
next network entry (OVMF has four) and waits for each; so it gets a loader that starts the disk's and never comes back:
GRUB, with grub.cfg beside this package's other files. It comes through shim, which does no harm without Secure Boot: so
that a machine of which nobody said that it has it boots too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pxe.dhcp.client import HTTP_CLIENTS, Client, client_of, firmware_of
from pxe.dhcp.packet import Option, Packet
from pxe.dhcp.secure_boot import GRUBS, PACKAGES, SHIMS

DISK_LOADERS: Mapping[Client, tuple[str, ...]] = {client: (shim, GRUBS[shim]) for client, shim in SHIMS.items()}
"""The loaders that boot the disk, by the names that TFTP knows them by; the first that is there is taken."""

USE_BOOT_FILE = bytes([6, 1, 8, 255])
"""Option 43: use this answer's boot file and discover nothing (PXE 2.1, tag 6). EDK2 drops an answer without it."""

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
    firmware = firmware_of(asked)
    options: dict[int, bytes] = {Option.VENDOR_CLASS: b"PXEClient", Option.TFTP_SERVER: server}
    if firmware is Client.BIOS:
        return Boot(options=options | {Option.VENDOR_OPTIONS: _MENU})
    named = DISK_LOADERS.get(firmware, ())
    if client is Client.IPXE:
        named = named[1:]  # where an unsigned iPXE runs, shim checks nothing; and it asks iPXE for GRUB in vain
    loader = next((name for name in named if name in loaders), "")
    if not loader:
        remedy = f": it needs Debian's {PACKAGES[firmware]}" if firmware in PACKAGES else ""
        return f"there is no loader for its disk ({firmware}){remedy}"
    return Boot(loader.encode(), options | {Option.BOOT_FILE: loader.encode(), Option.VENDOR_OPTIONS: USE_BOOT_FILE})
