"""What follows the image: the disk becomes the instance's own, with its data and all its room."""

import fcntl
import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .machine import BLOCKS, SECTOR_BYTES, disks, text
from .words import GivesUp, say

MIB = 1 << 20
SEED_BYTES = 16 * MIB
SEED_SECTORS = str(SEED_BYTES // SECTOR_BYTES)
FAT_LABEL = slice(43, 54)  # in the first sector of FAT12 and FAT16
SEED_PLACE = Path("/run/seed")
ESP_KIND = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"  # the EFI system partition's type in a GPT
SEED_NAME = "CIDATA"  # cloud-init's NoCloud looks for a file system of this label
EXT_MAGIC_AT, EXT_MAGIC = 1080, b"\x53\xef"
BLKRRPART = 0x125F  # linux/fs.h
LARGE_SECTOR_BYTES, GPT_MAGIC, MBR_MAGIC = 4096, b"EFI PART", b"\x55\xaa"
MBR_SECTORS = 1 << 32  # that an MBR can count


def settle(disk: str, documents: Mapping[str, bytes]) -> None:
    """Make the disk the instance's own: its NoCloud data in a partition at the end, the last one grown up to it."""
    check_sectors(disk)
    for other in disks():
        if other["name"] != Path(disk).name:
            forget_seed(str(other["name"]))
    if not (table := partition_table(disk)):
        say(f"{disk} has no partition table: its image is kept as it is, and the instance's data is not on the disk")
        return
    last = max(table["partitions"], key=lambda partition: int(partition["start"]))
    mib = MIB // sector_bytes(disk)
    start = seed_end(disk, str(table["label"])) - SEED_BYTES // MIB * mib
    if start <= int(last["start"]) + int(last["size"]):
        raise GivesUp(f"{disk} has no room for the {SEED_BYTES >> 20} MiB of the instance's data behind the image")
    clear_end(disk)
    if table["label"] == "gpt":
        run("sfdisk", "--lock=no", "--relocate", "gpt-bak-std", disk)
    kind = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7" if table["label"] == "gpt" else "c"
    described = f"start={start}, size={SEED_BYTES // MIB * mib}, type={kind}\n"
    run("sfdisk", "--lock=no", "--no-reread", "--append", disk, told=described)
    seed = next((str(one["node"]) for one in partitions(disk) if int(one["start"]) == start), "")
    if not seed:  # of which sfdisk says nothing
        raise GivesUp("the image's partition table has no entry free for the instance's data: an MBR has four")
    run("sfdisk", "--lock=no", "--no-reread", "-N", str(partition_number(disk, str(last["node"]))), disk, told=", +\n")
    reread(disk)
    grow(str(last["node"]))
    write_seed(seed, documents)


def forget_seed(name: str) -> None:
    """Overwrite an earlier instance's data on another disk: cloud-init would take the one that is named last."""
    for told in sorted((BLOCKS / name).glob(f"{name}*/size")):
        node = Path("/dev") / told.parent.name
        try:
            with node.open("r+b") as file:
                if file.read(SECTOR_BYTES)[FAT_LABEL].rstrip() == SEED_NAME.encode() and text(told) == SEED_SECTORS:
                    file.seek(0)
                    file.write(bytes(SEED_BYTES))
                    say(f"{node} had an earlier instance's data, which is overwritten")
        except OSError as error:
            say(f"{node} cannot be looked into: {error.strerror}")


def check_sectors(disk: str) -> None:
    """Refuse an image that is made for sectors of another size: its partitions would be looked for in wrong places."""
    own = sector_bytes(disk)
    with Path(disk).open("rb") as file:
        head = file.read(2 * LARGE_SECTOR_BYTES)
    made_for = LARGE_SECTOR_BYTES if head[LARGE_SECTOR_BYTES:].startswith(GPT_MAGIC) else SECTOR_BYTES
    if made_for != own and head[510:512] == MBR_MAGIC:
        raise GivesUp(f"the image is made for disks with sectors of {made_for} bytes, and those of {disk} have {own}")


def clear_end(disk: str) -> None:
    """Overwrite what a RAID or a pool has left there: the system would take the disk for a member of it."""
    with Path(disk).open("r+b") as file:
        file.seek(-MIB, os.SEEK_END)
        file.write(bytes(MIB))


def seed_end(disk: str, label: str) -> int:
    """The sector before which the instance's data ends: a whole MiB, with one left for GPT's backup."""
    mib = MIB // sector_bytes(disk)
    end = size_of(disk) // MIB * mib - mib
    return end if label == "gpt" else min(end, MBR_SECTORS - mib)


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
                known = True
            except OSError as error:
                known = False
                say(f"{disk} is busy ({error.strerror}), reading its partition table again")
        if known and all(Path(partition["node"]).exists() for partition in partitions(disk)):
            return
        time.sleep(0.1)  # devtmpfs tells nobody
    raise GivesUp(f"the kernel does not see the partitions of {disk} that were written to it")


def sector_bytes(disk: str) -> int:
    """Bytes of a sector as the disk tells it, which is what partition tables count."""
    return int(text(BLOCKS / Path(disk).name / "queue" / "logical_block_size") or SECTOR_BYTES)


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
