"""Real firmware boots over the network, ordered by CloudStack's call, switched on through IPMI."""

import shutil
from pathlib import Path

import pytest

from tests.lab.lab import lab
from tests.lab.qemu import Firmware
from tests.lab.timeline import printed, seconds_to

UNHINDERED_S = 4  # 13 s when nobody answers its router solicitation
CALLED = "ramdisk call=/ramdisk/v1/inventory"


@pytest.mark.timeout(240)
def test_ipxe_in_a_rom_boots_the_ramdisk_unhindered(ramdisk: Path, tmp_path: Path) -> None:
    """OVMF with iPXE in the NIC's ROM, which `test_deployment.py` has not; nothing is waited for on the way."""
    with lab(tmp_path / "lab") as running:
        shutil.copytree(ramdisk, running.ramdisk)
        running.machine("m1", Firmware.UEFI_IPXE)
        running.deploy()
        seconds = running.wait("m1", CALLED, 200)
        print(f"the ramdisk called after {seconds:.1f} s")
        events = running.events("m1")
        print(printed(events))
    assert seconds_to(events, "iPXE script") - seconds_to(events, "client=ipxe answer=ACK") < UNHINDERED_S
