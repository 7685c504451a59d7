"""The ramdisk itself: its size, how soon it calls, and how fast its agent writes beside `dd`, in one QEMU machine.

What is written comes from the machine's memory, so that the network plays no part: a system's files, and random bytes.
The agent's own classes write and verify it; it takes turns with `dd`.
"""

import json
import os
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
from tests.bench.netboot import both, system
from tests.trees import tree_sha512

_GUEST = Path(__file__).with_name("guest")
_QEMU = ("-accel", "tcg,thread=multi", "-smp", "2", "-m", "2048", "-nographic", "-no-reboot")
_RANDOM_MIB = 256
_DEADLINE_S = 500
_MIB = 2**20
_CONTENTS = {"system": "a system's files", "random": "random bytes"}


def bench_ramdisk() -> Iterator[str]:
    """Both flavours' sizes, and the figures of the virtual one."""
    yield "## The deploy ramdisk"
    with tempfile.TemporaryDirectory(prefix="bmprov-bench-") as name:
        folder = Path(name)
        for flavour in FLAVOURS:
            yield _size(flavour, build(FLAVOURS[flavour], folder / flavour))
        files = _contents(folder)
        sizes = {name: file.stat().st_size for name, file in files.items()}
        told = _run(folder, folder / "virtual", files)
    yield f"kernel start to the agent's first line {told['agent_s']:6.1f} s"
    for name, ways in told["seconds"].items():
        yield f"## {sizes[name] // _MIB} MiB of {_CONTENTS[name]} from memory to a disk, median of {len(ways['dd'])}"
        plain = statistics.median(ways["dd"])
        for way, seconds in ways.items():
            took = statistics.median(seconds)
            yield f"{way:22} {sizes[name] / 1e6 / took:7.1f} MB/s  ratio {plain / took:.2f}"


def _size(flavour: str, built: Built) -> str:
    kernel, initrd = built.kernel_bytes / _MIB, built.initrd_bytes / _MIB
    return f"{flavour:10} kernel {kernel:5.1f} MiB  initramfs {initrd:5.1f} MiB  {built.modules} modules"


def _contents(folder: Path) -> dict[str, Path]:
    """What is written, by name; `packed` is the system again."""
    files, noise = both(folder, "full", system(folder)), folder / "random"
    with noise.open("wb") as file:
        file.writelines(os.urandom(_MIB) for _ in range(_RANDOM_MIB))
    return {"system": files["full-raw"], "random": noise, "packed": files["full-raw.zst"]}


def _plan(files: dict[str, Path]) -> dict[str, Any]:
    sizes = {name: file.stat().st_size for name, file in files.items()}
    raw = {name: {"size": sizes[name], "tree": tree_sha512(files[name].read_bytes())} for name in _CONTENTS}
    return {"files": sizes, "raw": raw}


def _run(folder: Path, ramdisk: Path, files: dict[str, Path]) -> dict[str, Any]:
    """What the machine says: seconds of each try, by content and by way."""
    tree = folder / "more"
    shutil.copytree(_GUEST, tree / "bench")
    (tree / "bench" / "init").chmod(0o755)
    (tree / "bench" / "plan.json").write_text(json.dumps(_plan(files)))
    initrd, disk, source = folder / "initrd", folder / "disk", folder / "source"
    shutil.copy(ramdisk / "initrd", initrd)
    with initrd.open("ab") as file:  # the kernel unpacks one archive after the other
        file.write(bytes(-initrd.stat().st_size % 4))
        archive.write(tree, file)
    with disk.open("wb") as empty:
        empty.truncate(max(file.stat().st_size for file in files.values()))
    with source.open("wb") as all_of_them:
        for content in files.values():
            all_of_them.write(content.read_bytes())
        all_of_them.truncate(-(-all_of_them.tell() // 512) * 512)
    command = [debian.program("qemu-system-x86_64", "qemu-system-x86"), *_QEMU]
    command += ["-kernel", str(ramdisk / "vmlinuz"), "-initrd", str(initrd)]
    command += ["-append", "console=ttyS0 quiet panic=1 rdinit=/bench/init", "-nic", "none"]
    command += ["-drive", f"file={disk},format=raw,if=virtio,cache=unsafe"]
    command += ["-drive", f"file={source},format=raw,if=virtio,readonly=on"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_DEADLINE_S, check=False)
    said = re.search(r"\{.*\}", done.stdout.decode(errors="replace"))
    if not said:
        raise BenchError(f"the machine has said nothing: {done.stdout[-500:]!r}")
    told: dict[str, Any] = json.loads(said[0])
    return told
