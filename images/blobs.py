"""The bytes of images on disk, named by their SHA-256: the same bytes are kept once, and half-written ones never seen.

A blob is written beside its place, checked, flushed, and renamed into it. Formats: `raw`, and `raw.zst` (RFC 8878),
which is unpacked once while it is taken in, to know that it can be and what comes out.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import zstandard

from bmprov.errors import Fatal, Invalid
from images.layout import Layout, read_layout
from images.ramdisk.agent.tree import Tree
from images.source import WINDOW_LIMIT_BYTES, opened

RAW, RAW_ZST = "raw", "raw.zst"
FORMATS = (RAW, RAW_ZST)
_CHUNK_BYTES = 2**20
_PIECE_BYTES = 2**11  # four bytes may unpack to 128 KiB (RFC 8878, RLE_Block), so a piece to 64 MiB at most
_MAX_RAW_BYTES = 16 * 2**40
_MAGICS = {
    b"QFI\xfb": "qcow2",
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"PK\x03\x04": "zip",
    b"KDMV": "vmdk",
    b"# Disk DescriptorFile": "vmdk",
    b"vhdxfile": "vhdx",
    b"conectix": "vhd",
}
_CONVERT = "convert it first: qemu-img convert -O raw, as `bmprov image add` does"
_REMEDY = dict.fromkeys(("qcow2", "vmdk", "vhdx", "vhd"), _CONVERT)
_ZST_MAGIC = b"\x28\xb5\x2f\xfd"
_LONGEST_MAGIC = max(map(len, [*_MAGICS, _ZST_MAGIC]))


@dataclass(frozen=True)
class Blob:
    """Stored bytes: their hash and size as they are, and the tree's hash and the size of what will be on a disk."""

    sha256: str
    size_bytes: int
    raw_tree_sha512: str
    raw_size_bytes: int
    format: str
    path: Path


def recognised(head: bytes, format: str | None) -> str:  # noqa: A002 - the catalogue's word
    """The format of an image, as it was said or else as its first bytes tell it.

    Raises:
        Invalid: it is in another one, which cannot be written to a disk.
    """
    packed = head.startswith(_ZST_MAGIC)
    found = format or (RAW_ZST if packed else RAW)
    other = next((name for magic, name in _MAGICS.items() if head.startswith(magic)), None)
    if found == RAW and other is not None:
        raise Invalid(f"this is a {other} file and not a raw disk image", _REMEDY.get(other, "unpack it first"))
    if found == RAW_ZST and not packed:
        raise Invalid("this is not a zstd file", "say `raw` when it is a raw disk image")
    return found


class ImageStore:
    """The folder of blobs. Processes may share it. `max_raw_bytes` bounds what a compressed image may unpack to."""

    def __init__(self, root: Path, max_raw_bytes: int = _MAX_RAW_BYTES) -> None:
        self._root = root
        self._max_raw_bytes = max_raw_bytes

    def path(self, sha256: str) -> Path:
        """Where the blob with this hash is, or would be.

        Raises:
            Invalid: it is no SHA-256; so no path outside the folder can be named.
        """
        if len(sha256) != hashlib.sha256().digest_size * 2 or not set(sha256) <= set("0123456789abcdef"):
            raise Invalid(f"'{sha256[:80]}' is not a SHA-256", "64 digits, 0 to 9 and a to f")
        return self._root / sha256

    def has(self, sha256: str) -> bool:
        """Whether the blob is here."""
        return self.path(sha256).is_file()

    def add(
        self,
        stream: IO[bytes],
        *,
        expected_sha256: str | None = None,
        format: str | None = None,  # noqa: A002 - the catalogue's word
        progress: Callable[[int], object] = lambda _: None,
    ) -> Blob:
        """Take in all of `stream`; `progress` is called with the bytes taken so far.

        Raises:
            Invalid: the bytes are not what was promised, or not in a format that can be written to a disk.
            Fatal: the disk is full or fails. Nothing is left of the attempt in any case.
        """
        if format is not None and format not in FORMATS:
            raise Invalid(f"'{format}' is not a format of images", f"it is one of {', '.join(FORMATS)}")
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".incoming-", dir=self._root)
            try:
                with os.fdopen(handle, "wb") as file:
                    intake = _Intake(format, self._max_raw_bytes)
                    _copy(stream, file, intake, progress)
                return self._keep(Path(name), intake, expected_sha256)
            finally:
                Path(name).unlink(missing_ok=True)
        except OSError as error:
            raise Fatal(
                f"the image could not be kept in {self._root} ({error.strerror})", "look at the disk's free space"
            ) from error

    def remove(self, sha256: str) -> None:
        """Delete a blob; nothing when it is not here."""
        self.path(sha256).unlink(missing_ok=True)

    def verify(self, sha256: str) -> bool:
        """Whether the bytes on disk still have the hash that they are named by."""
        with self.path(sha256).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256

    def digest(self, sha256: str) -> str:
        """The tree's digest (images/ramdisk/agent/tree.py) of what a blob unpacks to.

        Raises:
            Invalid: it does not unpack.
            Fatal: it cannot be read.
        """
        try:
            with self.path(sha256).open("rb") as file:
                intake = _Intake(None, self._max_raw_bytes)
                while data := file.read(_CHUNK_BYTES):
                    intake.take(data)
                return intake.finish(self._root).raw_tree_sha512
        except OSError as error:
            raise Fatal(f"the image cannot be read in {self._root} ({error.strerror})", "look at the disk") from error

    def layout(self, blob: Blob) -> Layout:
        """What a blob can boot on.

        Raises:
            Invalid: it has no partition table, or one that cannot be read.
            Fatal: the disk is full or fails.
        """
        try:
            with opened(blob.path, packed=blob.format == RAW_ZST, raw_size_bytes=blob.raw_size_bytes) as disk:
                return read_layout(disk)
        except OSError as error:
            raise Fatal(
                f"the image cannot be looked into in {self._root} ({error.strerror})", "look at the disk's free space"
            ) from error

    def sweep(self, older_than: float) -> int:
        """Delete what a killed process has left half-written before `older_than` (seconds since the epoch).

        How many.
        """
        left = [path for path in self._root.glob(".incoming-*") if path.stat().st_mtime < older_than]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def _keep(self, incoming: Path, intake: "_Intake", expected_sha256: str | None) -> Blob:
        blob = intake.finish(self._root)
        if expected_sha256 is not None and blob.sha256 != expected_sha256.lower():
            raise Invalid(f"the image has SHA-256 {blob.sha256} and not {expected_sha256}", "download it again")
        incoming.chmod(0o644)
        incoming.replace(blob.path)
        folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return blob


