"""A firmware that only runs what Microsoft has signed, booted through Debian's shim, GRUB and kernel."""

import shutil
from pathlib import Path

import pytest

from tests import debian
from tests.lab.lab import lab
from tests.lab.qemu import Firmware
from tests.lab.timeline import printed

CALLED = "ramdisk call=/ramdisk/v1/inventory"
SECURE = "UEFI Secure Boot is enabled"  # Linux's EFI stub, on the firmware's console
LOADERS = {
    "/usr/lib/shim/shimx64.efi.signed": "shim-signed",
    "/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed": "grub-efi-amd64-signed",
}


@pytest.mark.timeout(420)
def test_secure_boot_boots_the_ramdisk(ramdisk: Path, tmp_path: Path) -> None:
    """The ramdisk's first call is accepted, with the token that GRUB read from DHCP, and Secure Boot is on."""
    for file, package in LOADERS.items():
        debian.file(file, package)
    with lab(tmp_path / "lab") as running:
        shutil.copytree(ramdisk, running.ramdisk)
        running.machine("m1", Firmware.SECURE_BOOT)
        running.deploy()
        seconds = running.wait("m1", CALLED, 240)  # 30 s, and far more beside other tests
        print(f"with Secure Boot the ramdisk called after {seconds:.1f} s")
        print(printed(running.events("m1")))
        assert SECURE in running.machines["m1"].serial.read_text(errors="replace")
