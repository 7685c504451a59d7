"""GRUB for both firmwares, put onto a disk image without a loop device and without root.

BIOS: GRUB's boot sector and core image, whose two pointers to one another `grub-bios-setup` would set on a real disk
(GRUB manual, 4.4 and 22.4; grub-core/boot/i386/pc). UEFI: Debian's signed shim and GRUB on the removable path
(UEFI 2.10, 3.5.1.1), where any firmware finds them, Secure Boot on or off.
"""

import subprocess
from pathlib import Path
from typing import IO

from bmprov.errors import Fatal
from images.ramdisk.programs import Root

PACKAGES = ("grub-common", "grub-pc-bin", "grub-efi-amd64-signed", "shim-signed")
"""What these files come from, in Debian and Ubuntu."""

_MODULES = ("biosdisk", "part_gpt", "ext2", "normal", "configfile", "linux", "search_fs_uuid", "echo", "test")
_CD_MODULES = ("biosdisk", "iso9660", "normal", "configfile", "linux", "echo", "test", "sleep", "reboot")
_CODE_BYTES = 440  # of the boot sector; the disk's signature and the partition table follow
_CORE_POINTER = 0x5C  # boot.img: the first sector of the core image
_DRIVE_CHECK = 0x66  # boot.img: two bytes that are no operation on a hard disk, against BIOSes that name another drive
_REST_POINTER = 0x1F4  # the core image's first sector: where its second one is
_NO_OPERATION = b"\x90\x90"
_SECTOR_BYTES = 512
_DEADLINE_S = 60


def find_root(filesystem_uuid: str) -> str:
    """The configuration with which GRUB finds the file system that its real configuration is on."""
    return f"search.fs_uuid {filesystem_uuid} root\nset prefix=($root)/boot/grub\n"


def install_bios(
    root: Root, disk: IO[bytes], first_sector: int, sectors: int, filesystem_uuid: str, work: Path
) -> None:
    """Write GRUB's boot sector, and its core image into the BIOS boot partition.

    Raises:
        Fatal: the core image does not fit, or GRUB's own program failed.
    """
    core = bytearray(_core(root, filesystem_uuid, work))
    if len(core) > sectors * _SECTOR_BYTES:
        raise Fatal(f"GRUB's core image has {len(core)} bytes, too many for its partition", "report it")
    core[_REST_POINTER : _REST_POINTER + 8] = (first_sector + 1).to_bytes(8, "little")
    boot = bytearray((root.path / "usr/lib/grub/i386-pc/boot.img").read_bytes())
    boot[_CORE_POINTER : _CORE_POINTER + 8] = first_sector.to_bytes(8, "little")
    boot[_DRIVE_CHECK : _DRIVE_CHECK + 2] = _NO_OPERATION
    disk.seek(0)
    disk.write(boot[:_CODE_BYTES])
    disk.seek(first_sector * _SECTOR_BYTES)
    disk.write(core)


def make_cd_core(root: Root, out: Path) -> None:
    """Write what BIOS loads from a CD (El Torito, no emulation): GRUB's boot sector for CDs and its core image.

    It reads `/boot/grub/grub.cfg` of the CD that it was started from.
    """
    options = [f"--directory={root.path}/usr/lib/grub/i386-pc", f"--output={out}", "--prefix=/boot/grub"]
    root.run("grub-mkimage", "--format=i386-pc-eltorito", *options, *_CD_MODULES)


def efi_files(root: Root, filesystem_uuid: str) -> dict[str, bytes]:
    """The files of the EFI system partition, by path."""
    config = find_root(filesystem_uuid) + "configfile $prefix/grub.cfg\n"
    return {
        "EFI/BOOT/BOOTX64.EFI": (root.path / "usr/lib/shim/shimx64.efi.signed").read_bytes(),
        "EFI/BOOT/grubx64.efi": (root.path / "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed").read_bytes(),
        "EFI/debian/grub.cfg": config.encode(),  # Debian's signed GRUB looks in its distribution's folder
        "EFI/ubuntu/grub.cfg": config.encode(),
    }


def _core(root: Root, filesystem_uuid: str, work: Path) -> bytes:
    early, image = work / "early.cfg", work / "core.img"
    early.write_text(find_root(filesystem_uuid))
    options = ["--format=i386-pc", f"--directory={root.path}/usr/lib/grub/i386-pc", f"--output={image}"]
    options += [f"--config={early}", "--prefix=/boot/grub"]
    command = root.command(root.find("grub-mkimage"), *options, *_MODULES)
    done = subprocess.run(command, capture_output=True, text=True, timeout=_DEADLINE_S, check=False)
    if done.returncode:
        raise Fatal(f"grub-mkimage failed ({done.stderr.strip()[-300:]})", "build on Debian 12")
    return image.read_bytes()
