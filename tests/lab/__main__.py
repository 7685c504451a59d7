"""`make lab`: machines with real firmware, deployed by CloudStack's calls with a real Debian, and logged in to.

A machine with BIOS, one with UEFI, one with Secure Boot, and one like a server: two NVMe disks and two Intel NICs.
Each is deployed, phones home, is logged in to, rebooted, stopped, started, given back, and deployed again with another
image. Then two tenants have VLANs of a switch (`tenancy.py`). All that was said stays in folders: the services' logs,
the consoles, the packets, the timelines.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.instance import Instance
from tests.lab.lab import Lab, lab
from tests.lab.qemu import Firmware
from tests.lab.router import Home
from tests.lab.story import deployed, phones_home
from tests.lab.switch import switched
from tests.lab.tenancy import Tenancy
from tests.lab.tenant import Tenant
from tests.lab.timeline import printed
from tests.sim_switch import bridge_machine

_BMPROV = (sys.executable, "-m", "bmprov")
_BOOT_S = 400  # a whole Debian, emulated, beside another one
_DISK_MIB = 3072
TENANTS = "tenants"


@dataclass(frozen=True)
class Kind:
    """A machine of the lab, and what its instance asks for."""

    name: str
    firmware: Firmware
    disks_mib: tuple[int, ...] = (_DISK_MIB,)
    nics: int = 1
    root_disk: str = ""
    is_server: bool = False
    other: str = "tiny"


PAIRS = (
    (Kind("bios", Firmware.BIOS), Kind("uefi", Firmware.UEFI)),
    (
        Kind("secure-boot", Firmware.SECURE_BOOT),
        Kind(
            name="server",
            firmware=Firmware.UEFI_IPXE,
            disks_mib=(_DISK_MIB, _DISK_MIB + 1024),
            nics=2,
            root_disk="serial=disk2",
            is_server=True,
            other="debian-12",  # the tiny system's kernel has no driver for an Intel NIC
        ),
    ),
)


@dataclass(frozen=True)
class Story:
    """One run: its lab and its tenant."""

    lab: Lab
    tenant: Tenant

    def run(self, pairs: Sequence[Sequence[Kind]]) -> None:
        """Tell all of it, two machines at a time: more would only share the same processors."""
        for number, pair in enumerate(pairs):
            for kind in pair:
                self.lab.machine(
                    kind.name, kind.firmware, nics=kind.nics, disks_mib=kind.disks_mib, is_server=kind.is_server
                )
            with ThreadPoolExecutor(len(pair)) as pool:
                first = [self._instance(10 * number + place, "debian-12", kind) for place, kind in enumerate(pair)]
                with deployed(self.lab, first) as home:
                    list(pool.map(self._lives, [home] * len(pair), first, pair))
                second = [self._instance(10 * number + place + 5, kind.other, kind) for place, kind in enumerate(pair)]
                with deployed(self.lab, second) as home:
                    list(pool.map(self._is_another, [home] * len(pair), second, pair))
            for kind in pair:
                print(f"\n{kind.name}\n{printed(self.lab.events(kind.name))}\n")

    def _instance(self, number: int, image: str, kind: Kind) -> Instance:
        key = self.tenant.public_key
        asking = {"root_disk": kind.root_disk}
        return self.lab.instance(
            number + 1, image, kind.name, nics=kind.nics, asking=asking, ssh_key=key, memory_mib=512
        )

    def _lives(self, home: Home, one: Instance, kind: Kind) -> None:
        with took(f"{kind.name}: boots Debian and phones home"):
            phones_home(home, one, kind.firmware, _BOOT_S)
        with took(f"{kind.name}: lets its tenant in"):
            seen = self._logs_in(home, one, kind)
        for actions in (["reboot"], ["stop", "start"]):
            for action in actions:
                with took(f"{kind.name}: {action}"):
                    one.do(action)
                assert one.power == ("poweroff" if action == "stop" else "poweron")
            with took(f"{kind.name}: lets its tenant in again"):
                seen = self._logs_in(home, one, kind, seen["boot"])

    def _logs_in(self, home: Home, one: Instance, kind: Kind, after_boot: str = "") -> dict[str, Any]:
        """What the tenant sees is what CloudStack was asked for."""
        seen = self.tenant.logs_in(home, one.address, _BOOT_S, after_boot)
        assert seen["host"] == one.name
        assert seen["efi"] == (kind.firmware is not Firmware.BIOS)
        assert seen["addresses"] == {mac: [address] for mac, address in one.addresses.items()}
        disk = kind.root_disk.partition("=")[2] or "disk1"
        assert [serial for serial, mounts in seen["disks"].items() if "/" in mounts] == [disk]
        assert seen["root_bytes"] > 0.9 * (max(kind.disks_mib) - 100) * 2**20, "its file system has not grown"
        return seen

    def _is_another(self, home: Home, one: Instance, kind: Kind) -> None:
        with took(f"{kind.name}: boots another image and phones home"):
            phones_home(home, one, kind.firmware, _BOOT_S)


@contextmanager
def took(what: str) -> Iterator[None]:
    """Say what was done and how long it took."""
    began = time.monotonic()
    yield
    print(f"{time.monotonic() - began:7.1f} s  {what}", flush=True)


def built(path: Path, *command: str) -> Path:
    """What `bmprov image` builds."""
    with took(f"bmprov image {' '.join(command)}"):
        subprocess.run([*_BMPROV, "image", *command, str(path)], check=True, stdout=subprocess.DEVNULL)
    return path


def main() -> None:
    """Build what is missing, run the story, say where everything is."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the machines and services are ended
    parser = argparse.ArgumentParser(prog="make lab", description="Deploy machines with real firmware, in QEMU.")
    parser.add_argument("--data", type=Path, default=Path("lab-data"), help="images and the last run's logs")
    parser.add_argument("only", nargs="*", help=f"some of the machines, by name, or `{TENANTS}`")
    asked = parser.parse_args()
    pairs = [[kind for kind in pair if not asked.only or kind.name in asked.only] for pair in PAIRS]
    data = asked.data.absolute()
    data.mkdir(exist_ok=True)
    ramdisk = built(data / "ramdisk", "build-ramdisk", "--flavour", "server", "--into")
    images = {"debian-12": data / "debian-12.raw", "tiny": built(data / "tiny.raw", "build", "tiny")}
    if not images["debian-12"].exists():  # it takes minutes, and an earlier run's will do
        built(images["debian-12"], "build", "debian-12")
    if any(pairs):
        with furnished(data / "run", ramdisk, images) as running:
            Story(running, Tenant.with_key(data / "run")).run([pair for pair in pairs if pair])
    if not asked.only or TENANTS in asked.only:
        shutil.rmtree(system := data / "switch", ignore_errors=True)
        with took("the switch's system"):
            bridge_machine.build(system)
        with furnished(data / "tenants", ramdisk, images) as running, switched(running, system, 2) as switch:
            Tenancy(running, switch, Tenant.with_key(data / "tenants"), took).run(_DISK_MIB)
    print(f"logs, consoles, packets and disks are in {data}")


@contextmanager
def furnished(place: Path, ramdisk: Path, images: Mapping[str, Path]) -> Iterator[Lab]:
    """A new lab with these images."""
    shutil.rmtree(place, ignore_errors=True)
    with lab(place) as running:
        shutil.copytree(ramdisk, running.ramdisk)
        for name, file in images.items():
            with took(f"bmprov image add {name}"):
                running.add_image(name, file)
        yield running


if __name__ == "__main__":
    main()
