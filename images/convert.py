"""Virtual machines' disks (qcow2, VMDK, VHDX, VHD) become raw.zst, with qemu-img, once, where they are added.

It runs in the command line and not in the service: a parser of hostile files in C stays out of the process that holds
the fleet's secrets, a conversion of minutes holds up no other request, and less is sent. The service takes only raw and
raw.zst. The file may still be hostile to whoever adds it, so everything that leads out of it is refused first, and
qemu-img is told the format, that the file is a file, and that nothing is behind it.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from bmprov.errors import Fatal, Invalid
from images.bounded import Bounds, Told, run
from images.virtual_disk import recognise

MAX_RAW_BYTES = 2**40
_INFO = Bounds(file_bytes=2**20, cpu_s=20, wall_s=30.0)
_SLACK_BYTES = 2**20
_PIECE_BYTES = 2**22
_LEVEL = 3


@dataclass(frozen=True)
class Packed:
    """A raw.zst file."""

    path: Path
    sha256: str
    size_bytes: int
    raw_size_bytes: int


def foreign(source: Path) -> str | None:
    """The format of a virtual machine's disk, as qemu-img names it; None for anything else.

    Raises:
        Invalid: it is one that must not be opened, or the file cannot be read.
    """
    try:
        with source.open("rb") as file:
            return recognise(file)
    except OSError as error:
        raise Invalid(f"{source} cannot be read ({error.strerror})", "look at its name and its owner") from error


def convert(
    source: Path,
    format: str,  # noqa: A002 - the catalogue's word
    folder: Path,
    progress: Callable[[int, int], object] = lambda _done, _total: None,
    max_raw_bytes: int = MAX_RAW_BYTES,
) -> Packed:
    """A disk file as raw.zst in `folder`, which must have room for its data twice.

    `progress` is called with bytes done and in all, while the raw bytes are packed.

    Raises:
        Invalid: the file is damaged, depends on another one, or holds more than `max_raw_bytes`.
        Fatal: qemu-img is not installed, or the folder is full.
    """
    named = _only_this_file(source, format)
    raw_size_bytes = _inspect(named, source, max_raw_bytes)
    raw = folder.resolve() / "converted.raw"
    try:
        bounds = Bounds(file_bytes=raw_size_bytes + _SLACK_BYTES)
        _sound(run("qemu-img", "qemu-utils", ["convert", "-q", "-O", "raw", named, str(raw)], bounds), source)
        return pack(raw, folder / "converted.raw.zst", progress)
    except OSError as error:
        raise Fatal(f"there is no room in {folder} ({error.strerror})", "set TMPDIR to a larger folder") from error
    finally:
        raw.unlink(missing_ok=True)


def pack(raw: Path, target: Path, progress: Callable[[int, int], object] = lambda _done, _total: None) -> Packed:
    """A raw disk as raw.zst; `progress` is called with bytes done and in all."""
    total, done, digest = raw.stat().st_size, 0, hashlib.sha256()
    packer = zstandard.ZstdCompressor(level=_LEVEL, threads=-1, write_checksum=True).compressobj(size=total)
    with raw.open("rb") as source, target.open("wb") as file:
        while data := source.read(_PIECE_BYTES):
            _put(file.write, digest.update, packer.compress(data))
            done += len(data)
            progress(done, total)
        _put(file.write, digest.update, packer.flush())
    return Packed(target, digest.hexdigest(), target.stat().st_size, total)


def _only_this_file(source: Path, format: str) -> str:  # noqa: A002 - the catalogue's word
    """What qemu-img opens: no protocol in a name, no probing, no backing file."""
    opened: dict[str, Any] = {"driver": format, "file": {"driver": "file", "filename": str(source.resolve())}}
    if format in ("qcow2", "vmdk"):
        opened["backing"] = None
    return f"json:{json.dumps(opened)}"


def _inspect(named: str, source: Path, max_raw_bytes: int) -> int:
    """The size of the disk in bytes, when qemu-img too sees nothing behind the file."""
    told = run("qemu-img", "qemu-utils", ["info", "--output=json", named], _INFO)
    _sound(told, source)
    info = json.loads(told.out)
    special = info.get("format-specific", {}).get("data", {})
    outside = [extent.get("filename") for extent in special.get("extents", [])]
    own = {str(source.resolve()), named}
    if info.get("backing-filename") or special.get("data-file") or not own.issuperset(outside):
        raise Invalid(f"{source.name} depends on other files", "make one file of it with qemu-img convert")
    size = int(info["virtual-size"])
    if not 0 < size <= max_raw_bytes:
        raise Invalid(f"the disk in {source.name} has {size} bytes", f"at most {max_raw_bytes} are converted")
    return size


def _sound(told: Told, source: Path) -> None:
    if told.code:
        raise Invalid(f"qemu-img cannot read {source.name} ({told.complaint})", "look with `qemu-img check`")


def _put(write: Callable[[bytes], object], update: Callable[[bytes], object], data: bytes) -> None:
    write(data)
    update(data)
