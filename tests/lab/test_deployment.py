"""The whole way: CloudStack's calls, real firmware, the deploy ramdisk, a system on the disk that phones home."""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import debian
from tests.lab.lab import lab
from tests.lab.qemu import Firmware
from tests.lab.story import deployed, lives, phones_home
from tests.lab.timeline import printed

DISK_MIB = 256
BOOT_S = 120
FIRMWARES = (Firmware.BIOS, Firmware.UEFI)
LABEL = "bmprov".encode("utf-16-le")  # of the boot entry, in the firmware's variables


@pytest.mark.timeout(400)
def test_cloudstack_deploys_and_runs_instances(ramdisk: Path, tiny_image: Path, tmp_path: Path) -> None:
    """BIOS and UEFI at once: deployed, named, addressed, rebooted, stopped, started; then both become another's."""
    with lab(tmp_path / "lab") as running, ThreadPoolExecutor(2) as pool:
        shutil.copytree(ramdisk, running.ramdisk)
        running.add_image("tiny", tiny_image)
        running.add_image("packed", packed(tiny_image, tmp_path))
        for firmware in FIRMWARES:
            running.machine(firmware.value, firmware, disks_mib=[DISK_MIB])
        first = [running.instance(1, "tiny", "bios"), running.instance(2, "packed", "uefi")]
        with deployed(running, first) as home:
            list(pool.map(lives, [home] * 2, first, FIRMWARES, [BOOT_S] * 2))
        second = [running.instance(3, "packed", "bios"), running.instance(4, "tiny", "uefi")]
        with deployed(running, second) as home:
            list(pool.map(phones_home, [home] * 2, second, FIRMWARES, [BOOT_S] * 2))
        for machine in running.machines:
            print(machine, printed(running.events(machine)), sep="\n")
        assert LABEL in (running.machines["uefi"].folder / "firmware.vars").read_bytes()


def packed(image: Path, folder: Path) -> Path:
    """The same image, compressed."""
    target = folder / "tiny.raw.zst"
    subprocess.run([debian.program("zstd", "zstd"), "-q", str(image), "-o", str(target)], check=True)
    return target
