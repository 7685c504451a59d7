"""`bmprov up`: the whole service on one host, with embedded defaults and without root."""

import os
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click

from bmprov.cli import credentials, embedded, rehearsal, valkey
from bmprov.cli.folder import Folder, write
from bmprov.cli.supervisor import Part, Supervisor
from bmprov.settings import Settings, dump
from bmprov.store import Store

_STOPPED_LAST = 0


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    envvar="BMPROV_DATA",
    default=Path("data"),
    show_default=True,
    help="Everything is kept in this folder.",
)
@click.option("--port", type=click.IntRange(0, 65535), help="The API's port; 0 takes a free one.  [default: 8443]")
@click.option("--listen", metavar="ADDRESS", help="The API's address.  [default: 127.0.0.1]")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="How many workers run.")
@click.option("--sim", type=click.IntRange(0, 5000), help="How many simulated machines.  [default: as before, else 0]")
@click.option(
    "--sim-pace",
    type=click.Choice(rehearsal.PACES),
    help="Whether they take seconds or, like real ones, tens of seconds.  [default: as before, else demo]",
)
def command(
    *, data: Path, port: int | None, listen: str | None, workers: int, sim: int | None, sim_pace: str | None
) -> None:
    """Run all processes of a service in one folder, until Ctrl-C or SIGTERM.

    The folder gets a settings file, SQLite's database, a key, a certificate, client.ini for the command line and
    extension.ini for CloudStack's extension; `ready` exists in it while everything is ready. A process that dies is
    started again; each one's log is in log/.
    """
    os.umask(0o077)  # no other user reads the database, the images or the logs of any part
    folder = Folder.make(data)
    with folder.lock():
        folder.ready.unlink(missing_ok=True)
        settings = _prepare(folder, port, listen, sim, sim_pace)
        _say(f"bmprov up in {folder.root}, logs in log/")
        try:
            Supervisor(_parts(folder, settings, workers), folder.logs, _say).run()
        finally:
            folder.ready.unlink(missing_ok=True)
        _say("stopped")


def _prepare(folder: Folder, port: int | None, listen: str | None, sim: int | None, pace: str | None) -> Settings:
    """Everything that must be in the folder before the first process starts."""
    rehearsal.prepare(folder, sim, pace)
    settings = embedded.settle(folder, listen, port)
    loaders = rehearsal.loaders(folder, settings.pxe.loaders)
    if loaders != settings.pxe.loaders:
        settings = replace(settings, pxe=replace(settings.pxe, loaders=loaders))
        write(folder.settings, dump(settings))
    rehearsal.prepare_cd(folder, settings.images)
    embedded.make_secrets(settings)
    embedded.check_ports(settings)
    store = Store(settings.database)
    store.migrate()
    store.close()
    credentials.hand_over(folder, settings)
    return settings


def _parts(folder: Folder, settings: Settings, workers: int) -> list[Part]:
    """What runs, in the order of its start; Valkey is stopped when nobody uses it any more."""
    bmprov = (sys.executable, "-m", "bmprov")
    at = ("--config", str(folder.settings))
    slots = [f"worker-{number}" for number in range(1, workers + 1)]
    sim = Part("sim", (*bmprov, "sim", *at, "--machines", str(folder.machines)))
    return [
        *([_valkey(folder, settings)] if folder.valkey_conf.exists() else []),
        *([sim] if folder.machines.exists() else []),
        Part("serve", (*bmprov, "serve", *at)),
        *(Part(slot, (*bmprov, "worker", *at, "--name", slot)) for slot in slots),
        Part("watch", (*bmprov, "watch", *at)),
        Part("console", (*bmprov, "console", *at)),
        *(Part(f"pxe-{part}", (*bmprov, "pxe", *at, part)) for part in _netboot(settings)),
        Part(
            "furnish",
            (*bmprov, "furnish", "--data", str(folder.root)),
            once=True,
            said=_ready(folder, settings),
        ),
    ]


def _ready(folder: Folder, settings: Settings) -> str:
    """Where the page is, and how somebody signs in for the first time."""
    store = Store(settings.database)
    try:
        with store.read() as transaction:
            nobody = not transaction.people.all()
    finally:
        store.close()
    page = settings.web.url or credentials.endpoint(settings)
    first = "; to sign in: bmprov person add YOU --role admin --no-password; bmprov person link YOU" if nobody else ""
    return f"ready; for the command line: export BMPROV_DATA={folder.root}\n         the page: {page}/{first}"


def _netboot(settings: Settings) -> tuple[str, ...]:
    """DNS runs only where a port is set for it."""
    return ("dhcp", "tftp", "http", *(["dns"] if settings.pxe.dns_port else []))


def _valkey(folder: Folder, settings: Settings) -> Part:
    log = folder.logs / "valkey.log"
    command = (valkey.program(), str(folder.valkey_conf))
    return Part("valkey", command, _STOPPED_LAST, lambda: valkey.wait(settings.redis, log))


def _say(words: str) -> None:
    click.echo(f"{datetime.now().astimezone():%H:%M:%S} {words}")
