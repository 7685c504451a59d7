"""Random access to the bytes of a disk image, whether they lie in a file or must be unpacked first.

A compressed image is unpacked only as far as somebody reads, into a sparse file without a name. What tells how an image
boots lies at its beginning, so that is usually some MiB of it.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Protocol

import zstandard

from bmprov.errors import Invalid

WINDOW_LIMIT_BYTES = 2**27
REACH_BYTES = 4 * 2**30
"""How far into a compressed image it is looked."""

_PIECE_BYTES = 2**20


class Source(Protocol):
    """A disk's bytes."""

    @property
    def size_bytes(self) -> int:
        """The size of the disk."""

    def read(self, offset: int, size: int) -> bytes:
        """The `size` bytes at `offset`; fewer, or none, past the end.

        Raises:
            Invalid: what is there cannot be had.
        """


def exactly(source: Source, offset: int, size: int) -> bytes:
    """The `size` bytes at `offset`.

    Raises:
        Invalid: the image ends before.
    """
    data = source.read(offset, size)
    if len(data) != size:
        raise Invalid(f"the image ends before its byte {offset + size}", "it may be cut off: look at its size")
    return data


class RawSource:
    """An open file that holds the disk's bytes as they are."""

    def __init__(self, file: IO[bytes]) -> None:
        self._descriptor = file.fileno()
        self.size_bytes = os.fstat(self._descriptor).st_size

    def read(self, offset: int, size: int) -> bytes:
        """The bytes at `offset`."""
        return os.pread(self._descriptor, size, offset) if 0 <= offset < self.size_bytes else b""


class UnpackedSource:
    """An open zstd file (RFC 8878) whose content is the disk; `raw_size_bytes` is known from when it was taken in."""

    def __init__(
        self, file: IO[bytes], raw_size_bytes: int, scratch: IO[bytes], reach_bytes: int = REACH_BYTES
    ) -> None:
        unpacker = zstandard.ZstdDecompressor(max_window_size=WINDOW_LIMIT_BYTES)
        self._stream = unpacker.stream_reader(file, read_across_frames=True)
        self._scratch = scratch
        self._unpacked_bytes = 0
        self._reach_bytes = reach_bytes
        self.size_bytes = raw_size_bytes

    def read(self, offset: int, size: int) -> bytes:
        """The bytes at `offset`, unpacked as far as that.

        Raises:
            Invalid: they are too far away, or the file does not unpack.
        """
        if not 0 <= offset < self.size_bytes:
            return b""
        end = min(offset + size, self.size_bytes)
        if end > self._reach_bytes:
            raise Invalid(
                f"what tells how the image boots is not in its first {self._reach_bytes} bytes", "add it uncompressed"
            )
        self._unpack(end)
        return os.pread(self._scratch.fileno(), end - offset, offset)

    def _unpack(self, end: int) -> None:
        while self._unpacked_bytes < end:
            try:
                data = self._stream.read(_PIECE_BYTES)
            except zstandard.ZstdError as error:
                raise Invalid(f"the compressed image does not unpack ({error})", "try it with `zstd --test`") from error
            if not data:
                raise Invalid("the compressed image ends in its middle", "try it with `zstd --test`")
            if data.count(0) != len(data):
                os.pwrite(self._scratch.fileno(), data, self._unpacked_bytes)
            self._unpacked_bytes += len(data)
            os.truncate(self._scratch.fileno(), self._unpacked_bytes)


def opened(path: Path, *, packed: bool, raw_size_bytes: int) -> AbstractContextManager[Source]:
    """The image at `path` as a disk; what is unpacked of it lies in the same folder and goes at the end."""
    return _unpacked(path, raw_size_bytes) if packed else _raw(path)


@contextmanager
def _raw(path: Path) -> Iterator[Source]:
    with path.open("rb") as file:
        yield RawSource(file)


@contextmanager
def _unpacked(path: Path, raw_size_bytes: int) -> Iterator[Source]:
    with path.open("rb") as file, tempfile.TemporaryFile(dir=path.parent) as scratch:
        yield UnpackedSource(file, raw_size_bytes, scratch)
