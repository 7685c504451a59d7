"""A disk that says so on the serial port when it is booted, from BIOS and from UEFI.

Its MBR has a few instructions; its one partition is an EFI system partition with Debian's shim as the loader that
firmware finds by itself (UEFI 2.10, 3.5.1.1), and GRUB beside it: as a Debian that was installed for Secure Boot.
"""

import struct
import subprocess
from pathlib import Path

from tests import debian

SAYS = "the disk was booted"
_MIB = 2**20
_SIZE_MIB, _START_MIB = 64, 1
_ESP = 0xEF
_LOADERS = {
    "BOOTX64.EFI": ("/usr/lib/shim/shimx64.efi.signed", "shim-signed"),
    "grubx64.efi": ("/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed", "grub-efi-amd64-signed"),
}
_SCRIPT = f"""serial --unit=0
terminal_output serial
echo "{SAYS}"
sleep 1000
"""
_CODE = bytes.fromhex(
    "31c0 8ed8"  # ds = 0
    "be157c"  # si = the text, behind this code
    "ac 84c0 7406"  # the next byte, until it is 0
    "baf803 ee ebf5"  # out to COM1, again
    "f4 ebfd"  # stop
)


def make(path: Path) -> None:
    """Write the disk."""
    with path.open("wb") as disk:
        disk.truncate(_SIZE_MIB * _MIB)
        disk.write(_boot_sector())
    partition = f"{path}@@{_START_MIB}M"
    sectors = (_SIZE_MIB - _START_MIB) * _MIB // 1024
    offset = str(_START_MIB * 2048)
    _run("mkfs.vfat", "dosfstools", "-F", "32", "--offset", offset, str(path), str(sectors))
    script = path.with_name("grub.cfg")
    script.write_text(_SCRIPT)
    _run("mmd", "mtools", "-i", partition, "::/EFI", "::/EFI/BOOT", "::/EFI/debian")
    for name, (loader, package) in _LOADERS.items():
        _run("mcopy", "mtools", "-i", partition, str(debian.file(loader, package)), f"::/EFI/BOOT/{name}")
    _run("mcopy", "mtools", "-i", partition, str(script), "::/EFI/debian/grub.cfg")


def _boot_sector() -> bytes:
    first, count = _START_MIB * 2048, (_SIZE_MIB - _START_MIB) * 2048
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", _ESP, b"\xfe\xff\xff", first, count)
    code = _CODE + SAYS.encode() + b"\r\n\0"
    return code.ljust(446, b"\0") + entry.ljust(64, b"\0") + b"\x55\xaa"


def _run(program: str, package: str, *arguments: str) -> None:
    subprocess.run([debian.program(program, package), *arguments], check=True, capture_output=True)
