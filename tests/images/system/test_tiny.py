"""The tiny system, built from Debian's packages, on real firmware."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests import debian
from tests.images.ramdisk.guest import EMULATION

READY = b"tiny: ready"
BOOT_S = 150


def firmware(kind: str, folder: Path) -> list[str]:
    """QEMU's options for SeaBIOS, for OVMF, and for OVMF with Secure Boot and Microsoft's keys."""
    if kind == "BIOS":
        return []
    secure = kind == "Secure Boot"
    suffix = ".ms.fd" if secure else ".fd"
    variables = shutil.copy2(debian.file(f"/usr/share/OVMF/OVMF_VARS_4M{suffix}", "ovmf"), folder / "vars.fd")
    code = debian.file(f"/usr/share/OVMF/OVMF_CODE_4M{suffix}", "ovmf")
    machine = ["-machine", "q35,smm=on" if secure else "q35"]
    guarded = ["-global", "driver=cfi.pflash01,property=secure,value=on"] if secure else []
    flash = [
        "-drive",
        f"if=pflash,format=raw,readonly=on,file={code}",
        "-drive",
        f"if=pflash,format=raw,file={variables}",
    ]
    return [*machine, *guarded, *flash]


@pytest.mark.parametrize("kind", ["BIOS", "UEFI", "Secure Boot"])
def test_it_boots(tiny_image: Path, tmp_path: Path, kind: str) -> None:
    """SeaBIOS, OVMF and OVMF with Secure Boot each find its loader, and Linux gets to the end of its start."""
    command = [debian.program("qemu-system-x86_64", "qemu-system-x86"), *EMULATION[:-2], "-display", "none"]
    command += [*firmware(kind, tmp_path), "-serial", f"file:{tmp_path}/serial", "-no-reboot"]
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
