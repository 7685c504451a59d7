"""An initramfs: a cpio archive (newc, Documentation/driver-api/early-userspace of Linux), compressed with zstd.

The same files give the same bytes: names are sorted, all is root's, and no time is kept.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import zstandard

_LEVEL = 15
_MAGIC = b"070701"
_END = "TRAILER!!!"


def write(tree: Path, file: IO[bytes]) -> None:
    """Write everything below `tree` as an initramfs."""
    # the kernel's decoder takes windows of up to 128 MiB, and needs no size
    with zstandard.ZstdCompressor(level=_LEVEL, threads=-1).stream_writer(file, closefd=False) as packed:
        for number, (name, path) in enumerate(_entries(tree), 1):
            for piece in _entry(number, name, path):
                packed.write(piece)
        packed.write(_header(0, _END, 0, 0, 1))


def _entries(tree: Path) -> Iterator[tuple[str, Path]]:
    for folder, folders, files in os.walk(tree):
        folders.sort()
        for name in sorted([*folders, *files]):
            path = Path(folder) / name
            yield str(path.relative_to(tree)), path


def _entry(number: int, name: str, path: Path) -> Iterator[bytes]:
    told = path.lstat()
    if stat.S_ISLNK(told.st_mode):
        content = os.fsencode(path.readlink())
        yield _header(number, name, stat.S_IFLNK | 0o777, len(content), 1)
    elif stat.S_ISDIR(told.st_mode):
        content = b""
        yield _header(number, name, stat.S_IFDIR | 0o755, 0, 2)
    else:
        content = path.read_bytes()
        yield _header(number, name, stat.S_IFREG | (0o755 if told.st_mode & stat.S_IXUSR else 0o644), len(content), 1)
    yield content + bytes(-len(content) % 4)


def _header(number: int, name: str, mode: int, size: int, links: int) -> bytes:
    encoded = os.fsencode(name) + b"\0"
    fields = (number, mode, 0, 0, links, 0, size, 0, 0, 0, 0, len(encoded), 0)
    head = _MAGIC + b"".join(b"%08X" % value for value in fields) + encoded
    return head + bytes(-len(head) % 4)
