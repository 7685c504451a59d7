"""`bmprov person`: who may sign in to the web page."""

import os
from pathlib import Path
from typing import Any

import click

from bmprov.cli.api import Api, path
from bmprov.cli.bmcs import password_of
from bmprov.cli.options import as_json, connected
from bmprov.cli.output import clock, print_json, print_record, print_table
from bmprov.errors import Invalid

PASSWORD_ENV = "BMPROV_PERSON_PASSWORD"  # noqa: S105 - the name of a variable

_ROLE = click.Choice(["viewer", "operator", "admin"])
_FILE = click.option("--password-file", type=click.Path(path_type=Path), help="The file that holds the password.")
_YES = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group()
def command() -> None:
    """People who sign in to the web page."""


@command.command("list")
@as_json
@connected
def list_all(api: Api, *, as_json: bool) -> None:
    """List the people by name."""
    found = api.get("/people")["people"]
    if as_json:
        return print_json(found)
    rows = ([one["name"], one["role"], _signs_in(one), clock(one["created_at"]), _state(one)] for one in found)
    empty = "there is nobody: `bmprov person add NAME --role admin`"
    return print_table(["NAME", "ROLE", "SIGNS IN", "ADDED", "STATE"], rows, empty=empty)


@command.command()
@click.argument("name")
@as_json
@connected
def show(api: Api, *, name: str, as_json: bool) -> None:
    """Show a person."""
    found = api.get(path("people", name))
    if as_json:
        return print_json(found)
    shown = [("name", found["name"]), ("role", found["role"]), ("signs in", _signs_in(found))]
    return print_record([*shown, ("added", clock(found["created_at"])), ("state", _state(found))])


@command.command()
@click.argument("name")
@click.option("--role", type=_ROLE, required=True)
@_FILE
@click.option("--no-password", is_flag=True, help="None for now: they set it after `bmprov person link NAME`.")
@connected
def add(api: Api, *, name: str, role: str, password_file: Path | None, no_password: bool) -> None:
    """Enter somebody. The password is asked for, or comes from --password-file or BMPROV_PERSON_PASSWORD."""
    password = "" if no_password else _password(name, password_file)
    made = api.post("/people", {"name": name, "role": role, "password": password})
    then = f"; now `bmprov person link {made['name']}`" if no_password else f"; the page is {api.endpoint}/"
    click.echo(f"{made['name']} is added, role {made['role']}{then}")


@command.command()
@click.argument("name")
@_FILE
@connected
def passwd(api: Api, *, name: str, password_file: Path | None) -> None:
    """Give somebody a new password; they are signed out everywhere."""
    api.get(path("people", name))  # a misspelt name is told before the password is asked for
    changed = api.put(path("people", name), {"password": _password(name, password_file)})
    click.echo(f"{changed['name']} has a new password, and is signed out everywhere")


@command.command()
@click.argument("name")
@click.argument("new", metavar="ROLE", type=_ROLE)
@connected
def role(api: Api, *, name: str, new: str) -> None:
    """Change what somebody may do: viewer, operator or admin."""
    changed = api.put(path("people", name), {"role": new})
    click.echo(f"{changed['name']} is {changed['role']}")


@command.command()
@click.argument("name")
@connected
def disable(api: Api, *, name: str) -> None:
    """Let somebody sign in no more, and end their sessions."""
    click.echo(f"{api.put(path('people', name), {'disabled': True})['name']} is disabled and signed out everywhere")


@command.command()
@click.argument("name")
@connected
def enable(api: Api, *, name: str) -> None:
    """Let somebody sign in again."""
    click.echo(f"{api.put(path('people', name), {'disabled': False})['name']} may sign in")


@command.command()
@click.argument("name")
@_YES
@connected
def remove(api: Api, *, name: str, yes: bool) -> None:
    """Forget somebody; what they did stays in the log."""
    if not yes:
        click.confirm(f"Forget {name}?", abort=True)
    api.delete(path("people", name))
    click.echo(f"{name} is removed")


@command.command()
@click.argument("name")
@connected
def link(api: Api, *, name: str) -> None:
    """Print a link by which somebody signs in without a password: in one browser, once, within ten minutes."""
    click.echo(api.post(path("people", name, "link"))["url"])


@command.command("sign-out")
@click.argument("name")
@connected
def sign_out(api: Api, *, name: str) -> None:
    """Sign somebody out of every browser."""
    click.echo(f"{name} is signed out of {api.post(path('people', name, 'sign-out'))['sessions']} browsers")


def _password(name: str, file: Path | None) -> str:
    """A new password: from the file, the environment, or typed twice.

    Raises:
        Invalid: there is none.
    """
    given = password_of("", file, variable=PASSWORD_ENV)
    if given:
        return given
    if file or not os.isatty(0):
        raise Invalid("there is no password", f"give --password-file, or set {PASSWORD_ENV}")
    typed: str = click.prompt(f"new password of {name}", hide_input=True, confirmation_prompt="once more", err=True)
    return typed


def _signs_in(person: dict[str, Any]) -> str:
    if person["provider"]:
        return f"at {person['provider']}"
    return "by password" if person["has_password"] else "by link only"


def _state(person: dict[str, Any]) -> str:
    return f"disabled {clock(person['disabled_at'])}" if person["disabled_at"] else "enabled"
