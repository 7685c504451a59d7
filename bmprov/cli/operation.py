"""`bmprov operation`: what is being, and was, done to machines."""

from typing import Any

import click

from bmprov.cli.api import Api, path
from bmprov.cli.options import as_json, connected, span_options
from bmprov.cli.output import age, print_json, print_table, put
from bmprov.cli.timeline import find, finished, follow, picture, title
from bmprov.lifecycle import Kind
from bmprov.model import OperationState

_SHORT = 8


@click.group()
def command() -> None:
    """What is being, and was, done to machines. An operation is named by its id or the beginning of it."""


@command.command("list")
@click.option("--machine", help="Only those of this machine.")
@click.option("--instance", metavar="ID", help="Only those of this instance of CloudStack's.")
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]))
@click.option("--state", type=click.Choice([state.value for state in OperationState]))
@click.option("--unfinished", is_flag=True, help="Only those under way.")
@click.option("--by", "requested_by", metavar="NAME", help="Only those that this person or token asked for.")
@click.option("--asked-by", metavar="ACCOUNT", help="Only those that this account asked CloudStack for.")
@span_options
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@as_json
@connected
def list_all(api: Api, *, as_json: bool, **wanted: str | int | bool | None) -> None:
    """List operations, newest first, those that all options hold of."""
    found = api.get("/operations", **wanted)["operations"]
    if as_json:
        return print_json(found)
    columns = ["ID", "WHAT", "STATE", "STEP", "BEGAN", "BY", "OUTCOME"]
    return print_table(columns, map(_row, found), empty="no operation")


@command.command()
@click.argument("operation_id")
@as_json
@connected
def show(api: Api, *, operation_id: str, as_json: bool) -> None:
    """Print the timeline of an operation: its steps, their times, waits and retries, and how it ended."""
    operation = find(api, operation_id)
    return print_json(operation) if as_json else put(picture(operation))


@command.command()
@click.argument("operation_id")
@connected
def watch(api: Api, *, operation_id: str) -> None:
    """Follow an operation until it ends; exit code 1 when it does not succeed. Ctrl-C ends the watching alone."""
    follow(api, find(api, operation_id)["id"])


@command.command()
@click.argument("operation_id")
@connected
def cancel(api: Api, *, operation_id: str) -> None:
    """Cancel an operation: at once between two steps, else when its step has ended."""
    operation = api.post(path("operations", find(api, operation_id)["id"], "cancel"))
    ended = operation["state"] if finished(operation) else "being cancelled: its step is ending"
    click.echo(f"{title(operation)} is {ended}")


def _row(operation: dict[str, Any]) -> list[object]:
    outcome = operation["error"] or operation["message"] or operation["waiting_for"]
    same = [operation["id"][:_SHORT], title(operation), operation["state"], operation["step"]]
    return [*same, age(operation["created_at"]), operation["requested_by"], outcome]
