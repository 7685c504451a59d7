"""Machines that fail while their image is written: named state, power off, and a sentence for the operator."""

import os
import shutil
from pathlib import Path

import pytest

from bmprov.cli.api import path as api_path
from bmprov.power import PowerAction
from bmprov.settings import WorkerSettings
from tests.lab.lab import lab
from tests.lab.qemu import Firmware

IMAGE_MIB = 512
CALLED = "ramdisk call=/ramdisk/v1/inventory"
HURRIED = WorkerSettings(image_s=25.0, power_look_s=3.0)


@pytest.mark.timeout(300)
def test_a_power_cut_and_a_ramdisk_that_hangs(ramdisk: Path, tmp_path: Path) -> None:
    """CloudStack is told why; the machine is off, in the state error, and kept from the next instance."""
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.writelines(os.urandom(2**20) for _ in range(IMAGE_MIB))
    with lab(tmp_path / "lab", HURRIED) as running:
        shutil.copytree(ramdisk, running.ramdisk)
        running.add_image("random", image)
        for name in ("cut", "hangs"):
            running.machine(name, Firmware.BIOS, disks_mib=[IMAGE_MIB])
        created = {
            name: running.deploy(number, image="random", machine=name)
            for number, name in enumerate(running.machines, 1)
        }
        running.wait("cut", CALLED, 120)
        running.switch("cut", PowerAction.OFF)
        running.wait("hangs", CALLED, 120)
        running.freeze("hangs")
        told = {name: future.result(timeout=120).told for name, future in created.items()}
        assert "the machine lost its power while bmprov waited for the image to be written" in told["cut"]
        assert "the image was not written within 25 s" in told["hangs"]
        for name in running.machines:
            machine = running.api.get(api_path("machines", name))
            assert (machine["state"], machine["power"]["power"]) == ("error", "off")
            assert machine["maintenance"].startswith("quarantined: the ")
