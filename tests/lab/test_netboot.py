"""Real firmware boots over the network, ordered by CloudStack's call, switched on through IPMI."""

from pathlib import Path

import pytest

from tests.lab import ramdisk
from tests.lab.lab import lab
from tests.lab.qemu import Firmware
from tests.lab.timeline import printed, seconds_to

UNHINDERED_S = 4  # 13 s when nobody answers its router solicitation
CALLED = "ramdisk call=/ramdisk/v1/inventory"


@pytest.mark.parametrize("firmware", [Firmware.BIOS, Firmware.UEFI_IPXE, Firmware.UEFI])
def test_a_machine_network_boots_into_the_ramdisk(tmp_path: Path, firmware: Firmware) -> None:
    """DHCP, loader, script, kernel and ramdisk are ours; the ramdisk's first call is accepted."""
    with lab(tmp_path / "lab") as running:
        ramdisk.build(running.ramdisk)
        running.machine("m1", firmware)
        running.deploy()
        seconds = running.wait("m1", CALLED, 90)
        print(f"{firmware}: the ramdisk called after {seconds:.1f} s")
        events = running.events("m1")
        print(printed(events))
    assert seconds_to(events, "iPXE script") - seconds_to(events, "client=ipxe answer=ACK") < UNHINDERED_S
