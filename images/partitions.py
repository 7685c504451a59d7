"""Partition tables: MBR (UEFI 2.10, 5.2) with its logical partitions, and GPT (UEFI 2.10, 5.3).

Pure. Of a GPT the primary is read, and the backup when the primary is damaged; sectors of 512 and of 4096 bytes.
"""

import struct
import uuid
import zlib
from dataclasses import dataclass
from enum import StrEnum

from bmprov.errors import Invalid
from images.source import Source, exactly

ESP = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
BIOS_BOOT = "21686148-6449-6e6f-744e-656564454649"
MBR_ESP = "ef"
MBR_ENTRIES = 4

_SECTORS = (512, 4096)
_MBR_BYTES = 512
_BOOT_CODE_BYTES = 440
_MBR_SIGNATURE = b"\x55\xaa"
_ENTRIES_AT, _ENTRY_BYTES = 446, 16
_INDICATORS = (0x00, 0x80)  # inactive, active; anything else is no partition table but a filesystem's boot sector
_PROTECTIVE = 0xEE
_EXTENDED = (0x05, 0x0F, 0x85)
_MOST_LOGICAL = 128

_GPT = struct.Struct("<8sIIIIQQQQ16sQIII")
_GPT_SIGNATURE = b"EFI PART"
_GPT_ENTRY = struct.Struct("<16s16sQQQ72s")
_LARGEST_ARRAY_BYTES = 2**20
_LEGACY_BOOTABLE = 1 << 2
_UNUSED = bytes(16)


class Table(StrEnum):
    """Kinds of partition tables."""

    MBR = "mbr"
    GPT = "gpt"


@dataclass(frozen=True)
class Partition:
    """A partition; `kind` is a GPT's type GUID, or an MBR's type as two hexadecimal digits.

    `bios_bootable` is an MBR's active flag and a GPT's legacy BIOS bootable attribute.
    """

    number: int
    start_bytes: int
    size_bytes: int
    kind: str
    name: str = ""
    bios_bootable: bool = False

    @property
    def end_bytes(self) -> int:
        """Where the next one may begin."""
        return self.start_bytes + self.size_bytes


@dataclass(frozen=True)
class Partitions:
    """A partition table. `boot_code` says whether sector 0 holds a program that a BIOS can start."""

    table: Table
    sector_bytes: int
    partitions: tuple[Partition, ...]
    boot_code: bool
    remark: str = ""


def read_partitions(source: Source) -> Partitions:
    """The partition table of a disk.

    Raises:
        Invalid: there is none, or it is damaged.
    """
    sector = exactly(source, 0, _MBR_BYTES)
    entries = _mbr_entries(sector)
    boot_code = any(sector[:_BOOT_CODE_BYTES])
    if any(entry.code == _PROTECTIVE for entry in entries):
        return _gpt(source, entries, boot_code=boot_code)
    if not entries:
        raise Invalid("there is no partition table", "it may be the image of a filesystem, or of nothing")
    primary = [_mbr_partition(number, entry) for number, entry in enumerate(entries, 1) if entry.code]
    logical = [part for entry in entries if entry.code in _EXTENDED for part in _logical(source, entry.start)]
    return Partitions(Table.MBR, _MBR_BYTES, (*primary, *logical), boot_code)


@dataclass(frozen=True)
class _Entry:
    """An entry of an MBR, in sectors."""

    indicator: int
    code: int
    start: int
    count: int


def _mbr_entries(sector: bytes) -> list[_Entry]:
    """The four entries of an MBR, or none when this sector is not one."""
    if sector[-2:] != _MBR_SIGNATURE:
        return []
    raw = (struct.unpack_from("<B3xB3xII", sector, _ENTRIES_AT + place * _ENTRY_BYTES) for place in range(MBR_ENTRIES))
    entries = [_Entry(*fields) for fields in raw]
    sound = all(one.indicator in _INDICATORS for one in entries) and any(one.code and one.count for one in entries)
    return entries if sound else []


