"""`bmprov image build` and `build-ramdisk`: what bmprov makes itself from Debian's packages."""

from pathlib import Path

import click

from bmprov.cli.options import configured
from bmprov.cli.output import size
from bmprov.errors import Invalid
from bmprov.settings import Settings
from images.ramdisk.build import build
from images.ramdisk.flavours import FLAVOURS
from images.system import debian, tiny

_TINY = "tiny"


@click.command("build")
@click.argument("system", type=click.Choice([_TINY, *debian.RELEASES]))
@click.argument("file", type=click.Path(path_type=Path))
def build_system(*, system: str, file: Path) -> None:
    """Build the image of an operating SYSTEM into FILE, a raw disk; add it with `bmprov image add`.

    `debian-12` is for tenants: cloud-init, ssh, any machine; needs root and mmdebstrap. `tiny` boots in seconds, takes
    its name and its user data, and lets nobody in: for rehearsals. Both boot with BIOS and UEFI, Secure Boot included.
    """
    if not file.absolute().parent.is_dir():
        raise Invalid(f"there is no folder {file.absolute().parent}", "make it first")
    if system == _TINY:
        tiny.build(file.absolute(), click.echo)
    else:
        debian.build(system, file.absolute(), click.echo)
    click.echo(f"{file}: {size(file.stat().st_size)} on a machine's disk")


@click.command("build-ramdisk")
@click.option("--flavour", type=click.Choice(tuple(FLAVOURS)), default="server", show_default=True)
@click.option(
    "--into", type=click.Path(path_type=Path), help="Instead of the folder that `bmprov pxe http` serves it from."
)
@configured
def build_ramdisk(settings: Settings, *, flavour: str, into: Path | None) -> None:
    """Build the deploy ramdisk from this host's Debian archives: a kernel, an initramfs, bmprov's agent.

    `server` has the drivers of common servers, `virtual` those of virtual machines. Needs apt, dpkg and kmod, and no
    root. A ramdisk that is there is replaced when the new one is whole; machines that boot meanwhile get the old one.
    """
    folder = into or settings.images / "ramdisk"
    built = build(FLAVOURS[flavour], folder, click.echo)
    click.echo(
        f"Linux {built.kernel_release} with {built.modules} modules is in {folder}:"
        f" kernel {size(built.kernel_bytes)}, initramfs {size(built.initrd_bytes)}"
    )
