"""`bmprov instance`: CloudStack's instances and their machines."""

import click

from bmprov.cli.api import Api, path
from bmprov.cli.options import as_json, connected
from bmprov.cli.output import clock, print_json, print_record, print_table


@click.group()
def command() -> None:
    """CloudStack's instances that have a machine."""


@command.command("list")
@as_json
@connected
def list_all(api: Api, *, as_json: bool) -> None:
    """List the instances by name."""
    found = api.every("instances")
    if as_json:
        return print_json(found)
    rows = ([one["name"], one["id"], one["cloud"], one["machine"], one["state"], one["image"]] for one in found)
    return print_table(["NAME", "ID", "CLOUD", "MACHINE", "STATE", "IMAGE"], rows, empty="no instance has a machine")


@command.command()
@click.argument("instance_id")
@as_json
@connected
def show(api: Api, *, instance_id: str, as_json: bool) -> None:
    """Show an instance, and what CloudStack is told about its power."""
    found = api.get(path("instances", instance_id))
    told = api.get(path("instances", instance_id, "power"))
    if as_json:
        return print_json(found | {"power": told})
    power = f"{told['power']}, told to CloudStack as {told['power_state']}: {told['because']}"
    same = [(name, found[name]) for name in ("name", "id", "cloud", "host", "machine", "state", "image")]
    return print_record([*same, ("created", clock(found["created_at"])), ("power", power)])
