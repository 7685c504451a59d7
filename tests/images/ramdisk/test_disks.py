"""The real ramdisk on disks and partition tables that are not like QEMU's usual ones."""

import os
import subprocess
from pathlib import Path

from bmprov.model import Report
from tests import debian
from tests.images.ramdisk import guest
from tests.images.ramdisk.test_boot import Deployment, ended

MIB = 2**20
ONE = "start=2048, size=32768, type=83, bootable\n"
FOUR = "".join(f"start={2048 * number}, size=2048, type=83\n" for number in range(1, 5))


def image(folder: Path, layout: str) -> bytes:
    """A raw disk of 32 MiB with an MBR."""
    path = guest.blank_disk(folder / "image", 32)
    sfdisk = debian.program("sfdisk", "fdisk")
    subprocess.run([sfdisk, "--quiet", str(path)], input=f"label: dos\n{layout}", text=True, check=True)
    return path.read_bytes()


def drive(folder: Path, name: str, size_mib: int, device: str) -> list[str]:
    """QEMU's words for a disk."""
    path = guest.blank_disk(folder / name, size_mib)
    return ["-drive", f"file={path},format=raw,if=none,id={name},cache=unsafe", "-device", f"{device},drive={name}"]


def deployed(deployment: Deployment, more: list[str]) -> Report:
    with deployment.service():
        return deployment.run([], ended, more).report


def test_an_nvme_disk_with_several_paths(tmp_path: Path, valkey: str, ramdisk: Path) -> None:
    """Linux hides its paths, so it counts once, and is written; a SCSI disk's serial number is told too."""
    more = ["-device", "nvme-subsys,id=one", "-device", "nvme,serial=NVME-1,subsys=one"]
    more += drive(tmp_path, "n1", 100, "nvme-ns,nsid=1,shared=on")
    more += ["-device", "virtio-scsi-pci", *drive(tmp_path, "s1", 200, "scsi-hd,serial=SCSI-1")]
    report = deployed(Deployment(tmp_path, valkey, ramdisk, image(tmp_path, ONE)), more)
    found = [(disk["name"], disk["serial"]) for disk in report.inventory["disks"]]
    assert found == [("nvme0n1", "NVME-1"), ("sda", "SCSI-1")]
    assert report.written, report
    assert len(guest.partitions(tmp_path / "n1")) == 2


def test_an_mbr_on_a_disk_that_is_larger_than_it_can_tell(tmp_path: Path, valkey: str, ramdisk: Path) -> None:
    """Of 3 TiB an MBR's partitions reach 2 TiB. No system may take the disk's end for a RAID's, which it was once."""
    more = drive(tmp_path, "d", 3 * 2**20, "virtio-blk-pci")
    raid_at = -(2**17)
    with (tmp_path / "d").open("r+b") as file:
        file.seek(raid_at, os.SEEK_END)
        file.write(b"a RAID's superblock")
    report = deployed(Deployment(tmp_path, valkey, ramdisk, image(tmp_path, ONE)), more)
    assert report.written, report
    root, seed = guest.partitions(tmp_path / "d")
    assert seed["start"] + seed["size"] == 2**32 - 2048
    assert root["start"] + root["size"] == seed["start"]
    with (tmp_path / "d").open("rb") as file:
        file.seek(raid_at, os.SEEK_END)
        assert not any(file.read())


def test_what_an_earlier_instance_had_on_another_disk(tmp_path: Path, valkey: str, ramdisk: Path) -> None:
    """Its data is gone, or cloud-init, which looks from the last disk to the first, would take it; the rest stays."""
    more = drive(tmp_path, "first", 100, "virtio-blk-pci") + drive(tmp_path, "second", 200, "virtio-blk-pci")
    other = tmp_path / "second"
    layout = "label: gpt\nstart=1MiB, size=16MiB\nstart=20MiB, size=16MiB\n"
    subprocess.run([debian.program("sfdisk", "fdisk"), "-q", str(other)], input=layout, text=True, check=True)
    for at_mib, name in ((1, "DATA"), (20, "CIDATA")):
        fat = tmp_path / name
        subprocess.run([debian.program("mkfs.fat", "dosfstools"), "-n", name, "-C", str(fat), "16384"], check=True)
        with other.open("r+b") as file:
            file.seek(at_mib * MIB)
            file.write(fat.read_bytes())
    before = other.read_bytes()
    assert deployed(Deployment(tmp_path, valkey, ramdisk, image(tmp_path, ONE)), more).written
    after = other.read_bytes()
    assert (after[: 20 * MIB], after[36 * MIB :]) == (before[: 20 * MIB], before[36 * MIB :])
    assert not any(after[20 * MIB : 36 * MIB])


def test_a_partition_table_without_room(tmp_path: Path, valkey: str, ramdisk: Path) -> None:
    """The program sfdisk says nothing of it; we do, before the last partition is grown."""
    more = drive(tmp_path, "d", 100, "virtio-blk-pci")
    report = deployed(Deployment(tmp_path, valkey, ramdisk, image(tmp_path, FOUR)), more)
    assert "has no entry free for the instance's data: an MBR has four" in report.failure
    assert not report.hardware


def test_sectors_of_another_size(tmp_path: Path, valkey: str, ramdisk: Path) -> None:
    """An image that counts in sectors of 512 bytes lies in the wrong places on a disk with sectors of 4096."""
    more = drive(tmp_path, "d", 100, "virtio-blk-pci,logical_block_size=4096,physical_block_size=4096")
    report = deployed(Deployment(tmp_path, valkey, ramdisk, image(tmp_path, ONE)), more)
    assert "the image is made for disks with sectors of 512 bytes, and those of /dev/vda have 4096" in report.failure
