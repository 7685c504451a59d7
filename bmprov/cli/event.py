"""`bmprov event`: who did what, when and from where."""

import click

from bmprov.cli.api import Api
from bmprov.cli.options import as_json, connected, span_options
from bmprov.cli.output import clock, print_json, print_table

_SHORT = 8


@click.group()
def command() -> None:
    """Audit events."""


@command.command("list")
@click.option("--machine", help="Only those of this machine.")
@click.option("--by", "actor", metavar="NAME", help="Only what this person, token or part of bmprov did.")
@click.option("--what", metavar="WORDS", help="Only those whose name begins so: `power` for `power off` too.")
@click.option("--out-of-band", is_flag=True, help="Only changes of power that nobody had ordered.")
@span_options
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@as_json
@connected
def list_all(api: Api, *, as_json: bool, **wanted: str | int | bool | None) -> None:
    """List audit events, newest first, those that all options hold of."""
    found = api.get("/events", **wanted)["events"]
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
