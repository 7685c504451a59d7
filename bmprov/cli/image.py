"""`bmprov image`: the catalogue of disk images."""

import math
from pathlib import Path
from typing import Any

import click

from bmprov.cli import adding
from bmprov.cli.api import Api, path
from bmprov.cli.building import build_ramdisk, build_system
from bmprov.cli.options import as_json, connected
from bmprov.cli.output import clock, print_json, print_record, print_table
from bmprov.model import Arch
from bmprov.quantities import size
from images.provenance import Evidence

_SHORT_HASH = 12


@click.group()
def command() -> None:
    """Disk images that machines can be deployed with."""


command.add_command(build_system)
command.add_command(build_ramdisk)


@command.command(short_help="Add a disk image, from a file or a URL.")
@click.argument("name")
@click.argument("source", metavar="FILE|URL")
@click.option("--sha256", metavar="HEX", help="What the file must have.")
@click.option("--checksums", metavar="FILE|URL", help="A checksum file that names it, such as SHA256SUMS.")
@click.option("--signature", metavar="FILE|URL", help="An OpenPGP signature of it, or of the checksum file.")
@click.option("--gpg-key", metavar="FILE", type=click.Path(path_type=Path), help="The maker's public key.")
@click.option("--format", "image_format", type=click.Choice(adding.FORMATS), help="Else told by the content.")
@click.option("--arch", type=click.Choice([arch.value for arch in Arch]), help="Else told by the image's loader.")
@as_json
@connected
def add(
    api: Api,
    *,
    name: str,
    source: str,
    image_format: str | None,
    arch: str | None,
    as_json: bool,
    **given: Any,  # noqa: ANN401 - what the evidence is made of
) -> None:
    """Add a disk image to the catalogue as NAME, from a file or over HTTP.

    raw and raw.zst are sent as they are; qcow2, vmdk, vhdx and vpc (VHD) are converted first, with qemu-img. A download
    that breaks off goes on when the command is run again. With --gpg-key, a signature is looked for beside the
    checksum file or the image unless --signature names it.
    """
    with (
        adding.Steps() as steps,
        adding.found(source, Evidence(**given), steps) as image,
        adding.sendable(image, image_format, steps) as (ready, kind),
        ready.path.open("rb") as content,
    ):
        size_bytes = ready.path.stat().st_size
        query = {"sha256": ready.sha256, "format": kind} | ({"arch": arch} if arch else {})
        with steps.wrap_file(content, size_bytes, description="sending") as counted:
            added = api.upload(path("images", name), counted, size_bytes, query)
    if as_json:
        return print_json(added)
    return _tell(added, image.proofs)


@command.command("list")
@as_json
@connected
def list_all(api: Api, *, as_json: bool) -> None:
    """List the images by name."""
    found = api.get("/images")["images"]
    if as_json:
        return print_json(found)
    rows = (
        [
            *(one["name"], one["arch"] or "?", _boots(one), one["layout"] or "?", _disk(one["min_disk_bytes"])),
            *(one["format"], size(one["size_bytes"]), one["sha256"][:_SHORT_HASH], "; ".join(one["remarks"])),
        ]
        for one in found
    )
    columns = ["NAME", "ARCH", "BOOTS BY", "LAYOUT", "DISK FROM", "FORMAT", "SIZE", "SHA-256", "REMARKS"]
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
            *((key, found[key]) for key in ("name", "id", "format", "sha256")),
            ("size", f"{size(found['size_bytes'])} ({found['size_bytes']} bytes)"),
            ("on the machine's disk", size(found["raw_size_bytes"])),
            ("raw_tree_sha512", found["raw_tree_sha512"]),
            ("architecture", found["arch"] or "not known"),
            ("layout", found["layout"] or "not known"),
            ("boots by", _boots(found).replace("?", "not known")),
            ("smallest disk", f"{_disk(found['min_disk_bytes'])} ({found['min_disk_bytes']} bytes)"),
            *(("remark", remark) for remark in found["remarks"]),
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


def _boots(image: dict[str, Any]) -> str:
    """The firmwares that boot an image; a question mark when that is not known."""
    modes = image["boot_modes"]
    return "?" if modes is None else ", ".join(modes) or "none"


def _disk(size_bytes: int) -> str:
    """The size of a disk that is large enough: rounded up."""
    return f"{math.ceil(size_bytes / 2**30 * 10) / 10:.1f} GiB"


def _tell(added: dict[str, Any], proofs: tuple[str, ...]) -> None:
    for proof in proofs:
        click.echo(proof)
    click.echo(f"image {added['name']} is in the catalogue: {size(added['size_bytes'])}, {added['sha256']}")
    if added["layout"]:
        what = f"{added['arch'] or 'an architecture that is not known'}, {added['layout']}"
        click.echo(f"it boots by {_boots(added)} ({what}) on disks from {_disk(added['min_disk_bytes'])}")
    for remark in added["remarks"]:
        click.echo(f"remark: {remark}")
