"""Converting disks with the real qemu-img, and what hostile ones meet."""

import os
import struct
import subprocess
import time
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from bmprov.errors import Fatal, Invalid
from images import bounded
from images.bounded import Bounds
from images.convert import convert, foreign
from tests import debian

MIB = 2**20
CONTENT = os.urandom(MIB) + bytes(7 * MIB) + b"the end".ljust(MIB, b".")


@pytest.fixture(scope="module")
def qemu_img() -> str:
    return debian.program("qemu-img", "qemu-utils")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    path = tmp_path / "disk.raw"
    path.write_bytes(CONTENT)
    return path


def make(qemu_img: str, *arguments: object) -> None:
    subprocess.run([qemu_img, *map(str, arguments)], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("qcow2", ["-c"]),
        ("qcow2", ["-o", "compat=0.10"]),
        ("vmdk", []),
        ("vmdk", ["-o", "subformat=streamOptimized"]),
        ("vhdx", []),
        ("vpc", ["-o", "force_size=on"]),
        ("vpc", ["-o", "subformat=fixed,force_size=on"]),
    ],
)
def test_every_format_comes_out_as_it_went_in(qemu_img: str, raw: Path, kind: str, options: list[str]) -> None:
    """Byte by byte, packed, with its size and its hash; whatever the file is called."""
    foreign_file = raw.parent / "json:{odd, name"
    make(qemu_img, "convert", "-f", "raw", "-O", kind, *options, raw, foreign_file)
    assert foreign(foreign_file) == kind
    told: list[tuple[int, int]] = []
    packed = convert(foreign_file, kind, raw.parent, lambda done, total: told.append((done, total)))
    content = zstandard.ZstdDecompressor().decompress(packed.path.read_bytes(), max_output_size=2**30)
    assert content == CONTENT
    assert (packed.size_bytes, packed.raw_size_bytes) == (packed.path.stat().st_size, len(CONTENT))
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert sorted(path.name for path in raw.parent.iterdir()) == ["converted.raw.zst", "disk.raw", foreign_file.name]


def test_raw_and_zstd_are_no_business_of_qemu(raw: Path) -> None:
    """A raw disk is never probed: what its guest wrote into it may look like anything."""
    assert foreign(raw) is None
    raw.write_bytes(b"")
    assert foreign(raw) is None
    with pytest.raises(Invalid, match="cannot be read"):
        foreign(raw.parent / "nothing")


def refused(path: Path, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        foreign(path)


def test_a_backing_file_is_refused(qemu_img: str, raw: Path) -> None:
    """Also by qemu-img itself, when a check of ours should fail: it is told that nothing is behind the file."""
    overlay = raw.parent / "overlay"
    make(qemu_img, "create", "-f", "qcow2", "-b", raw, "-F", "raw", overlay)
    refused(overlay, "difference to a backing file")
    with pytest.raises(Invalid, match="depends on other files"):
        convert(overlay, "qcow2", raw.parent)
    make(qemu_img, "create", "-f", "vmdk", raw.parent / "parent.vmdk", "1M")
    make(qemu_img, "create", "-f", "vmdk", "-b", raw.parent / "parent.vmdk", "-F", "vmdk", raw.parent / "child.vmdk")
    refused(raw.parent / "child.vmdk", "difference to another disk")


def test_an_external_data_file_is_refused(qemu_img: str, raw: Path) -> None:
    """Before qemu-img sees it: `qemu-img info` would open it."""
    holder = raw.parent / "holder"
    make(qemu_img, "create", "-f", "qcow2", "-o", f"data_file={raw.parent / 'data'},data_file_raw=on", holder, "1M")
    refused(holder, "data of this qcow2 are in another file")


@pytest.mark.parametrize("kind", ["monolithicFlat", "twoGbMaxExtentSparse"])
def test_a_vmdk_of_several_files_is_refused(qemu_img: str, tmp_path: Path, kind: str) -> None:
    """The descriptor alone is text that names any file."""
    make(qemu_img, "create", "-f", "vmdk", "-o", f"subformat={kind}", tmp_path / "disk.vmdk", "1M")
    refused(tmp_path / "disk.vmdk", "in other files")


def test_a_vmdk_whose_own_descriptor_leads_out_is_refused(qemu_img: str, tmp_path: Path) -> None:
    """With a capacity of 0 QEMU believes the descriptor; with another one ours is stricter than QEMU."""
    path = tmp_path / "disk.vmdk"
    make(qemu_img, "create", "-f", "vmdk", path, "1M")
    sound = path.read_bytes()
    path.write_bytes(sound[:12] + bytes(8) + sound[20:])
    refused(path, "in other files")
    path.write_bytes(sound.replace(b"RW 2048 SPARSE", b'RW 2048 FLAT "/'))
    refused(path, "in other files")


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [(4, 1, "qcow version 1"), (32, 2, "encrypted"), (76, 2, "marked as corrupt"), (16, 5, "backing file")],
)
def test_other_qcow2_that_are_refused(qemu_img: str, tmp_path: Path, place: int, value: int, says: str) -> None:
    """Each with its reason."""
    path = tmp_path / "disk.qcow2"
    make(qemu_img, "create", "-f", "qcow2", path, "1M")
    content = bytearray(path.read_bytes())
    struct.pack_into(">I", content, place, value)
    path.write_bytes(content)
    refused(path, says)


