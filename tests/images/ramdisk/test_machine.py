"""What the agent reads of disks, from folders that look like sysfs."""

from pathlib import Path

import pytest

from images.ramdisk.agent import machine


@pytest.fixture
def blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty /sys/block."""
    monkeypatch.setattr(machine, "BLOCKS", tmp_path)
    return tmp_path


def block(blocks: Path, name: str, **files: bytes) -> None:
    """A disk of 1 GiB; `__` in a file's name stands for a slash."""
    for file, content in ({"size": b"2097152\n", "ro": b"0\n", "device__model": b"A disk\n"} | files).items():
        path = blocks / name / file.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_a_path_to_a_disk_is_no_disk(blocks: Path) -> None:
    """Linux hides the paths of an NVMe namespace that has several behind one disk; they have no file in /dev."""
    block(blocks, "nvme0c0n1", hidden=b"1\n", device__serial=b"S1\n")
    block(blocks, "nvme0n1", hidden=b"0\n", device__serial=b"S1\n")
    assert [disk["name"] for disk in machine.disks()] == ["nvme0n1"]


@pytest.mark.parametrize(
    ("page", "serial"),
    [
        (b"\0\x80\0\x14     S3Z8NB0K        ", "S3Z8NB0K"),
        (b"\0\x80\0\x04AB\0\0", "AB"),
        (b"\0\x80\0\0", ""),
        (b"", ""),
    ],
)
def test_the_serial_number_of_a_scsi_disk(blocks: Path, page: bytes, serial: str) -> None:
    """SATA and SAS disks have no file of that name, only the unit serial number page (SPC-4, 7.8.15)."""
    block(blocks, "sda", device__vpd_pg80=page)
    assert [disk["serial"] for disk in machine.disks()] == [serial]


def test_two_ways_to_one_disk_are_one_disk(blocks: Path) -> None:
    """A disk behind two SAS ports is seen twice, with one WWN: its first name stands for it, also when asked for."""
    for name in ("sda", "sdb"):
        block(blocks, name, device__wwid=b"naa.5000c500a1b2c3d4\n")
    block(blocks, "sdc")
    block(blocks, "sdd")
    assert [disk["name"] for disk in machine.disks()] == ["sda", "sdc", "sdd"]
