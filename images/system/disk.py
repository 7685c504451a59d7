"""A raw disk image put together from a folder: GPT, BIOS boot partition, EFI system partition, ext4 root.

Every file system is made as a file of its own and laid into its place, so no loop device and no root is needed.
"""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from images.ramdisk.programs import Root
from images.system import esp, grub

PACKAGES = (*grub.PACKAGES, *esp.PACKAGES, "fdisk", "e2fsprogs")
"""The programs that make a disk."""

_SECTOR_BYTES = 512
_MIB_SECTORS = 2**20 // _SECTOR_BYTES
_BIOS_FIRST, _BIOS_SECTORS = _MIB_SECTORS, _MIB_SECTORS
_ESP_FIRST, _ESP_SECTORS = 2 * _MIB_SECTORS, 32 * _MIB_SECTORS
_ROOT_FIRST = _ESP_FIRST + _ESP_SECTORS
_LAYOUT = """label: gpt
start={bios}, size={bios_sectors}, type=21686148-6449-6E6F-744E-656564454649, name=bios
start={esp}, size={esp_sectors}, type=U, name=efi
start={root}, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=root
"""
_PIECE_BYTES = 2**20


@dataclass(frozen=True)
class Making:
    """The making of one disk. `root` has the programs, `work` is a folder for what is in between."""

    root: Root
    work: Path

    def make(self, tree: Path, filesystem_uuid: str, size_mib: int, out: Path) -> None:
        """Make a disk of `size_mib` whose root file system holds what is below `tree`.

        Raises:
            Fatal: it does not fit, or a program failed.
        """
        efi = self._efi(filesystem_uuid)
        system = self._ext4(tree, filesystem_uuid, size_mib - _ROOT_FIRST // _MIB_SECTORS - 1)
        with out.open("wb") as disk:
            disk.truncate(size_mib * 2**20)
        layout = _LAYOUT.format(
            bios=_BIOS_FIRST, bios_sectors=_BIOS_SECTORS, esp=_ESP_FIRST, esp_sectors=_ESP_SECTORS, root=_ROOT_FIRST
        )
        self.root.run("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", str(out), told=layout.encode())
        with out.open("r+b") as disk:
            _lay(efi, disk, _ESP_FIRST)
            _lay(system, disk, _ROOT_FIRST)
            grub.install_bios(self.root, disk, _BIOS_FIRST, _BIOS_SECTORS, filesystem_uuid, self.work)

    def _efi(self, filesystem_uuid: str) -> Path:
        image = self.work / "efi.img"
        esp.make(self.root, image, _ESP_SECTORS * _SECTOR_BYTES, grub.efi_files(self.root, filesystem_uuid))
        return image

    def _ext4(self, tree: Path, filesystem_uuid: str, size_mib: int) -> Path:
        image = self.work / "root.img"
        # features that GRUB 2.06 cannot read are left out
        options = [
            "-q",
            "-F",
            "-t",
            "ext4",
            "-O",
            "^metadata_csum_seed,^orphan_file",
            "-U",
            filesystem_uuid,
            "-L",
            "root",
        ]
        settings = str(self.root.path / "etc/mke2fs.conf")
        self.root.run("mke2fs", *options, "-d", str(tree), str(image), f"{size_mib}m", MKE2FS_CONFIG=settings)
        return image


def new_uuid() -> str:
    """A file system's UUID."""
    return str(uuid.uuid4())


def _lay(image: Path, disk: IO[bytes], first_sector: int) -> None:
    """Copy a file system into its partition; what is zero stays a hole."""
    disk.seek(first_sector * _SECTOR_BYTES)
    with image.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            if piece.count(0) == len(piece):
                disk.seek(len(piece), 1)
            else:
                disk.write(piece)
    image.unlink()
