"""`bmprov webhook`: who is told of what happens, and what has become of it."""

import json
import time
from typing import Any

import click

from bmprov.cli.api import Api, path
from bmprov.cli.options import as_json, connected
from bmprov.cli.output import age, clock, print_json, print_record, print_table
from bmprov.errors import Fatal
from bmprov.webhook import SUBSCRIBED, DeliveryState

_PING_S, _LOOK_S = 75.0, 0.2  # one that did not answer is left alone for a minute

_kinds = click.option(
    "--kind",
    "kinds",
    type=click.Choice([kind.value for kind in SUBSCRIBED]),
    multiple=True,
    help="What it is told of; may be repeated.",
)
_trust = click.option("--trust", help="The fingerprint of its certificate (sha256:…), or a CA file where `watch` runs.")
_insecure = click.option("--insecure-http", is_flag=True, help="Allow a URL with http://: a laboratory's.")


@click.group()
def command() -> None:
    """Webhooks."""


@command.command("list")
@as_json
@connected
def list_all(api: Api, *, as_json: bool) -> None:
    """List the webhooks by name."""
    found = api.every("webhooks")
    if as_json:
        return print_json(found)
    columns = ["NAME", "URL", "TOLD OF", "PENDING", "FAILED", "OFF BECAUSE"]
    rows = ([one["name"], one["url"], one["kinds"], one["pending"], one["failed"], one["off_because"]] for one in found)
    return print_table(columns, rows, empty="there is no webhook: `bmprov webhook add --help`")


@command.command()
@click.argument("name")
@as_json
@connected
def show(api: Api, *, name: str, as_json: bool) -> None:
    """Show a webhook: what it is told of, whether it is on, what has not arrived."""
    found = api.get(path("webhooks", name))
    return print_json(found) if as_json else print_record(_record(found))


@command.command()
@click.argument("name")
@click.argument("url")
@_kinds
@_trust
@_insecure
@as_json
@connected
def add(
    api: Api, *, name: str, url: str, kinds: tuple[str, ...], trust: str | None, insecure_http: bool, as_json: bool
) -> None:
    """Tell the receiver at URL of what happens, of everything unless --kind says of what.

    The secret that it verifies signatures with is printed once, on standard output, and is shown nowhere again.
    """
    told = {"name": name, "url": url, "insecure_http": insecure_http} | _given(kinds=list(kinds) or None, trust=trust)
    made = api.post("/webhooks", told)
    return _tell_secret(made, f"webhook {name} is added; try it with `bmprov webhook ping {name}`", as_json=as_json)


@command.command("set")
@click.argument("name")
@click.option("--url", help="Where the receiver is now.")
@_kinds
@_trust
@click.option("--on/--off", default=None, help="Send again, or send nothing.")
@_insecure
@connected
def change(
    api: Api,
    *,
    name: str,
    url: str | None,
    kinds: tuple[str, ...],
    trust: str | None,
    on: bool | None,
    insecure_http: bool,
) -> None:
    """Change a webhook; what is not given stays. --kind replaces all that it was told of before."""
    told = _given(url=url, kinds=list(kinds) or None, trust=trust, on=on)
    if not told:
        raise click.UsageError("give what is to change")
    api.put(path("webhooks", name), told | {"insecure_http": insecure_http})
    click.echo(f"{name}: {', '.join(sorted(told))} changed")


