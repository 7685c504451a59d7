"""From power-on to a disk that is written: bmprov beside what an administrator puts together in an afternoon.

The peer is dnsmasq (DHCP, TFTP, router advertisements), a web server, and a ramdisk of busybox that runs
`wget -O - IMAGE | dd of=DISK`: the same kernel, the same drivers, the same QEMU machines, and nothing verified. They
take turns; a figure is the median. The peer's image is full of files; the second one is a system as
`bmprov image build debian-12` makes it, with the room on its disk that systems have, raw and compressed.
"""

import itertools
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import zstandard

from images.ramdisk.build import build
from images.ramdisk.flavours import FLAVOURS
from tests import debian
from tests.bench.handmade import handmade
from tests.lab import disk
from tests.lab.lab import Lab, lab
from tests.lab.qemu import Firmware, Hardware
from tests.lab.timeline import is_start, timeline

IMAGE_MIB = 512
DISKS_MIB = {"full": 640, "debian": 3072}
BUILT = Path("lab-data/debian-12.raw")  # what `make lab` leaves
ROUNDS = 3
FIRMWARES = (Firmware.BIOS, Firmware.UEFI)
_MIB = 2**20
_INVENTORY, _DONE = "call=/ramdisk/v1/inventory", "call=/ramdisk/v1/done"


def bench_netboot() -> Iterator[str]:
    """Both firmwares, a raw and a compressed image, and the peer with the raw one."""
    with tempfile.TemporaryDirectory(prefix="bmprov-bench-") as name:
        folder = Path(name)
        images = both(folder, "full", system(folder)) | both(folder, "debian", _debian(folder))
        ramdisk = folder / "ramdisk"
        build(FLAVOURS["virtual"], ramdisk)
        seconds: dict[tuple[Firmware, str], list[float]] = {}
        for number in range(ROUNDS):
            for way, took in _ours(folder / f"ours-{number}", ramdisk, images):
                seconds.setdefault(way, []).append(took)
            for way, took in _peers(folder, ramdisk, images["full-raw"]):
                seconds.setdefault(way, []).append(took)
    yield f"## Power-on to {IMAGE_MIB} MiB of files, or Debian 12's 2 GiB, on the disk, in QEMU, median of {ROUNDS}"
    for firmware in FIRMWARES:
        peer = statistics.median(seconds[firmware, "peer"])
        yield f"{firmware:6} dnsmasq, wget, dd: full, raw  {peer:6.1f} s"
        for kind in images:
            ours = statistics.median(seconds[firmware, kind])
            settled = statistics.median(seconds[firmware, f"{kind}, settled"])
            end = f"with the instance's data {settled:6.1f} s"
            ratio = f"ratio {ours / peer:.2f}" if kind.startswith("full") else " " * 10
            yield f"{firmware:6} bmprov: {kind:16}         {ours:6.1f} s  {ratio}  {end}"


def _ours(place: Path, ramdisk: Path, images: dict[str, Path]) -> Iterator[tuple[tuple[Firmware, str], float]]:
    with lab(place) as running:
        shutil.copytree(ramdisk, running.ramdisk)
        for name, file in images.items():
            running.add_image(name, file)
        number = 0
        for firmware, (size, disk_mib) in itertools.product(FIRMWARES, DISKS_MIB.items()):
            machine = f"{firmware.value}-{size}"
            running.machine(machine, firmware, disks_mib=[disk_mib])
            for kind in (kind for kind in images if kind.startswith(size)):
                number += 1
                written, settled = _deploy(running, number, kind, machine)
                yield (firmware, f"{kind}, settled"), settled
                yield (firmware, kind), written
    shutil.rmtree(place)


def _deploy(running: Lab, number: int, kind: str, machine: str) -> tuple[float, float]:
    """Seconds from the machine's start into the network to the image on the disk and verified, and to the last call."""
    instance = running.instance(number, kind, machine)
    created = instance.create()
    assert created.succeeded, created.told
    events = timeline(running.machines[machine], running.folder.logs)
    done = [event.at for event in events if _DONE in event.what][-1]
    began = [event.at for event in events if is_start(event) and event.at < done][-1]
    called = next(event.at for event in events if _INVENTORY in event.what and event.at > began)
    instance.do("delete")
    return called - began + _writing(running.machines[machine]), done - began


def _writing(machine: Hardware) -> float:
    """Seconds from the agent's first call to the image on the disk and verified, which is what the peer does not do."""
    said = machine.serial.read_text(errors="replace")
    begun, written = (
        re.findall(rf"\[ *(\d+\.\d+)\] bmprov agent: {words}", said)[-1]
        for words in (r"writing \d+ bytes", "written and verified")
    )
    return float(written) - float(begun)


def _peers(folder: Path, ramdisk: Path, image: Path) -> Iterator[tuple[tuple[Firmware, str], float]]:
    with handmade(folder / "peer", ramdisk, image) as peer:
        for firmware in FIRMWARES:
            yield (firmware, "peer"), peer.write(firmware, DISKS_MIB["full"])
    shutil.rmtree(folder / "peer")


def system(folder: Path) -> Path:
    """A disk image with loaders, and full of this host's own programs."""
    content, raw = folder / "content", folder / "raw"
    disk.make(raw)
    start_mib = raw.stat().st_size // _MIB
    _gather(Path("/usr"), content, (IMAGE_MIB - start_mib - 80) * _MIB)
    with raw.open("ab") as file:
        file.truncate(IMAGE_MIB * _MIB)
    sfdisk = [debian.program("sfdisk", "fdisk"), "--quiet", "--append", str(raw)]
    subprocess.run(sfdisk, input=f"start={start_mib * 2048}, type=L\n", text=True, check=True)
    mke2fs = [debian.program("mke2fs", "e2fsprogs"), "-q", "-F", "-t", "ext4", "-d", str(content)]
    subprocess.run(
        [*mke2fs, "-E", f"offset={start_mib * _MIB}", str(raw), f"{(IMAGE_MIB - start_mib) << 10}k"], check=True
    )
    shutil.rmtree(content)
    return raw


def _debian(folder: Path) -> Path:
    """Debian 12 on a disk of 2 GiB; it takes minutes to build, and the lab's will do."""
    if BUILT.exists():
        return BUILT
    raw = folder / "debian-12.raw"
    subprocess.run([sys.executable, "-m", "bmprov", "image", "build", "debian-12", str(raw)], check=True)
    return raw


def both(folder: Path, name: str, raw: Path) -> dict[str, Path]:
    """An image as it is and compressed, by kind."""
    packed = folder / f"{name}.raw.zst"
    with raw.open("rb") as source, packed.open("wb") as target:
        zstandard.ZstdCompressor(threads=-1).copy_stream(source, target, size=raw.stat().st_size)
    return {f"{name}-raw": raw, f"{name}-raw.zst": packed}


def _gather(source: Path, target: Path, size_bytes: int) -> None:
    """Copy regular files until there are so many bytes."""
    for path in sorted(source.rglob("*")):
        if path.is_file() and not path.is_symlink():
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
            size_bytes -= path.stat().st_size
            if size_bytes <= 0:
                return
