"""A machine that nothing is being done to, whose firmware tries the network first."""

from pathlib import Path

import pytest

from bmprov.power import PowerAction
from tests.lab import disk
from tests.lab.lab import lab
from tests.lab.qemu import Firmware
from tests.lab.timeline import printed


@pytest.mark.parametrize("firmware", [Firmware.BIOS, pytest.param(Firmware.SECURE_BOOT, marks=pytest.mark.long)])
def test_an_idle_machine_boots_its_disk_at_once(tmp_path: Path, firmware: Firmware) -> None:
    """It is told so by DHCP and does not wait for anything."""
    with lab(tmp_path / "lab") as running:
        machine = running.machine("m1", firmware, network_first=True)
        disk.make(machine.disk)
        running.switch("m1", PowerAction.ON)
        seconds = running.wait_console("m1", disk.SAYS, 100)
        print(f"{firmware}: the disk was booted after {seconds:.1f} s")
        print(printed(running.events("m1")))
