"""UEFI HTTP boot with real firmware: no TFTP at all."""

import shutil
from pathlib import Path

import pytest

from tests.lab.lab import lab
from tests.lab.qemu import Firmware
from tests.lab.timeline import printed, seconds_to

CALLED = "ramdisk call=/ramdisk/v1/inventory"


@pytest.mark.long
@pytest.mark.timeout(240)
def test_uefi_http_boot_boots_the_ramdisk(ramdisk: Path, tmp_path: Path) -> None:
    """OVMF's own client takes our answer for one to HTTPClient, and iPXE by HTTP; TFTP is not even running."""
    with lab(tmp_path / "lab") as running:
        running.stop("pxe-tftp")
        shutil.copytree(ramdisk, running.ramdisk)
        running.machine("m1", Firmware.UEFI_HTTP)
        running.deploy()
        seconds = running.wait("m1", CALLED, 200)
        print(f"by UEFI HTTP boot the ramdisk called after {seconds:.1f} s")
        events = running.events("m1")
        print(printed(events))
    assert seconds_to(events, "client=uefi-http-x64 answer=ACK") < seconds_to(events, "iPXE script")
