"""Real firmware boots the ramdisk from a CD that its BMC shows it, on a network without DHCP and TFTP."""

import shutil
from pathlib import Path

import pytest

from tests.lab.lab import lab
from tests.lab.qemu import Firmware
from tests.lab.timeline import printed

DISK_MIB = 256
CALLED = "ramdisk call=/ramdisk/v1/inventory"
DONE = "ramdisk call=/ramdisk/v1/done"
SECURE = "UEFI Secure Boot is enabled"  # Linux's EFI stub, on the firmware's console


@pytest.mark.timeout(300)
def test_machines_boot_the_ramdisk_from_a_virtual_cd(ramdisk: Path, tiny_image: Path, tmp_path: Path) -> None:
    """SeaBIOS is deployed to its end, and boots its disk; OVMF with Secure Boot gets as far as the first call."""
    with lab(tmp_path / "lab") as running:
        shutil.copytree(ramdisk, running.ramdisk)
        running.add_image("tiny", tiny_image)
        for part in ("dhcp", "tftp"):
            running.stop(f"pxe-{part}")
        for firmware in (Firmware.BIOS, Firmware.SECURE_BOOT):
            running.machine(firmware.value, firmware, virtual_cd=True, wired=False, disks_mib=[DISK_MIB])
        deployed = running.deploy(1, image="tiny", machine="bios")
        running.deploy(2, image="tiny", machine="secure-boot")
        result = deployed.result(timeout=150)
        assert result.succeeded, result.told
        assert running.wait("bios", "starts, disk first", 10) > running.wait("bios", DONE, 1)
        running.wait("secure-boot", CALLED, 150)
        assert SECURE in running.machines["secure-boot"].serial.read_text(errors="replace")
        for machine in running.machines:
            print(machine, printed(running.events(machine)), sep="\n")
