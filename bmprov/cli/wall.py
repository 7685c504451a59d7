"""`bmprov wall`: links by which screens on walls show the pages."""

import click

from bmprov.cli.api import Api, path
from bmprov.cli.options import as_json, connected
from bmprov.cli.output import age, clock, print_json, print_table


@click.group()
def command() -> None:
    """Screens on walls."""


@command.command()
@click.argument("name")
@as_json
@connected
def add(api: Api, *, name: str, as_json: bool) -> None:
    """Make a link that shows the pages and changes nothing. It is printed once, and is kept nowhere."""
    made = api.post("/wall-links", {"name": name})
    if as_json:
        return print_json(made)
    click.echo(f"wall link {made['link']['id']} for {name}; the screen is to open this, which is shown once:", err=True)
    return click.echo(made["url"])


@command.command("list")
@as_json
@connected
def list_all(api: Api, *, as_json: bool) -> None:
    """List the links, revoked ones too."""
    found = api.get("/wall-links")["links"]
    if as_json:
        return print_json(found)
    rows = (
        [
            one["id"],
            one["name"],
            one["created_by"],
            clock(one["created_at"]),
            age(one["seen_at"]) or "never",
            clock(one["revoked_at"]),
        ]
        for one in found
    )
    empty = "there is no wall link: `bmprov wall add NAME`"
    return print_table(["ID", "NAME", "MADE BY", "MADE", "SEEN", "REVOKED"], rows, empty=empty)


@command.command()
@click.argument("link_id")
@connected
def revoke(api: Api, *, link_id: str) -> None:
    """End a link: its screen shows nothing new any more."""
    api.delete(path("wall-links", link_id))
    click.echo(f"wall link {link_id} is revoked")
