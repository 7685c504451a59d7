"""Making the ramdisk's CD: ISO 9660 that BIOS and UEFI boot (El Torito 1.0; UEFI 2.10, 13.3.2.1), with xorriso.

BIOS starts GRUB's core image. UEFI starts Debian's signed shim and GRUB from an EFI system partition in the image, so
that Secure Boot may be on. Both then read the same `grub.cfg`.
"""

import secrets
from datetime import UTC, datetime
from pathlib import Path

from images.ramdisk import medium
from images.ramdisk.programs import Root
from images.system import esp, grub

PACKAGES = (*grub.PACKAGES, *esp.PACKAGES, "xorriso")
"""The programs that make it, and GRUB."""

_ESP_BYTES = 8 * 2**20
_LATEST = 2**31
_CONFIG = f"""set timeout=0
source /{medium.ARGUMENTS}
if [ -n "$arguments" ]; then
    echo "bmprov: the ramdisk is read from the CD"
    linux /vmlinuz $arguments
    initrd /initrd
    boot
    echo "bmprov: the ramdisk could not be booted from the CD"
else
    echo "bmprov: nothing is to be done with this CD; bmprov pxe http has those that boot"
fi
sleep 30
reboot
"""


def make(root: Root, kernel: Path, initrd: Path, work: Path, out: Path) -> None:
    """Make the CD of a kernel and an initramfs. `work` is a folder for what is in between.

    Raises:
        Fatal: a program failed.
    """
    # GRUB knows the file system by its date: a random one, for what a machine's disk has must not be taken for the CD
    made = datetime.fromtimestamp(secrets.randbelow(_LATEST), UTC)
    hundredths = secrets.randbelow(100)
    loaders = grub.efi_files(root, f"{made:%Y-%m-%d-%H-%M-%S}-{hundredths:02}")
    esp.make(root, work / "efi.img", _ESP_BYTES, loaders)
    grub.make_cd_core(root, work / "bios.img")
    (work / "grub.cfg").write_text(_CONFIG)
    (work / medium.ARGUMENTS).write_bytes(medium.arguments_file(""))
    files = {
        "vmlinuz": kernel,
        "initrd": initrd,
        medium.ARGUMENTS: work / medium.ARGUMENTS,
        "boot/grub/grub.cfg": work / "grub.cfg",
        "boot/bios.img": work / "bios.img",
        "boot/efi.img": work / "efi.img",
    }
    for name in (name for name in loaders if name.endswith("grub.cfg")):
        # GRUB takes the CD itself, and not the partition in it, for where it was started from
        files[name] = work / "efi-grub.cfg"
        files[name].write_bytes(loaders[name])
    root.run(
        "xorriso",
        *("-as", "mkisofs", "-quiet", "-output", str(out), "-volid", "BMPROV"),
        f"--modification-date={made:%Y%m%d%H%M%S}{hundredths:02}",
        *("-eltorito-boot", "boot/bios.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"),
        *("-eltorito-alt-boot", "-e", "boot/efi.img", "-no-emul-boot"),
        *("-graft-points", *(f"{name}={path}" for name, path in files.items())),
    )
