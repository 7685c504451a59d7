"""The tiny system, built from Debian's packages, on real firmware."""

import shutil
import subprocess
import time
from pathlib import Path

from tests import debian
from tests.images.ramdisk.guest import EMULATION

READY = b"tiny: ready"
BOOT_S = 150


def secure_boot(folder: Path) -> list[str]:
    """QEMU's options for OVMF with Secure Boot and Microsoft's keys."""
    variables = shutil.copy2(debian.file("/usr/share/OVMF/OVMF_VARS_4M.ms.fd", "ovmf"), folder / "vars.fd")
    code = debian.file("/usr/share/OVMF/OVMF_CODE_4M.ms.fd", "ovmf")
    flash = "if=pflash,format=raw"
    guarded = ["-machine", "q35,smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on"]
    return [*guarded, "-drive", f"{flash},readonly=on,file={code}", "-drive", f"{flash},file={variables}"]


def test_it_boots_with_secure_boot(tiny_image: Path, tmp_path: Path) -> None:
    """OVMF finds its signed loader, and Linux gets to the end of its start; tests/lab boots it with BIOS and UEFI."""
    command = [debian.program("qemu-system-x86_64", "qemu-system-x86"), *EMULATION[:-2], "-display", "none"]
    command += [*secure_boot(tmp_path), "-serial", f"file:{tmp_path}/serial", "-no-reboot"]
    command += ["-drive", f"file={tiny_image},format=raw,if=virtio,snapshot=on", "-nic", "none"]
    machine = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        end = time.monotonic() + BOOT_S
        while READY not in (told := serial(tmp_path)):
            assert machine.poll() is None
            assert time.monotonic() < end, told[-2000:]
            time.sleep(0.2)  # the machine boots
    finally:
        machine.kill()
        machine.wait()


def serial(folder: Path) -> bytes:
    path = folder / "serial"
    return path.read_bytes() if path.exists() else b""
