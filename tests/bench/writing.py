"""The ramdisk itself: its size, how soon it calls, and how fast its agent writes beside `dd`, in one QEMU machine.

What is written is random and comes from the machine's memory, so that neither the network nor zeros play a part. The
agent's own classes write it; the three take turns.
"""

import json
import re
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from images.ramdisk import archive
from images.ramdisk.build import Built, build
from images.ramdisk.flavours import FLAVOURS
from tests import debian
from tests.bench.measure import BenchError

_GUEST = Path(__file__).with_name("guest")
_QEMU = ("-accel", "tcg,thread=multi", "-smp", "2", "-m", "1024", "-nographic", "-no-reboot")
_DISK_MIB = 512
_DEADLINE_S = 400
_MIB = 2**20


def bench_ramdisk() -> Iterator[str]:
    """Both flavours' sizes, and the figures of the virtual one."""
    yield "## The deploy ramdisk"
    with tempfile.TemporaryDirectory(prefix="bmprov-bench-") as name:
        folder = Path(name)
        for flavour in FLAVOURS:
            yield _size(flavour, build(FLAVOURS[flavour], folder / flavour))
        told = _run(folder, folder / "virtual")
    yield f"kernel start to the agent's first line {told['agent_s']:6.1f} s"
    yield f"## {told['mib']} MiB of random data from memory to a disk, median of {len(told['dd, direct'])}"
    rates = {name: told["mib"] * _MIB / 1e6 / statistics.median(told[name]) for name in _WRITERS}
    best = max(rates["dd, direct"], rates["dd, cached"])
    for name, rate in rates.items():
        yield f"{name:38} {rate:7.1f} MB/s  ratio {rate / best:.2f}"


_WRITERS = ("dd, direct", "dd, cached", "agent: write", "agent: write and SHA-256")


def _size(flavour: str, built: Built) -> str:
    kernel, initrd = built.kernel_bytes / _MIB, built.initrd_bytes / _MIB
    return f"{flavour:10} kernel {kernel:5.1f} MiB  initramfs {initrd:5.1f} MiB  {built.modules} modules"


def _run(folder: Path, ramdisk: Path) -> dict[str, Any]:
    """What the machine says: seconds of each try, by name."""
    tree = folder / "more"
    shutil.copytree(_GUEST, tree / "bench")
    (tree / "bench" / "init").chmod(0o755)
    initrd, disk = folder / "initrd", folder / "disk"
    shutil.copy(ramdisk / "initrd", initrd)
    with initrd.open("ab") as file:  # the kernel unpacks one archive after the other
        file.write(bytes(-initrd.stat().st_size % 4))
        archive.write(tree, file)
    with disk.open("wb") as empty:
        empty.truncate(_DISK_MIB * _MIB)
    command = [debian.program("qemu-system-x86_64", "qemu-system-x86"), *_QEMU]
    command += ["-kernel", str(ramdisk / "vmlinuz"), "-initrd", str(initrd)]
    command += ["-append", "console=ttyS0 quiet panic=1 rdinit=/bench/init", "-nic", "none"]
    command += ["-drive", f"file={disk},format=raw,if=virtio,cache=unsafe"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_DEADLINE_S, check=False)
    said = re.search(r"\{.*\}", done.stdout.decode(errors="replace"))
    if not said:
        raise BenchError(f"the machine has said nothing: {done.stdout[-500:]!r}")
    told: dict[str, Any] = json.loads(said[0])
    return told
