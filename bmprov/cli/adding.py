"""`bmprov image add`, step by step: fetch or find the file, hold it against the evidence, convert it, send it."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from bmprov.cli.output import progress_console
from bmprov.errors import Invalid, Retryable
from bmprov.quantities import size
from images import blobs, virtual_disk
from images.checksums import Digests, Hasher, Mismatch
from images.convert import convert, foreign
from images.fetch import Fetcher, is_url
from images.partial import Downloads, Partial
from images.provenance import Evidence, prove, require

FORMATS = (*blobs.FORMATS, *virtual_disk.FORMATS)
_PIECE_BYTES = 2**20
_HEAD_BYTES = 2**10


@dataclass(frozen=True)
class Found:
    """An image on this host's disk. `proofs` are sentences on where it comes from."""

    path: Path
    sha256: str
    proofs: tuple[str, ...] = ()


class Steps(Progress):
    """Bars for steps that take a while: bytes done, of bytes in all when that is known. Nothing without a terminal."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description:10}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        console = progress_console()
        super().__init__(*columns, console=console, disable=not console.is_terminal)

    def stop(self) -> None:
        """Without the empty line that rich's own prints where there is no terminal."""
        self.live.stop()

    def step(self, name: str, total_bytes: int | None = None) -> Callable[[int, int | None], None]:
        """A new bar, and what moves it: a function of bytes done and in all."""
        task = self.add_task(name, total=total_bytes)
        return lambda done, total: self.update(task, completed=done, total=total)


@contextmanager
def found(source: str, evidence: Evidence, steps: Steps) -> Iterator[Found]:
    """The bytes of a file or a URL, proven. A download is kept until the block has ended well.

    Raises:
        Invalid, Fatal, Retryable: they cannot be had, or are not what they should be.
    """
    require(source, evidence)
    with closing(Fetcher()) as fetcher:
        if not is_url(source):
            path = _file(source)
            digests = _digests(path, steps)
            yield Found(path, digests.sha256, tuple(prove(source, path, digests, evidence, fetcher)))
            return
        downloads = Downloads(_cache())
        downloads.sweep()
        with downloads.partial(source) as partial:
            digests = _fetched(source, partial, fetcher, steps)
            path = downloads.path(source)
            try:
                proofs = tuple(prove(source, path, digests, evidence, fetcher))
            except Mismatch:
                downloads.forget(source)
                raise
            yield Found(path, digests.sha256, proofs)
            downloads.forget(source)


@contextmanager
def sendable(image: Found, image_format: str | None, steps: Steps) -> Iterator[tuple[Found, str]]:
    """An image in a format that the service takes, and that format; a virtual machine's disk is converted first.

    Raises:
        Invalid: it is in another format than was said, or in one that nobody takes.
        Fatal: qemu-img is not installed, or there is no room.
    """
    kind = None if image_format in blobs.FORMATS else foreign(image.path)
    if image_format in virtual_disk.FORMATS and kind != image_format:
        raise Invalid(f"this is no {image_format} file", "leave --format out: the content tells the format")
    if kind is None:
        with image.path.open("rb") as file:
            yield image, blobs.recognised(file.read(_HEAD_BYTES), image_format)
        return
    with tempfile.TemporaryDirectory(prefix="bmprov-image-") as folder:
        packed = convert(image.path, kind, Path(folder), steps.step("converting"))
        yield Found(packed.path, packed.sha256, image.proofs), blobs.RAW_ZST


def _fetched(url: str, partial: Partial, fetcher: Fetcher, steps: Steps) -> Digests:
    if partial.size_bytes:
        click.echo(f"going on with the download after {size(partial.size_bytes)}", err=True)
    try:
        return fetcher.fetch(url, partial, steps.step("fetching", partial.total_bytes))
    except Retryable as error:
        raise Retryable(error.why, f"{error.check}; {_outlook(partial)}".removeprefix("; ")) from error
    except KeyboardInterrupt:
        click.echo(_outlook(partial), err=True)
        raise


def _outlook(partial: Partial) -> str:
    if partial.may_go_on:
        return f"run the command again and it goes on after {size(partial.size_bytes)}"
    return "run the command again: it begins anew, because this server does not say whether its file has changed"


def _file(name: str) -> Path:
    """A file that may be an image.

    Raises:
        Invalid: it is not there, or empty.
    """
    path = Path(name)
    try:
        if not path.stat().st_size:
            raise Invalid(f"{name} is empty", "look at the file")
    except OSError as error:
        check = "a URL begins with http:// or https://" if "://" in name else "look at its name and its owner"
        raise Invalid(f"{name} cannot be read ({error.strerror})", check) from error
    return path


def _digests(path: Path, steps: Steps) -> Digests:
    hasher, done = Hasher(), 0
    try:
        with path.open("rb") as file:
            total = path.stat().st_size
            tell = steps.step("checksum", total)
            while piece := file.read(_PIECE_BYTES):
                hasher.update(piece)
                done += len(piece)
                tell(done, total)
    except OSError as error:
        raise Invalid(f"{path} cannot be read ({error.strerror})", "look at its name and its owner") from error
    return hasher.digests()


def _cache() -> Path:
    """Where downloads are kept until they are whole (XDG Base Directory Specification)."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if given.startswith("/") else Path.home() / ".cache") / "bmprov" / "downloads"