@command.command()
@click.argument("name")
@click.option("--state", type=click.Choice([state.value for state in DeliveryState]), help="Only those.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@as_json
@connected
def deliveries(api: Api, *, name: str, state: str | None, limit: int, as_json: bool) -> None:
    """List what a webhook was and is to be told, newest first; what has ended, for a week."""
    found = api.get(f"{path('webhooks', name)}/deliveries", state=state, limit=limit)["deliveries"]
    if as_json:
        return print_json(found)
    columns = ["ID", "SINCE", "KIND", "MACHINE", "STATE", "TRIES", "STATUS", "NEXT TRY", "ERROR"]
    return print_table(columns, map(_delivery_row, found), empty="it was told nothing yet")


@command.command()
@click.argument("name")
@as_json
@connected
def ping(api: Api, *, name: str, as_json: bool) -> None:
    """Send a test, and wait for what becomes of it. It is sent once."""
    sent = api.post(f"{path('webhooks', name)}/ping")
    ended = _awaited(api, name, sent)
    if as_json:
        print_json(ended)
    if ended["state"] == DeliveryState.PENDING:
        raise Fatal(f"webhook '{name}' was not called for {_PING_S:g} s", "look whether `bmprov watch` runs")
    if ended["state"] == DeliveryState.FAILED:
        raise Fatal(f"webhook '{name}' does not work: {ended['error']}", "its URL, its certificate, and the receiver")
    if not as_json:
        click.echo(f"{name} answered {ended['status']} to message {ended['message_id']}")


@command.command()
@click.argument("name")
@click.argument("delivery", type=click.IntRange(1))
@connected
def redeliver(api: Api, *, name: str, delivery: int) -> None:
    """Send a delivery now, by its ID of `bmprov webhook deliveries`, whatever has become of it."""
    sent = api.post(f"{path('webhooks', name)}/deliveries/{delivery}/redeliver")
    click.echo(f"{name}: {sent['kind']} {sent['message_id']} is sent again")


@command.command()
@click.argument("name")
@click.option("--at-once", is_flag=True, help="The old secret signs no more; else it does for a day.")
@as_json
@connected
def rotate(api: Api, *, name: str, at_once: bool, as_json: bool) -> None:
    """Make a new secret. It is printed once, on standard output."""
    made = api.post(f"{path('webhooks', name)}/rotate", {"at_once": at_once})
    until = "the old one signs no more" if at_once else "the old one signs for 24 h more, beside the new one"
    return _tell_secret(made, f"webhook {name} has a new secret; {until}", as_json=as_json)


@command.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connected
def remove(api: Api, *, name: str, yes: bool) -> None:
    """Forget a webhook, its secret, and what has not arrived."""
    if not yes:
        click.confirm(f"Forget {name} and its secret?", abort=True)
    api.delete(path("webhooks", name))
    click.echo(f"{name} is removed")


def _given(**options: object) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _tell_secret(made: dict[str, Any], what: str, *, as_json: bool) -> None:
    if as_json:
        return print_json(made)
    click.echo(f"{what}; its secret is shown this once:", err=True)
    return click.echo(made["secret"])


def _awaited(api: Api, name: str, delivery: dict[str, Any]) -> dict[str, Any]:
    """The delivery when it has ended; as it stands, when that takes too long."""
    place, until = f"{path('webhooks', name)}/deliveries/{delivery['id']}", time.monotonic() + _PING_S
    while delivery["state"] == DeliveryState.PENDING and time.monotonic() < until:
        time.sleep(_LOOK_S)
        delivery = api.get(place)
    return delivery


def _delivery_row(one: dict[str, Any]) -> list[object]:
    machine = json.loads(one["body"])["data"].get("machine")
    state, tries = one["state"], one["attempts"]
    return [
        one["id"],
        clock(one["created_at"]),
        one["kind"],
        machine,
        state,
        tries,
        one["status"],
        clock(one["next_try_at"]),
        one["error"],
    ]


def _record(webhook: dict[str, Any]) -> list[tuple[str, object]]:
    return [
        *((key, webhook[key]) for key in ("name", "id", "url")),
        ("told of", webhook["kinds"]),
        ("trust", webhook["trust"] or "the CAs of the watch's hosts"),
        ("off because", webhook["off_because"]),
        ("pending", webhook["pending"]),
        ("failed, of a week", webhook["failed"]),
        ("added", f"{age(webhook['created_at'])} by {webhook['created_by']}"),
    ]