def test_a_disk_that_is_too_large_is_not_converted(qemu_img: str, tmp_path: Path) -> None:
    """The small file of a huge disk."""
    make(qemu_img, "create", "-f", "qcow2", tmp_path / "huge", "3T")
    with pytest.raises(Invalid, match="has 3298534883328 bytes: at most 1099511627776"):
        convert(tmp_path / "huge", "qcow2", tmp_path)


def test_a_damaged_file_is_told(qemu_img: str, raw: Path) -> None:
    """In qemu-img's own words; nothing is left."""
    disk = raw.parent / "disk.qcow2"
    make(qemu_img, "convert", "-f", "raw", "-O", "qcow2", raw, disk)
    disk.write_bytes(disk.read_bytes()[: 3 * 65536] + os.urandom(65536 * 3))
    with pytest.raises(Invalid, match=r"qemu-img cannot read disk\.qcow2 \("):
        convert(disk, "qcow2", raw.parent)
    assert sorted(path.name for path in raw.parent.iterdir()) == ["disk.qcow2", "disk.raw"]


def test_without_qemu_img(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is named."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Fatal, match="qemu-img is not installed: install the Debian package qemu-utils"):
        convert(raw, "qcow2", raw.parent)


@pytest.mark.parametrize(
    ("script", "bounds"),
    [
        ("while :; do :; done", Bounds(file_bytes=1, cpu_s=1)),
        ("sleep 60", Bounds(file_bytes=1, wall_s=0.3)),
        ("exec head -c 9000 /dev/zero", Bounds(file_bytes=4096)),
    ],
)
def test_a_program_that_never_ends_is_stopped(script: str, bounds: Bounds) -> None:
    """By processor time, by time, by what it writes."""
    began = time.monotonic()
    with pytest.raises(Invalid, match="sh needed more than"):
        bounded.run("sh", "dash", ["-c", script], bounds)
    assert time.monotonic() - began < 20


def test_a_program_does_not_get_more_memory() -> None:
    """And sees nothing of our environment."""
    bounds = Bounds(file_bytes=4096, memory_bytes=2**28)
    told = bounded.run("python3", "python3", ["-c", "bytearray(2**30)"], bounds)
    assert told.complaint == "MemoryError"
    assert sorted(bounded.run("env", "coreutils", [], bounds).out.split()) == [
        "LC_ALL=C",
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    ]


@settings(max_examples=200, deadline=None)
@given(magic=st.sampled_from([b"QFI\xfb", b"KDMV", b"vhdxfile", b"conectix", b""]), content=st.binary(max_size=700))
def test_garbage_is_recognised_or_refused(
    tmp_path_factory: pytest.TempPathFactory, magic: bytes, content: bytes
) -> None:
    """And nothing else."""
    path = tmp_path_factory.getbasetemp() / "garbage"
    path.write_bytes(magic + content)
    try:
        found = foreign(path)
    except Invalid:
        return
    assert found in ("qcow2", "vmdk", "vhdx", "vpc", None)
