"""Layouts of disk images that real tools have made, and of garbage."""

import contextlib
import io
import struct
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from bmprov.errors import Invalid
from bmprov.model import Arch, BootMode
from images import source
from images.fat import Fat
from images.layout import Layout, read_layout
from images.partitions import BIOS_BOOT, ESP, Table
from tests.images import disks
from tests.images.disks import BOOT_CODE, DISK_MIB, MIB

X64, AA64 = "EFI/BOOT/BOOTX64.EFI", "EFI/BOOT/BOOTAA64.EFI"
BIOS, UEFI = BootMode.BIOS, BootMode.UEFI


class Held:
    """A disk in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size_bytes = len(content)

    def read(self, offset: int, size: int) -> bytes:
        return self._content[offset : offset + size]


def layout(path: Path) -> Layout:
    with source.opened(path, packed=False, raw_size_bytes=0) as disk:
        return read_layout(disk)


@pytest.fixture(scope="module")
def loaders() -> disks.Loaders:
    return disks.loaders()


@pytest.fixture(scope="module")
def hybrid(tmp_path_factory: pytest.TempPathFactory, loaders: disks.Loaders) -> Path:
    """What distributions publish: a GPT that boots both ways."""
    files = {X64: loaders.x86_64}
    return disks.disk(tmp_path_factory.mktemp("disk") / "hybrid.raw", disks.GPT, files, boot_code=BOOT_CODE)


@pytest.fixture(scope="module")
def beginning(hybrid: Path) -> bytes:
    return hybrid.read_bytes()[: 5 * MIB]


def test_a_gpt_that_boots_both_ways(hybrid: Path) -> None:
    """Partitions, boot modes, architecture and the smallest disk."""
    found = layout(hybrid)
    assert (found.table, found.sector_bytes, found.boot_modes, found.arch) == (Table.GPT, 512, (BIOS, UEFI), "x86_64")
    assert [(one.number, one.start_bytes, one.size_bytes, one.kind, one.name) for one in found.partitions] == [
        (1, MIB, MIB, BIOS_BOOT, "bios"),
        (2, 4 * MIB, 34 * MIB, ESP, "esp"),
    ]
    assert [(one.path, one.arch) for one in found.loaders] == [(X64, Arch.X86_64)]
    assert (found.min_disk_bytes, found.remarks) == (DISK_MIB * MIB, ())


@pytest.mark.parametrize("table", [disks.GPT, disks.MBR], ids=["gpt", "mbr"])
@pytest.mark.parametrize("fat", [12, 16, 32])
def test_every_kind_of_fat_and_table(tmp_path: Path, loaders: disks.Loaders, table: str, fat: int) -> None:
    """The ESP is read whatever it is made of, and no boot code means no BIOS."""
    found = layout(disks.disk(tmp_path / "disk.raw", table, {AA64: loaders.aarch64}, fat=fat))
    assert (found.boot_modes, found.arch, found.remarks) == ((UEFI,), Arch.AARCH64, ())


def test_a_vendor_loader_boots_with_a_remark(tmp_path: Path, loaders: disks.Loaders) -> None:
    """Under a long name too; a new machine may not find it."""
    name = "EFI/some long vendor name/a long loader's name.efi"
    found = layout(disks.disk(tmp_path / "disk.raw", disks.GPT, {name: loaders.x86_64}))
    assert (found.boot_modes, found.arch, found.loaders[0].path) == ((UEFI,), Arch.X86_64, name)
    assert "no loader at EFI/BOOT" in found.remarks[0]


@pytest.mark.parametrize(
    ("table", "modes", "arch"), [(disks.GPT, (BIOS,), "x86_64"), (disks.GPT_WITHOUT_BIOS, (), None)]
)
def test_a_gpt_without_loader(tmp_path: Path, table: str, modes: tuple[BootMode, ...], arch: str | None) -> None:
    """Boot code starts nothing on a GPT that gives it no room; what is no program is no loader."""
    found = layout(disks.disk(tmp_path / "disk.raw", table, {X64: b"MZ no program"}, boot_code=BOOT_CODE))
    assert (found.boot_modes, found.arch) == (modes, arch)
    assert ("nothing in it boots" in found.remarks) is not modes


def test_loaders_of_two_architectures(tmp_path: Path, loaders: disks.Loaders) -> None:
    """Say nothing about the system behind them, so the architecture is not known."""
    files = {X64: loaders.x86_64, AA64: loaders.aarch64}
    found = layout(disks.disk(tmp_path / "disk.raw", disks.GPT, files))
    assert (found.boot_modes, found.arch, len(found.loaders)) == ((UEFI,), None, 2)


def test_logical_partitions(tmp_path: Path) -> None:
    """Are found in their extended partition, numbered from 5."""
    with pytest.raises(Invalid, match="partition 6, the ESP, cannot be read"):
        layout(disks.disk(tmp_path / "disk.raw", disks.LOGICAL, None))
    found = layout(disks.disk(tmp_path / "2.raw", disks.LOGICAL.replace("type=ef", "type=83"), None))
    places = [(one.number, one.start_bytes // MIB, one.size_bytes // MIB) for one in found.partitions]
    assert places == [(1, 1, 1), (2, 4, 30), (5, 5, 2), (6, 9, 20)]


def test_an_mbr_that_is_full(tmp_path: Path) -> None:
    """The ramdisk could not add the partition of the instance's data: that is told before a machine is written."""
    three = disks.MBR.replace("type=ef", "type=83").replace("size=34MiB", "size=1MiB") + "start=6MiB, size=1MiB\n"
    full = "it has no room for the instance's data: all four entries of its MBR are taken"
    assert full not in layout(disks.disk(tmp_path / "3.raw", three, None)).remarks
    assert full in layout(disks.disk(tmp_path / "4.raw", f"{three}start=8MiB, size=1MiB\n", None)).remarks


