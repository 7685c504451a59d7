"""`bmprov maas`: MAAS regions, whose machines are given beside our own."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bmprov.cli.api import Api, path
from bmprov.cli.options import as_json, connected
from bmprov.cli.output import age, clock, print_json, print_record, print_table
from bmprov.errors import Invalid
from bmprov.model import Erase

KEY_ENV = "BMPROV_MAAS_KEY"

_REGION_OPTIONS = (
    click.option("--trust", help="The fingerprint of its certificate (sha256:…), or a CA file on the workers."),
    click.option("--site", help="Whose workers call it.  [default: default]"),
    click.option("--zone", help="Where its machines are, instead of what its own zones say."),
    click.option("--cloud", help="The only cloud that may use its machines."),
    click.option("--erase", type=click.Choice([erase.value for erase in Erase]), help="Of machines given back."),
)
_key_file = click.option(
    "--key-file", type=click.Path(path_type=Path), help="The file that holds the API key; - is standard input."
)


def _region_options(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_REGION_OPTIONS):
        function = option(function)
    return function


@click.group()
def command() -> None:
    """MAAS regions."""


@command.command("list")
@as_json
@connected
def list_all(api: Api, *, as_json: bool) -> None:
    """List the regions by name."""
    found = api.get("/regions")["regions"]
    if as_json:
        return print_json(found)
    rows = (
        [one["name"], one["url"], one["zone"], one["machines"], age(one["read_at"]) or "never", one["error"]]
        for one in found
    )
    columns = ["NAME", "URL", "ZONE", "MACHINES", "LISTED", "ERROR"]
    return print_table(columns, rows, empty="there is no MAAS region: `bmprov maas add --help`")


@command.command()
@click.argument("name")
@as_json
@connected
def show(api: Api, *, name: str, as_json: bool) -> None:
    """Show a region: when its machines were listed, how many they are, what went wrong."""
    found = api.get(path("regions", name))
    return print_json(found) if as_json else print_record(_record(found))


@command.command()
@click.argument("name")
@click.argument("url")
@_key_file
@_region_options
@click.option("--create-networks", is_flag=True, help="VLANs and subnets that it lacks may be made there.")
@connected
def add(api: Api, *, name: str, url: str, key_file: Path | None, **options: Any) -> None:  # noqa: ANN401 - the API's shape checks them
    """Add the MAAS region at URL, http://HOST:5240/MAAS; its machines then come by themselves.

    The API key of its user is asked for, unless it comes from --key-file or from BMPROV_MAAS_KEY.
    """
    told = {"name": name, "url": url} | _given(options)
    made = api.post("/regions", told | {"key": _key(key_file)})
    click.echo(
        f"MAAS region {made['name']} at {made['url']} is added; its machines come when `bmprov watch` lists them"
    )


@command.command("set")
@click.argument("name")
@click.option("--url", help="Where it is now.")
@_key_file
@click.option("--new-key", is_flag=True, help="Ask for a new API key, or take it from BMPROV_MAAS_KEY.")
@_region_options
@click.option("--create-networks/--no-create-networks", default=None, help="Whether what it lacks may be made there.")
@connected
def change(api: Api, *, name: str, key_file: Path | None, new_key: bool, **options: Any) -> None:  # noqa: ANN401 - as in `add`
    """Change a region; what is not given stays. An empty --trust, --zone or --cloud takes back what was set."""
    told = _given(options)
    if key_file or new_key:
        told["key"] = _key(key_file)
    if not told:
        raise click.UsageError("give what is to change")
    api.put(path("regions", name), told)
    click.echo(f"{name}: {', '.join(sorted(told))} changed")


@command.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connected
def remove(api: Api, *, name: str, yes: bool) -> None:
    """Forget a region with its machines, none of which an instance has. MAAS keeps them as they are."""
    if not yes:
        click.confirm(f"Forget {name}, its API key and its machines?", abort=True)
    api.delete(path("regions", name))
    click.echo(f"{name} is removed")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _key(file: Path | None) -> str:
    """An API key: from the file, the environment, or the person at the terminal.

    Raises:
        Invalid: there is none.
    """
    if file is not None:
        try:
            return (sys.stdin.read() if str(file) == "-" else file.read_text()).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Invalid(f"the key file {file} cannot be read ({error})", "look at its name and its owner") from error
    if found := os.environ.get(KEY_ENV):
        return found.strip()
    if not os.isatty(0):
        raise Invalid("there is no API key for the MAAS region", f"give --key-file or set {KEY_ENV}")
    answer: str = click.prompt("API key", hide_input=True, err=True)
    return answer


def _record(region: dict[str, Any]) -> list[tuple[str, object]]:
    return [
        *((key, region[key]) for key in ("name", "id", "url", "version")),
        ("trust", region["trust"]),
        ("site", region["site"]),
        ("zone", region["zone"]),
        ("for cloud", region["cloud"]),
        ("disks are erased", region["erase"]),
        ("networks", "what it lacks is made there" if region["create_networks"] else "what it lacks is an error"),
        ("machines", f"{region['machines']}, listed {age(region['read_at']) or 'never'}"),
        ("not listed because", region["error"]),
        ("added", clock(region["created_at"])),
    ]
