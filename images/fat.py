"""Reading FAT12, FAT16 and FAT32 (Microsoft's FAT specification 1.03; VFAT's long names), as far as an ESP needs it.

Reads only. Everything is bounded, because the filesystem comes from whoever made the image. Our own and not pyfatfs:
what is needed is this page, and that one brings PyFilesystem2, whose last release is of 2022.
"""

import struct
from dataclasses import dataclass

from bmprov.errors import Invalid
from images.source import Source, exactly

_BOOT_BYTES = 512
_BPB = struct.Struct("<HBHBHHBHHHII")
_BPB_AT = 11
_ENTRY_BYTES = 32
_MOST_ENTRIES = 4096  # of 65536 in the specification; an ESP's folders hold a few
_VOLUME, _DIRECTORY, _LONG_NAME = 0x08, 0x10, 0x0F
_DELETED, _END = 0xE5, 0x00
_SMALLEST_FAT16 = 4085
_FIRST_CLUSTER = 2


@dataclass(frozen=True)
class Entry:
    """A file or a folder."""

    name: str
    cluster: int
    size_bytes: int
    is_folder: bool


class Fat:
    """A FAT filesystem at `offset` of a disk, of at most `size_bytes`.

    Raises `Invalid` here and from every method when what is read is no sound FAT.
    """

    def __init__(self, source: Source, offset: int, size_bytes: int) -> None:
        self._source = source
        boot = exactly(source, offset, _BOOT_BYTES)
        sector, per_cluster, reserved, fats, roots, few, _, fat16, _, _, _, many = _BPB.unpack_from(boot, _BPB_AT)
        fat32, root_cluster = struct.unpack_from("<I4xI", boot, 36)
        fat_sectors, total = fat16 or fat32, few or many
        root_sectors = -(-roots * _ENTRY_BYTES // sector) if sector else 0
        data = reserved + fats * fat_sectors + root_sectors
        sizes = (sector in (512, 1024, 2048, 4096), per_cluster in (1, 2, 4, 8, 16, 32, 64, 128))
        if boot[-2:] != b"\x55\xaa" or not all((*sizes, reserved, fats, fat_sectors)) or not data < total:
            raise Invalid("it holds no FAT filesystem")
        if total * sector > size_bytes:
            raise Invalid("its FAT filesystem is larger than the partition")
        self._cluster_bytes = sector * per_cluster
        self._clusters = (total - data) // per_cluster
        self._fat_at = offset + reserved * sector
        self._root_at = offset + (reserved + fats * fat_sectors) * sector
        self._root_bytes = roots * _ENTRY_BYTES
        self._data_at = offset + data * sector
        # as EDK II and Linux decide it: mkfs.vfat makes a FAT32 of fewer clusters than the specification allows
        self._bits = 32 if not fat16 else 16 if self._clusters >= _SMALLEST_FAT16 else 12
        self._root_cluster = root_cluster

    def entries(self, folder: Entry | None = None) -> list[Entry]:
        """What a folder holds; None is the root."""
        if folder is None and self._bits != 32:  # noqa: PLR2004 - FAT32 alone keeps its root in clusters
            return _entries(exactly(self._source, self._root_at, self._root_bytes))
        cluster = folder.cluster if folder else self._root_cluster
        return _entries(self._chain(cluster, _MOST_ENTRIES * _ENTRY_BYTES))

    def head(self, file: Entry, size: int) -> bytes:
        """At most the first `size` bytes of a file."""
        wanted = min(size, file.size_bytes)
        return self._chain(file.cluster, wanted)[:wanted]

    def _chain(self, cluster: int, most_bytes: int) -> bytes:
        """The clusters of a chain, at most so many bytes: a circle ends there too."""
        content = bytearray()
        while _FIRST_CLUSTER <= cluster < self._clusters + _FIRST_CLUSTER and len(content) < most_bytes:
            place = self._data_at + (cluster - _FIRST_CLUSTER) * self._cluster_bytes
            content += exactly(self._source, place, self._cluster_bytes)
            cluster = self._next(cluster)
        return bytes(content)

    def _next(self, cluster: int) -> int:
        """What follows in the chain; a mark of its end lies outside the clusters."""
        place = self._fat_at + cluster * self._bits // 8
        value = int.from_bytes(exactly(self._source, place, 4 if self._bits == 32 else 2), "little")  # noqa: PLR2004 - bits
        if self._bits == 12:  # noqa: PLR2004 - bits
            return value >> 4 if cluster % 2 else value & 0xFFF
        return value & 0x0FFFFFFF


def _entries(content: bytes) -> list[Entry]:
    found: list[Entry] = []
    long_name = ""
    for place in range(0, len(content) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        raw = content[place : place + _ENTRY_BYTES]
        first, attributes = raw[0], raw[11]
        if first == _END:
            break
        if first == _DELETED:
            long_name = ""
        elif attributes & 0x3F == _LONG_NAME:
            long_name = (raw[1:11] + raw[14:26] + raw[28:32]).decode("utf-16-le", "replace") + long_name
        else:
            if not attributes & _VOLUME:
                found.append(_entry(raw, long_name))
            long_name = ""
    return [one for one in found if one.name not in (".", "..")]


def _entry(raw: bytes, long_name: str) -> Entry:
    high, low, size_bytes = struct.unpack("<H4xHI", raw[20:32])
    name = long_name.partition("\0")[0] or _short_name(raw)
    return Entry(name, high << 16 | low, size_bytes, is_folder=bool(raw[11] & _DIRECTORY))


def _short_name(raw: bytes) -> str:
    stem, extension = (part.decode("cp437").rstrip() for part in (raw[:8], raw[8:11]))
    return f"{stem}.{extension}" if extension else stem
