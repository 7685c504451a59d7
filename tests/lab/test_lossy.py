"""Real firmware boots over a cable that loses, doubles and reorders frames."""

import ast
import shutil
from pathlib import Path

import pytest

from tests.lab.lab import lab
from tests.lab.qemu import Firmware
from tests.lab.timeline import printed

SHARE = 0.05
CALLED = "ramdisk call=/ramdisk/v1/inventory"


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_machine_boots_over_a_bad_cable(ramdisk: Path, tmp_path: Path) -> None:
    """One frame in twenty is lost, one doubled, one late: OVMF's own client, by TFTP, and iPXE get there anyway."""
    with lab(tmp_path / "lab") as running:
        shutil.copytree(ramdisk, running.ramdisk)
        running.machine("m1", Firmware.UEFI, lossy=SHARE)
        running.deploy()
        seconds = running.wait("m1", CALLED, 240)
        print(f"the ramdisk called after {seconds:.1f} s")
        print(printed(running.events("m1")))
    count = ast.literal_eval((running.folder.logs / "cable-1.log").read_text())
    print(count)
    assert min(count["lost"], count["doubled"], count["held"]) > 0.8 * SHARE * count["carried"] > 0
