"""The processes of a service, one command each: it reads its settings, sets up its log, and runs until SIGTERM."""

from pathlib import Path

import click

from bmprov.cli import journal
from bmprov.cli.options import configured
from bmprov.settings import Settings
from pxe.process import PARTS


@click.command()
@configured
def serve(settings: Settings) -> None:
    """Serve the REST API over TLS."""
    from bmprov.serve import serve as serve_api

    journal.configure(settings.log_format)
    serve_api(settings)


@click.command()
@click.option(
    "--name",
    default="worker-1",
    show_default=True,
    help="Its slot: what a dead worker of this name held is taken back.",
)
@configured
def worker(settings: Settings, *, name: str) -> None:
    """Run the steps of operations. Give each worker of a service a name of its own that it keeps over restarts."""
    from worker.process import run_worker

    journal.configure(settings.log_format)
    run_worker(settings, name)


@click.command()
@configured
def watch(settings: Settings) -> None:
    """Keep operations going: deadlines, retries, expired reservations, and the power sweep."""
    from worker.process import run_watch

    journal.configure(settings.log_format)
    run_watch(settings)


@click.command()
@configured
def console(settings: Settings) -> None:
    """Serve the machines' serial consoles to browsers."""
    from worker.console.process import run_console

    journal.configure(settings.log_format)
    run_console(settings)


@click.command()
@click.argument("part", type=click.Choice(tuple(PARTS)))
@configured
def pxe(settings: Settings, *, part: str) -> None:
    """Run one of the network-boot services of a site."""
    from pxe.process import run as run_part

    journal.configure(settings.log_format)
    run_part(settings, part)


@click.command()
@click.option(
    "--machines",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="The file that describes them; `bmprov up --sim N` writes one.",
)
@configured
def sim(settings: Settings, *, machines: Path) -> None:
    """Run simulated machines, each with a BMC and a firmware that boots over the network."""
    from bmprov.sim.hall import run

    journal.configure(settings.log_format)
    run(machines, settings)


@click.command()
@configured
def migrate(settings: Settings) -> None:
    """Bring the database to this version's tables; several processes may do it at once."""
    from bmprov.store import Store

    store = Store(settings.database)
    store.migrate()
    store.close()
    click.echo("the database has this version's tables")
