"""`bmprov image build-ramdisk`: makes the deploy ramdisk of a site, where its `bmprov pxe http` runs."""

from pathlib import Path

import click

from bmprov.cli.options import configured
from bmprov.cli.output import size
from bmprov.settings import Settings
from images.ramdisk.build import build
from images.ramdisk.flavours import FLAVOURS


@click.command("build-ramdisk")
@click.option("--flavour", type=click.Choice(tuple(FLAVOURS)), default="server", show_default=True)
@click.option(
    "--into", type=click.Path(path_type=Path), help="Instead of the folder that `bmprov pxe http` serves it from."
)
@configured
def command(settings: Settings, *, flavour: str, into: Path | None) -> None:
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
