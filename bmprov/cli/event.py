"""`bmprov event`: who did what, when and from where."""

import click

from bmprov.cli.api import Api
from bmprov.cli.options import as_json, connected
from bmprov.cli.output import clock, print_json, print_table

_SHORT = 8


@click.group()
def command() -> None:
    """Audit events."""


@command.command("list")
@click.option("--machine", help="Only those of this machine.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@as_json
@connected
def list_all(api: Api, *, machine: str | None, limit: int, as_json: bool) -> None:
    """List audit events, newest first."""
    found = api.get("/events", machine=machine, limit=limit)["events"]
    if as_json:
        return print_json(found)
    rows = (
        [
            clock(one["at"]),
            one["actor"],
            one["origin"],
            one["what"],
            one["machine"],
            (one["operation"] or "")[:_SHORT],
            one["detail"],
        ]
        for one in found
    )
    columns = ["AT", "WHO", "FROM", "WHAT", "MACHINE", "OPERATION", "DETAIL"]
    return print_table(columns, rows, empty="nothing has happened yet")
