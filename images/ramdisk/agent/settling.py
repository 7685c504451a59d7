"""What follows the image: the disk becomes the instance's own, with its data and all its room."""

import fcntl
import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .machine import BLOCKS, SECTOR_BYTES, text
from .words import GivesUp, say

SEED_BYTES = 16 << 20
SEED_PLACE = Path("/run/seed")
ESP_KIND = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"  # the EFI system partition's type in a GPT
SEED_NAME = "CIDATA"  # cloud-init's NoCloud looks for a file system of this label
EXT_MAGIC_AT, EXT_MAGIC = 1080, b"\x53\xef"
BLKRRPART = 0x125F  # linux/fs.h


def settle(disk: str, documents: Mapping[str, bytes]) -> None:
    """Make the disk the instance's own: its NoCloud data in a partition at the end, the last one grown up to it."""
    if not (table := partition_table(disk)):
        say(f"{disk} has no partition table: its image is kept as it is, and the instance's data is not on the disk")
        return
    last = max(table["partitions"], key=lambda partition: int(partition["start"]))
    if table["label"] == "gpt":
        run("sfdisk", "--lock=no", "--relocate", "gpt-bak-std", disk)
    end = size_of(disk) // SECTOR_BYTES // 2048 * 2048 - 2048  # GPT's backup lies in the last 33 sectors
    start = end - SEED_BYTES // SECTOR_BYTES
    if start <= int(last["start"]) + int(last["size"]):
        raise GivesUp(f"{disk} has no room for the {SEED_BYTES >> 20} MiB of the instance's data behind the image")
    kind = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7" if table["label"] == "gpt" else "c"
    described = f"start={start}, size={SEED_BYTES // SECTOR_BYTES}, type={kind}\n"
    run("sfdisk", "--lock=no", "--no-reread", "--append", disk, told=described)
    number = partition_number(disk, str(last["node"]))
    run("sfdisk", "--lock=no", "--no-reread", "-N", str(number), disk, told=", +\n")
    reread(disk)
    grow(str(last["node"]))
    seed = next(node["node"] for node in partitions(disk) if int(node["start"]) == start)
    write_seed(str(seed), documents)


def partition_table(disk: str) -> dict[str, Any]:
    """The partition table as sfdisk tells it; empty when there is none."""
    done = subprocess.run(["sfdisk", "--json", disk], capture_output=True, text=True, check=False)
    table: dict[str, Any] = json.loads(done.stdout)["partitiontable"] if done.returncode == 0 and done.stdout else {}
    return table if table.get("partitions") else {}


def partitions(disk: str) -> list[dict[str, Any]]:
    """The partitions of a disk that has some."""
    found: list[dict[str, Any]] = partition_table(disk)["partitions"]
    return found


def partition_number(disk: str, node: str) -> int:
    """The 3 of /dev/sda3 or /dev/nvme0n1p3."""
    return int(node.removeprefix(disk).removeprefix("p"))


def grow(node: str) -> None:
    """Grow the file system of a grown partition: ext2, 3 and 4. Others are grown by cloud-init at the first boot."""
    with Path(node).open("rb") as file:
        file.seek(EXT_MAGIC_AT)
        is_ext = file.read(2) == EXT_MAGIC
    if not is_ext:
        say(f"{node} is no ext4: its file system is grown when the system boots")
        return
    run("e2fsck", "-f", "-p", node, accepted=(0, 1))
    run("resize2fs", node)


def write_seed(node: str, documents: Mapping[str, bytes]) -> None:
    """Put the NoCloud documents on a FAT of their own."""
    run("mkfs.fat", "-n", SEED_NAME, node)
    SEED_PLACE.mkdir(exist_ok=True)
    run("mount", "-t", "vfat", node, str(SEED_PLACE))
    for name, content in documents.items():
        (SEED_PLACE / name).write_bytes(content)
    run("umount", str(SEED_PLACE))


def reread(disk: str) -> None:
    """Let the kernel read the partition table, and wait until the partitions are there."""
    for _ in range(50):
        with Path(disk).open("rb") as file:
            try:
                fcntl.ioctl(file, BLKRRPART)
            except OSError as error:
                say(f"{disk} is busy ({error.strerror}), reading its partition table again")
        if all(Path(partition["node"]).exists() for partition in partitions(disk)):
            return
        time.sleep(0.1)  # devtmpfs tells nobody
    raise GivesUp(f"the kernel does not see the partitions of {disk} that were written to it")


def size_of(disk: str) -> int:
    """Bytes of a disk."""
    return int(text(BLOCKS / Path(disk).name / "size")) * SECTOR_BYTES


def run(*command: str, told: str = "", accepted: Sequence[int] = (0,)) -> None:
    """Run a program of the ramdisk; its words go to the log."""
    done = subprocess.run(command, input=told, capture_output=True, text=True, check=False)
    words = " ".join(f"{done.stdout} {done.stderr}".split())[-300:]
    say(f"{' '.join(command)}: {done.returncode} {words}")
    if done.returncode not in accepted:
        raise GivesUp(f"{command[0]} failed with {done.returncode}: {words}")
