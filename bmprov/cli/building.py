"""`bmprov image build` and `build-ramdisk`: what bmprov makes itself from Debian's packages."""

import platform
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from bmprov import settings
from bmprov.cli.folder import Folder
from bmprov.errors import Fatal, Invalid
from bmprov.quantities import size
from images.convert import pack
from images.ramdisk.build import build
from images.ramdisk.flavours import FLAVOURS
from images.system import debian, tiny

_TINY = "tiny"
_PACKED = ".zst"
_ARCH = "x86_64"


@click.command("build", short_help="Build a system's image from packages.")
@click.argument("system", type=click.Choice([_TINY, *debian.RELEASES]))
@click.argument("file", type=click.Path(path_type=Path))
def build_system(*, system: str, file: Path) -> None:
    """Build the image of an operating SYSTEM into FILE: a raw disk, packed when FILE ends in .zst.

    `debian-12` is for tenants: cloud-init, ssh, any machine; needs root and mmdebstrap. `tiny` boots in seconds, takes
    its name and its user data, and lets nobody in: for rehearsals. Both boot with BIOS and UEFI, Secure Boot included.
    Then add it: `bmprov image add NAME FILE`.
    """
    out = file.absolute()
    if not out.parent.is_dir():
        raise Invalid(f"there is no folder {out.parent}", "make it first")
    if out.is_dir():
        raise Invalid(f"{file} is a folder", "give the name of a file in it")
    with _building(out.parent):
        if out.suffix == _PACKED:
            _packed(system, out)
        else:
            _system(system, out, click.echo)
    click.echo(f"{file}: {size(out.stat().st_size)}")


@click.command("build-ramdisk", short_help="Build the deploy ramdisk.")
@click.option("--flavour", type=click.Choice(tuple(FLAVOURS)), default="server", show_default=True)
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A folder of your choice, instead of the one that `bmprov pxe http` serves it from.",
)
@click.option(
    "--data", envvar="BMPROV_DATA", type=click.Path(path_type=Path), metavar="DIR", help="The folder of a `bmprov up`."
)
@click.option(
    "--config",
    envvar="BMPROV_CONFIG",
    type=click.Path(path_type=Path),
    help=f"The settings file.  [default: that of --data, else {settings.DEFAULT_PATH}]",
)
def build_ramdisk(*, flavour: str, into: Path | None, data: Path | None, config: Path | None) -> None:
    """Build the deploy ramdisk from this host's Debian archives: kernel, initramfs with bmprov's agent, CD of both.

    `server` has the drivers of common servers, `virtual` those of virtual machines. Needs apt, dpkg and kmod, and no
    root. A ramdisk that is there is replaced when the new one is whole; machines that boot meanwhile get the old one.
    """
    folder = into or _served(data, config)
    with _building(folder):
        built = build(FLAVOURS[flavour], folder, click.echo)
    click.echo(
        f"Linux {built.kernel_release} with {built.modules} modules is in {folder}:"
        f" kernel {size(built.kernel_bytes)}, initramfs {size(built.initrd_bytes)}, CD {size(built.cd_bytes)}"
    )


def _system(system: str, out: Path, say: Callable[[str], object]) -> None:
    if system == _TINY:
        tiny.build(out, say)
    else:
        debian.build(system, out, say)


def _packed(system: str, out: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".packing-", dir=out.parent) as folder:
        raw = Path(folder) / "disk.raw"
        _system(system, raw, click.echo)
        click.echo("packing")
        pack(raw, Path(folder) / "disk.raw.zst").path.replace(out)


def _served(data: Path | None, config: Path | None) -> Path:
    path = config or (Folder(data.absolute()).settings if data else settings.DEFAULT_PATH)
    return settings.load(path).images / "ramdisk"


@contextmanager
def _building(folder: Path) -> Iterator[None]:
    """What no builder foresees, as errors of ours.

    Raises:
        Fatal: this host cannot build, or its disk is full, or a program does not end.
    """
    if platform.machine() != _ARCH:
        raise Fatal(f"this host is {platform.machine()}", f"what is built is for {_ARCH}, so build it there")
    try:
        yield
    except OSError as error:
        raise Fatal(
            f"{error.filename or folder} is not usable ({error.strerror})", f"look at who may write to {folder}"
        ) from error
    except subprocess.SubprocessError as error:
        raise Fatal(f"a program failed ({error})", "look at the free space, and at the way to the archives") from error
