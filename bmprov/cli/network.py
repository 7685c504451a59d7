"""`bmprov network`: whether a machine's switch ports are what CloudStack wants, and making them so."""

from typing import Any

import click

from bmprov.cli.api import Api, path
from bmprov.cli.options import as_json, connected
from bmprov.cli.output import print_json, print_record
from bmprov.cli.timeline import ending
from bmprov.errors import Fatal

_FIELDS = {
    "nic": "NIC",
    "port": "port",
    "network": "CloudStack",
    "known_from": "cabling",
    "wanted": "wanted",
    "found": "on the switch",
    "verdict": "verdict",
    "finding": "because",
}


@click.group()
def command() -> None:
    """Switch ports of machines."""


@command.command()
@click.argument("machine")
@as_json
@connected
def check(api: Api, *, machine: str, as_json: bool) -> None:
    """Compare CloudStack's wish, the cabling, LLDP and the switch, port by port; exit code 1 when one differs.

    A machine that no instance has must be on no network. Nothing is changed.
    """
    found = _answer(api, machine, "check", {})["answer"]
    if as_json:
        print_json(found)
    else:
        for place, one in enumerate(found):
            if place:
                click.echo()
            print_record((words, one[name]) for name, words in _FIELDS.items())
    if any(one["verdict"] == "bad" for one in found):
        raise click.exceptions.Exit(1)


@command.command()
@click.argument("machine")
@click.option("--dry-run", is_flag=True, help="Only print the commands that the switches would get.")
@connected
def apply(api: Api, *, machine: str, dry_run: bool) -> None:
    """Set the machine's switch ports to what they must carry now, whatever they carry."""
    ended = _answer(api, machine, "apply", {"dry_run": dry_run})
    if not dry_run:
        return click.echo(ended["message"].replace("; ", "\n"))
    planned = [(one["switch"], line) for one in ended["answer"] for line in one["commands"]]
    for switch, line in planned:
        click.echo(f"{switch}: {line}")
    return None if planned else click.echo("every port is as it must be")


def _answer(api: Api, machine: str, what: str, body: dict[str, Any]) -> dict[str, Any]:
    begun = api.post(path("machines", machine, "network", what), body)["operation"]
    ended = ending(api, begun["id"])
    if ended["state"] != "succeeded":
        raise Fatal(ended["error"] or f"the operation was {ended['state']}", ended["check"] or "")
    return ended