def _mbr_partition(number: int, entry: _Entry, base: int = 0) -> Partition:
    return Partition(
        number,
        (base + entry.start) * _MBR_BYTES,
        entry.count * _MBR_BYTES,
        f"{entry.code:02x}",
        bios_bootable=bool(entry.indicator),
    )


def _logical(source: Source, first: int) -> list[Partition]:
    """The chain of logical partitions: each link's place counts from the extended partition's beginning."""
    found: list[Partition] = []
    place = first
    for _ in range(_MOST_LOGICAL):
        entries = _mbr_entries(exactly(source, place * _MBR_BYTES, _MBR_BYTES))
        if not entries:
            return found
        if entries[0].code:
            found.append(_mbr_partition(5 + len(found), entries[0], place))
        if entries[1].code not in _EXTENDED:
            return found
        place = first + entries[1].start
    raise Invalid(f"the chain of logical partitions has more than {_MOST_LOGICAL} links", "it may run in a circle")


def _gpt(source: Source, entries: list[_Entry], *, boot_code: bool) -> Partitions:
    """The first copy of the GPT that is sound."""
    why = ""
    backups = [(source.size_bytes // size * size - size, size) for size in _SECTORS]
    for copy, places in (("primary", [(size, size) for size in _SECTORS]), ("backup", backups)):
        for offset, size in places:
            try:
                partitions = _gpt_copy(source, offset, size)
            except Invalid as error:
                why = why or error.why
                continue
            hybrid = any(entry.indicator or entry.code not in (0, _PROTECTIVE) for entry in entries)
            legacy = hybrid or any(one.bios_bootable or one.kind == BIOS_BOOT for one in partitions)
            remark = "the primary GPT is damaged, its backup is sound" if copy == "backup" else ""
            return Partitions(Table.GPT, size, tuple(partitions), boot_code and legacy, remark)
    raise Invalid(f"both copies of the GPT are damaged ({why})", "look with `sgdisk --verify`; it may be cut off")


def _gpt_copy(source: Source, offset: int, sector_bytes: int) -> list[Partition]:
    block = exactly(source, offset, sector_bytes)
    header = _GPT.unpack_from(block)
    signature, _, header_bytes, header_crc = header[:4]
    mine, array_at, count, entry_bytes, array_crc = header[5], *header[10:]
    if signature != _GPT_SIGNATURE or not _GPT.size <= header_bytes <= sector_bytes:
        raise Invalid("it has no GPT header")
    if zlib.crc32(block[:16] + bytes(4) + block[20:header_bytes]) != header_crc or mine * sector_bytes != offset:
        raise Invalid("the checksum or the place of the GPT header is wrong")
    if entry_bytes < _GPT_ENTRY.size or entry_bytes % 8 or count * entry_bytes > _LARGEST_ARRAY_BYTES:
        raise Invalid("the GPT's entries have an impossible size")
    array = exactly(source, array_at * sector_bytes, count * entry_bytes)
    if zlib.crc32(array) != array_crc:
        raise Invalid("the checksum of the GPT's entries is wrong")
    places = range(0, len(array), entry_bytes)
    found = (_gpt_partition(number, array, place, sector_bytes) for number, place in enumerate(places, 1))
    return [partition for partition in found if partition]


def _gpt_partition(number: int, array: bytes, place: int, sector_bytes: int) -> Partition | None:
    kind, _, first, last, attributes, name = _GPT_ENTRY.unpack_from(array, place)
    if kind == _UNUSED:
        return None
    if last < first:
        raise Invalid(f"partition {number} of the GPT ends before it begins")
    return Partition(
        number,
        first * sector_bytes,
        (last - first + 1) * sector_bytes,
        str(uuid.UUID(bytes_le=kind)),
        name.decode("utf-16-le", "replace").partition("\0")[0],
        bios_bootable=bool(attributes & _LEGACY_BOOTABLE),
    )
