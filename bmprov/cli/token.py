"""`bmprov token`: who may call the API."""

import click

from bmprov.cli.api import Api, path
from bmprov.cli.options import as_json, configured, connected
from bmprov.cli.output import clock, print_json, print_table
from bmprov.model import Role
from bmprov.settings import Settings


@click.group()
def command() -> None:
    """Callers' tokens."""


@command.command()
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--cloud", help="For the role `cloud`: whose instances it sees.")
@as_json
@connected
def create(api: Api, *, name: str, role: str, cloud: str | None, as_json: bool) -> None:
    """Make a token. Its secret is printed once, on standard output, and is kept nowhere."""
    made = api.post("/tokens", {"name": name, "role": role, "cloud": cloud})
    if as_json:
        return print_json(made)
    click.echo(f"token {made['token']['id']} for {name}, role {role}; this is shown once:", err=True)
    return click.echo(made["secret"])


@command.command()
@click.argument("name")
@configured
def first(settings: Settings, *, name: str) -> None:
    """Make the first administrator's token, straight in the database: on the service's own host, after `migrate`."""
    from bmprov.cli.credentials import first as make_first

    click.echo(f"token for {name}, role admin; this is shown once:", err=True)
    click.echo(make_first(settings, name))


@command.command("list")
@as_json
@connected
def list_all(api: Api, *, as_json: bool) -> None:
    """List the tokens, revoked ones too."""
    found = api.get("/tokens")["tokens"]
    if as_json:
        return print_json(found)
    rows = (
        [one["id"], one["name"], one["role"], one["cloud"], clock(one["created_at"]), clock(one["revoked_at"])]
        for one in found
    )
    return print_table(["ID", "NAME", "ROLE", "CLOUD", "CREATED", "REVOKED"], rows, empty="there are no tokens")


@command.command()
@click.argument("token_id")
@connected
def revoke(api: Api, *, token_id: str) -> None:
    """End a token."""
    api.delete(path("tokens", token_id))
    click.echo(f"token {token_id} is revoked")
