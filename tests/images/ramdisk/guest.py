"""A virtual machine that starts the ramdisk's kernel directly, and disks for it: no root, no network of the host's."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests import debian

MIB = 2**20
# without the fifth level of page tables, which costs an emulated processor an eighth of its time
EMULATION = ("-accel", "tcg,thread=multi", "-cpu", "max,la57=off", "-m", "512", "-nographic", "-no-reboot")


def system_image(path: Path, size_mib: int = 48) -> None:
    """A raw disk image: GPT, an empty EFI system partition of 8 MiB, and an ext4 with a file in it."""
    with path.open("wb") as file:
        file.truncate(size_mib * MIB)
    layout = "label: gpt\nstart=2048, size=16384, type=U\nstart=18432, type=L\n"
    sfdisk = debian.program("sfdisk", "fdisk")
    subprocess.run([sfdisk, "--quiet", str(path)], input=layout, text=True, check=True)
    content = path.with_name("root")
    (content / "etc").mkdir(parents=True, exist_ok=True)
    (content / "etc" / "motd").write_text("a small system\n")
    (content / "ballast").write_bytes(bytes(range(256)) * 4 * 1024 * 4)
    start = 18432 * 512
    blocks = (size_mib * MIB - start) // 1024 - 1024
    mke2fs = [debian.program("mke2fs", "e2fsprogs"), "-q", "-F", "-t", "ext4", "-d", str(content)]
    subprocess.run([*mke2fs, "-E", f"offset={start}", str(path), f"{blocks}k"], check=True)


def blank_disk(path: Path, size_mib: int) -> Path:
    """A disk with the remains of another system on it."""
    with path.open("wb") as file:
        file.write(b"remains " * (MIB // 8) * 4)
        file.truncate(size_mib * MIB)
    return path


def partitions(disk: Path) -> list[dict[str, int]]:
    """The partitions of a disk, as sfdisk tells them."""
    sfdisk = debian.program("sfdisk", "fdisk")
    told = subprocess.run([sfdisk, "--json", str(disk)], capture_output=True, check=True)
    found: list[dict[str, int]] = json.loads(told.stdout)["partitiontable"]["partitions"]
    return found


def extract(disk: Path, partition: dict[str, int], into: Path) -> Path:
    """One partition as a file."""
    with disk.open("rb") as file:
        file.seek(partition["start"] * 512)
        into.write_bytes(file.read(partition["size"] * 512))
    return into


@contextmanager
def booted(
    ramdisk: Path, api: str, token: str, disks: list[Path], serial: Path, more: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """A machine that runs the ramdisk. Its host is 10.0.2.2 to it, and the host sees it as 127.0.0.1 (slirp).

    `disks` are virtio's; others are described to QEMU in `more`.
    """
    command = [debian.program("qemu-system-x86_64", "qemu-system-x86"), *EMULATION]
    command += ["-kernel", str(ramdisk / "vmlinuz"), "-initrd", str(ramdisk / "initrd")]
    command += ["-append", f"console=ttyS0 panic=1 bmprov.api={api} bmprov.token={token}"]
    command += ["-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n,romfile="]
    for number, disk in enumerate(disks):
        command += ["-drive", f"file={disk},format=raw,if=none,id=d{number},cache=unsafe"]
        command += ["-device", f"virtio-blk-pci,drive=d{number},serial=disk-{number}"]
    command += more
    with serial.open("wb") as log:
        machine = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield machine
    finally:
        machine.kill()
        machine.wait()