class _Intake:
    """Hashes bytes on their way in, as they are and as they unpack."""

    def __init__(self, format: str | None, max_raw_bytes: int) -> None:  # noqa: A002 - the catalogue's word
        self._format = format
        self._max_raw_bytes = max_raw_bytes
        self._stored = hashlib.sha256()
        self._raw = Tree()
        self._unpacker: zstandard.ZstdDecompressionObj | None = None
        self.size_bytes = 0
        self._raw_size_bytes = 0
        self._raw_head = b""

    def take(self, data: bytes) -> None:
        """The next bytes; the first of them tell the format when nobody else has."""
        if self.size_bytes == 0:
            self._format = recognised(data, self._format)
        self.size_bytes += len(data)
        self._stored.update(data)
        if self._format == RAW_ZST:
            self._unpack(data)
        else:
            self._raw.update(data)

    def finish(self, folder: Path) -> Blob:
        """What was taken in, as a blob of `folder`."""
        if self.size_bytes == 0:
            raise Invalid("the image is empty", "look at the file")
        if self._unpacker is not None and not self._unpacker.eof:
            raise Invalid("the compressed image ends in its middle", "download it again, or try it with `zstd --test`")
        stored = self._stored.hexdigest()
        recognised(self._raw_head, RAW)
        packed = self._format == RAW_ZST
        raw_size_bytes = self._raw_size_bytes if packed else self.size_bytes
        format = RAW_ZST if packed else RAW  # noqa: A001 - the catalogue's word
        return Blob(stored, self.size_bytes, self._raw.hexdigest(), raw_size_bytes, format, folder / stored)

    def _unpack(self, data: bytes) -> None:
        for place in range(0, len(data), _PIECE_BYTES):
            piece = data[place : place + _PIECE_BYTES]
            while piece:
                if self._unpacker is None or self._unpacker.eof:  # a zstd file may consist of several frames
                    self._unpacker = zstandard.ZstdDecompressor(max_window_size=WINDOW_LIMIT_BYTES).decompressobj()
                self._count(self._unpacked(piece))
                piece = self._unpacker.unused_data if self._unpacker.eof else b""

    def _unpacked(self, data: bytes) -> bytes:
        try:
            return self._unpacker.decompress(data) if self._unpacker else b""
        except zstandard.ZstdError as error:
            raise Invalid(f"the compressed image does not unpack ({error})", "try it with `zstd --test`") from error

    def _count(self, raw: bytes) -> None:
        self._raw.update(raw)
        self._raw_size_bytes += len(raw)
        self._raw_head += raw[: _LONGEST_MAGIC - len(self._raw_head)]
        if self._raw_size_bytes > self._max_raw_bytes:
            raise Invalid(f"the image unpacks to more than {self._max_raw_bytes} bytes", "no disk of ours is so large")


def _head(stream: IO[bytes]) -> bytes:
    """Enough of the beginning to tell the format by; a stream from the network may give it byte by byte."""
    head = b""
    while len(head) < _LONGEST_MAGIC and (data := stream.read(_CHUNK_BYTES)):
        head += data
    return head


def _copy(stream: IO[bytes], file: IO[bytes], intake: _Intake, progress: Callable[[int], object]) -> None:
    head = _head(stream)
    while data := head or stream.read(_CHUNK_BYTES):
        head = b""
        intake.take(data)
        file.write(data)
        progress(intake.size_bytes)
    file.flush()
    os.fsync(file.fileno())
