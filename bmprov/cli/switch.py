"""`bmprov switch`: the switches whose ports bmprov sets."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bmprov.cli.api import Api, path
from bmprov.cli.bmcs import password_of
from bmprov.cli.enrolment import password_from
from bmprov.cli.options import as_json, connected
from bmprov.cli.output import age, clock, print_json, print_record, print_table

PASSWORD_ENV, ENABLE_ENV = "BMPROV_SWITCH_PASSWORD", "BMPROV_SWITCH_ENABLE"

_FILE = click.Path(path_type=Path)
_LISTS = {"uplinks": "no_uplinks", "known_as": "no_known_as"}
_OPTIONS = (
    click.option("--user", help="Who logs in to it."),
    click.option("--password-file", type=_FILE, help="The file that holds the user's password."),
    click.option(
        "--enable-file", type=_FILE, help=f"That of a second password, for switches that ask; or {ENABLE_ENV}."
    ),
    click.option(
        "--key-file", type=_FILE, help="The file that holds the user's private SSH key, without a passphrase."
    ),
    click.option("--host-key", metavar="SHA256:…", help="Its SSH host key's fingerprint; without one any is believed."),
    click.option("--uplink", "uplinks", metavar="PORT", multiple=True, help="A port never to touch; may be repeated."),
    click.option("--known-as", metavar="NAME|MAC", multiple=True, help="What LLDP calls it too; may be repeated."),
    click.option("--create-vlans/--no-create-vlans", default=None, help="Whether VLANs it lacks may be made on it."),
    click.option("--save/--no-save", default=None, help="Whether each change is to survive its restart."),
    click.option("--site", help="Whose workers set its ports.  [default: default]"),
)


def _vlan_options(*, required: bool) -> tuple[Callable[..., Any], ...]:
    return (
        click.option("--vlans", metavar="RANGES", required=required, help="What tenants may have, as 100-199,1577."),
        click.option("--provisioning-vlan", type=int, required=required, help="Where machines network-boot."),
        click.option("--quarantine-vlan", type=int, required=required, help="Where idle ports are: it leads nowhere."),
    )


def _with(*options: Callable[..., Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


@click.group()
def command() -> None:
    """Switches."""


@command.command("list")
@as_json
@connected
def list_all(api: Api, *, as_json: bool) -> None:
    """List the switches by name."""
    found = api.get("/switches")["switches"]
    if as_json:
        return print_json(found)
    columns = ["NAME", "ADDRESS", "SITE", "PROVISIONING", "QUARANTINE", "TENANTS", "CABLES", "HEARD", "ERROR"]
    return print_table(columns, map(_row, found), empty="there is no switch: `bmprov switch add --help`")


@command.command()
@click.argument("name")
@as_json
@connected
def show(api: Api, *, name: str, as_json: bool) -> None:
    """Show a switch: its VLANs, its uplinks, when it was heard, what went wrong."""
    found = api.get(path("switches", name))
    return print_json(found) if as_json else print_record(_record(found))


@command.command()
@click.argument("name")
@click.argument("address")
@_with(*_vlan_options(required=True), *_OPTIONS)
@connected
def add(
    api: Api,
    *,
    name: str,
    address: str,
    password_file: Path | None,
    enable_file: Path | None,
    key_file: Path | None,
    **options: Any,  # noqa: ANN401 - the API's shape checks them
) -> None:
    """Add the switch at ADDRESS: DIALECT://HOST[:PORT], or linux-bridge://[HOST]/BRIDGE.

    Call it NAME as it calls itself. The password is asked for, unless it comes from --password-file or from
    BMPROV_SWITCH_PASSWORD, or there is a --key-file. Nothing is said to it until a machine is cabled to it and
    deployed.
    """
    told = {"name": name, "address": address} | _given(options) | _key(key_file)
    if password_file or not key_file:
        told["password"] = password_of(told.get("user", ""), password_file, what="switch", variable=PASSWORD_ENV)
    made = api.post("/switches", told | _enable(enable_file))
    click.echo(f"switch {made['name']} at {made['address']} is added; say what is on its ports with `bmprov cable set`")


@command.command("set")
@click.argument("name")
@click.option("--address", help="Where it is now.")
@click.option("--new-password", is_flag=True, help=f"Ask for a new password, or take it from {PASSWORD_ENV}.")
@_with(*_vlan_options(required=False), *_OPTIONS)
@click.option("--no-uplinks", is_flag=True, help="It has no uplinks.")
@click.option("--no-known-as", is_flag=True, help="It is called by its name only.")
@connected
def change(
    api: Api,
    *,
    name: str,
    new_password: bool,
    password_file: Path | None,
    enable_file: Path | None,
    key_file: Path | None,
    **options: Any,  # noqa: ANN401 - as in `add`
) -> None:
    """Change a switch; what is not given stays. --uplink and --known-as replace all that were told before."""
    told = _given(options) | _enable(enable_file) | _key(key_file)
    if new_password or password_file:
        user = told.get("user") or api.get(path("switches", name))["user"]
        told["password"] = password_of(user, password_file, what="switch", variable=PASSWORD_ENV)
    if not told:
        raise click.UsageError("give what is to change")
    api.put(path("switches", name), told)
    click.echo(f"{name}: {', '.join(sorted(told))} changed")


@command.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connected
def remove(api: Api, *, name: str, yes: bool) -> None:
    """Forget a switch to which nothing is cabled. Its ports stay as they are."""
    if not yes:
        click.confirm(f"Forget {name} and its password?", abort=True)
    api.delete(path("switches", name))
    click.echo(f"{name} is removed")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """What was told; a list that was told to be empty is."""
    emptied: dict[str, Any] = {name: [] for name, flag in _LISTS.items() if options.pop(flag, False)}
    told = {name: value for name, value in options.items() if value not in (None, ())}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()} | emptied


def _enable(file: Path | None) -> dict[str, str]:
    found = password_from(file) if file else os.environ.get(ENABLE_ENV)
    return {} if found is None else {"enable": found}


def _key(file: Path | None) -> dict[str, str]:
    return {} if file is None else {"key": f"{password_from(file)}\n"}


def _row(switch: dict[str, Any]) -> list[object]:
    vlans = [switch[name] for name in ("provisioning_vlan", "quarantine_vlan", "vlans")]
    heard = age(switch["heard_at"]) or "never"
    return [switch["name"], switch["address"], switch["site"], *vlans, switch["cables"], heard, switch["error"]]


def _record(switch: dict[str, Any]) -> list[tuple[str, object]]:
    missing, kept = "are made on it" if switch["create_vlans"] else "are an error", "saved" if switch["save"] else ""
    return [
        *((key, switch[key]) for key in ("name", "id", "address", "user")),
        ("host key", switch["host_key"] or "any is believed"),
        ("site", switch["site"]),
        ("provisioning VLAN", switch["provisioning_vlan"]),
        ("quarantine VLAN", switch["quarantine_vlan"]),
        ("tenants' VLANs", switch["vlans"]),
        ("VLANs it lacks", missing),
        ("each change is", kept or "lost when it restarts, unless somebody saves it"),
        ("uplinks", switch["uplinks"]),
        ("known as", switch["known_as"]),
        ("cables entered", switch["cables"]),
        ("heard", age(switch["heard_at"]) or "never"),
        ("not set because", switch["error"]),
        ("added", clock(switch["created_at"])),
    ]
