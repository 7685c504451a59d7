"""The whole way: CloudStack's calls, real firmware, the deploy ramdisk, a system on the disk that phones home."""

import base64
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import debian
from tests.lab.instance import Instance
from tests.lab.lab import Lab, lab
from tests.lab.qemu import Firmware
from tests.lab.router import ADDRESS, PHONE_HOME_PORT, Home, router
from tests.lab.timeline import printed

PHONE_HOME = f"""#!/bin/sh
mode=bios
[ -d /sys/firmware/efi ] && mode=uefi
wget -q -O /dev/null "http://{ADDRESS.ip}:{PHONE_HOME_PORT}/?host=$(hostname)&mode=$mode"
"""
DISK_MIB = 256
BOOT_S = 60


MODES = {Firmware.BIOS: "bios", Firmware.UEFI: "uefi"}


@pytest.mark.timeout(400)
def test_cloudstack_deploys_and_runs_instances(ramdisk: Path, tiny_image: Path, tmp_path: Path) -> None:
    """BIOS and UEFI at once: deployed, named, addressed, rebooted, stopped, started; then both become another's."""
    with lab(tmp_path / "lab") as running, ThreadPoolExecutor(2) as pool:
        shutil.copytree(ramdisk, running.ramdisk)
        running.add_image("tiny", tiny_image)
        running.add_image("packed", packed(tiny_image, tmp_path))
        for firmware in MODES:
            running.machine(firmware.value, firmware, disk_mib=DISK_MIB)
        first = [instance(running, 1, "tiny", Firmware.BIOS), instance(running, 2, "packed", Firmware.UEFI)]
        with deployed(running, pool, first) as home:
            list(pool.map(lives, [home] * 2, first, MODES.values()))
        second = [instance(running, 3, "packed", Firmware.BIOS), instance(running, 4, "tiny", Firmware.UEFI)]
        with deployed(running, pool, second) as home:
            assert {one.address for one in second} == {home.wait(one.name, BOOT_S)["address"] for one in second}
        for firmware in MODES:
            print(firmware, printed(running.events(firmware.value)), sep="\n")


def instance(running: Lab, number: int, image: str, on: Firmware) -> Instance:
    data = base64.b64encode(PHONE_HOME.encode()).decode()
    return running.instance(number, image, on.value, user_data=data)


@contextmanager
def deployed(running: Lab, pool: ThreadPoolExecutor, instances: list[Instance]) -> Iterator[Home]:
    """The tenants' network with these instances on it; they are given back afterwards."""
    for created in pool.map(Instance.create, instances):
        assert created.succeeded, created.told
    with router(running.net, running.folder.root, {one.mac: one.address for one in instances}) as home:
        yield home
        list(pool.map(lambda one: one.do("delete"), instances))


def lives(home: Home, one: Instance, mode: str) -> None:
    """What CloudStack's operator does to an instance, and what comes of it."""
    expected = {"host": one.name, "mode": mode, "address": one.address}
    assert home.wait(one.name, BOOT_S) == expected
    assert one.power == "poweron"
    one.do("reboot")
    assert home.wait(one.name, BOOT_S) == expected
    one.do("stop")
    assert one.power == "poweroff"
    one.do("start")
    assert home.wait(one.name, BOOT_S) == expected
    assert one.power == "poweron"


def packed(image: Path, folder: Path) -> Path:
    """The same image, compressed."""
    target = folder / "tiny.raw.zst"
    subprocess.run([debian.program("zstd", "zstd"), "-q", str(image), "-o", str(target)], check=True)
    return target
