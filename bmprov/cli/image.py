"""`bmprov image`: the catalogue of disk images."""

import hashlib
from pathlib import Path
from typing import BinaryIO

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from bmprov.cli.api import Api, path
from bmprov.cli.options import as_json, connected
from bmprov.cli.output import clock, print_json, print_record, print_table, progress_console, size
from bmprov.errors import Invalid
from bmprov.model import Arch
from images.blobs import FORMATS

_PIECE_BYTES = 2**20


@click.group()
def command() -> None:
    """Disk images that machines can be deployed with."""


@command.command()
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--sha256", help="What the file must have; else it is computed before it is sent.")
@click.option("--format", "image_format", type=click.Choice(FORMATS), help="Else told by the file's content.")
@click.option("--arch", type=click.Choice([arch.value for arch in Arch]), default=Arch.X86_64.value, show_default=True)
@as_json
@connected
def add(
    api: Api, *, name: str, file: Path, sha256: str | None, image_format: str | None, arch: str, as_json: bool
) -> None:
    """Add FILE to the catalogue as NAME. The service checks the SHA-256 of what arrives."""
    with _opened(file) as content, _progress() as progress:
        size_bytes = file.stat().st_size
        digest = sha256 or _digest(content, size_bytes, progress)
        query = {"sha256": digest, "arch": arch} | ({"format": image_format} if image_format else {})
        with progress.wrap_file(content, size_bytes, description="sending") as counted:
            added = api.upload(path("images", name), counted, size_bytes, query)
    if as_json:
        return print_json(added)
    return click.echo(f"image {added['name']} is in the catalogue: {size(added['size_bytes'])}, {added['sha256']}")


@command.command("list")
@as_json
@connected
def list_all(api: Api, *, as_json: bool) -> None:
    """List the images by name."""
    found = api.get("/images")["images"]
    if as_json:
        return print_json(found)
    rows = (
        [one["name"], one["format"], one["arch"], size(one["size_bytes"]), size(one["raw_size_bytes"]), one["sha256"]]
        for one in found
    )
    columns = ["NAME", "FORMAT", "ARCH", "SIZE", "ON DISK", "SHA-256"]
    return print_table(columns, rows, empty="the catalogue is empty: `bmprov image add NAME FILE`")


@command.command()
@click.argument("name")
@as_json
@connected
def show(api: Api, *, name: str, as_json: bool) -> None:
    """Show an image."""
    found = api.get(path("images", name))
    if as_json:
        return print_json(found)
    return print_record(
        [
            *((key, found[key]) for key in ("name", "id", "format", "arch", "sha256")),
            ("size", f"{size(found['size_bytes'])} ({found['size_bytes']} bytes)"),
            ("on the machine's disk", f"{size(found['raw_size_bytes'])}, sha256 {found['raw_sha256']}"),
            ("added", clock(found["created_at"])),
        ]
    )


@command.command()
@click.argument("name")
@connected
def remove(api: Api, *, name: str) -> None:
    """Remove an image that no instance uses."""
    api.delete(path("images", name))
    click.echo(f"image {name} is removed")


def _opened(file: Path) -> BinaryIO:
    """The file, open.

    Raises:
        Invalid: it cannot be an image, which is told before anything is sent.
    """
    try:
        if not file.stat().st_size:
            raise Invalid(f"{file} is empty", "look at the file")
        return file.open("rb")
    except OSError as error:
        raise Invalid(f"{file} cannot be read ({error.strerror})", "look at its name and its owner") from error


def _digest(content: BinaryIO, size_bytes: int, progress: Progress) -> str:
    task = progress.add_task("SHA-256", total=size_bytes)
    digest = hashlib.sha256()
    while piece := content.read(_PIECE_BYTES):
        digest.update(piece)
        progress.advance(task, len(piece))
    content.seek(0)
    return digest.hexdigest()


def _progress() -> Progress:
    columns = (
        TextColumn("{task.description:8}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    shown = progress_console()
    return Progress(*columns, console=shown, disable=not shown.is_terminal)