def changed(path: Path, *places: tuple[int, bytes]) -> Held:
    content = bytearray(path.read_bytes())
    for offset, data in places:
        content[offset : offset + len(data)] = data
    return Held(bytes(content))


def test_a_damaged_gpt(hybrid: Path) -> None:
    """Its backup is used, with a remark; with both damaged nothing is known."""
    end = DISK_MIB * MIB
    sound = read_layout(changed(hybrid))
    for place in (512 + 40, 1024 + 32):  # the header, the entries: both have a checksum
        found = read_layout(changed(hybrid, (place, b"\xff")))
        assert (found.partitions, found.boot_modes) == (sound.partitions, sound.boot_modes)
        assert "the primary GPT is damaged" in found.remarks[0]
    with pytest.raises(Invalid, match="both copies of the GPT are damaged"):
        read_layout(changed(hybrid, (512 + 40, b"\xff"), (end - 512, bytes(512))))


def test_a_cut_off_image(hybrid: Path) -> None:
    """Has a partition beyond its end; the disk must hold it."""
    found = read_layout(Held(hybrid.read_bytes()[: 36 * MIB]))
    assert found.min_disk_bytes == 38 * MIB
    assert "partition 2 reaches beyond the image's end" in found.remarks


def with_sectors_of_4096_bytes(content: bytes) -> bytes:
    """The same disk with its primary GPT for larger sectors; Debian 12's sfdisk makes none in a file."""
    header, array = bytearray(content[512:604]), bytearray(content[1024 : 1024 + 128 * 128])
    for place in (0, 128):
        first, last = struct.unpack_from("<QQ", array, place + 32)
        struct.pack_into("<QQ", array, place + 32, first // 8, (last + 1) // 8 - 1)
    struct.pack_into("<I", header, 88, zlib.crc32(array))
    struct.pack_into("<I", header, 16, 0)
    struct.pack_into("<I", header, 16, zlib.crc32(header))
    large = bytearray(content)
    large[512:MIB] = bytes(MIB - 512)
    large[4096 : 4096 + len(header)] = header
    large[8192 : 8192 + len(array)] = array
    return bytes(large)


def test_a_table_for_sectors_of_4096_bytes(hybrid: Path) -> None:
    """Is read, with a remark: it boots from no other disk."""
    found = read_layout(Held(with_sectors_of_4096_bytes(hybrid.read_bytes())))
    assert (found.sector_bytes, found.boot_modes) == (4096, (BIOS, UEFI))
    assert found.partitions == layout(hybrid).partitions
    assert "sectors have 4096 bytes" in found.remarks[0]


@pytest.mark.parametrize("content", [b"", b"\0" * MIB, b"x" * 5000], ids=["nothing", "zeros", "text"])
def test_no_table(content: bytes) -> None:
    """Is a refusal and no guess."""
    with pytest.raises(Invalid):
        read_layout(Held(content))


def test_a_filesystem_without_table(tmp_path: Path) -> None:
    """Its boot sector ends like an MBR and is none."""
    with pytest.raises(Invalid, match="there is no partition table"):
        read_layout(Held(disks.esp(tmp_path / "esp", {})))


def test_a_compressed_image_is_unpacked_as_far_as_needed(hybrid: Path, tmp_path: Path) -> None:
    """In several frames too; what lies beyond the reach is told, what is damaged as well."""
    content = hybrid.read_bytes()
    packer = zstandard.ZstdCompressor()
    packed = tmp_path / "hybrid.zst"
    packed.write_bytes(packer.compress(content[: 5 * MIB]) + packer.compress(content[5 * MIB :] + bytes(500 * MIB)))
    size = len(content) + 500 * MIB
    with packed.open("rb") as file, tempfile.TemporaryFile(dir=tmp_path) as scratch:
        found = read_layout(source.UnpackedSource(file, size, scratch))
        assert (found.boot_modes, found.min_disk_bytes) == ((BIOS, UEFI), size)
        scratch.seek(0, io.SEEK_END)
        assert scratch.tell() < 10 * MIB
    with (
        packed.open("rb") as file,
        tempfile.TemporaryFile() as scratch,
        pytest.raises(Invalid, match="not in its first"),
    ):
        read_layout(source.UnpackedSource(file, size, scratch, reach_bytes=4 * MIB))
    packed.write_bytes(packed.read_bytes()[:-9])
    with source.opened(packed, packed=True, raw_size_bytes=size) as disk, pytest.raises(Invalid):
        disk.read(size - 1, 1)


def survives(read: Callable[[], object]) -> None:
    with contextlib.suppress(Invalid):
        read()


@given(content=st.binary(max_size=3000), signed=st.booleans())
def test_garbage(content: bytes, *, signed: bool) -> None:
    """Raises our refusal or nothing."""
    sector = content[:510].ljust(510, b"\0") + b"\x55\xaa" + content[510:]
    survives(lambda: read_layout(Held(sector if signed else content)))
    survives(lambda: Fat(Held(sector), 0, 2**40).entries())


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damage(beginning: bytes, data: st.DataObject) -> None:
    """Anywhere in the tables, the FAT, the folders or the loader raises our refusal or nothing."""
    content = bytearray(beginning)
    esp = 4 * MIB
    areas = st.one_of(st.integers(0, 2047), st.integers(esp, esp + 100), st.integers(esp, esp + 200_000))
    for _ in range(data.draw(st.integers(1, 8))):
        offset, patch = data.draw(areas), data.draw(st.binary(min_size=1, max_size=8))
        content[offset : offset + len(patch)] = patch
    survives(lambda: read_layout(Held(bytes(content))))


@settings(max_examples=100, deadline=None)
@given(patch=st.dictionaries(st.integers(11, 60), st.integers(0, 255), max_size=10))
def test_a_hostile_fat_is_bounded(beginning: bytes, patch: dict[int, int]) -> None:
    """Whatever its boot sector says, reading it ends, soon."""
    content = bytearray(beginning[4 * MIB :])
    for place, value in patch.items():
        content[place] = value

    def walk() -> None:
        fat = Fat(Held(bytes(content)), 0, 2**50)
        for entry in fat.entries():
            fat.entries(entry)

    survives(walk)
