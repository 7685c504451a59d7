"""`bmprov cable`: which NIC is on which switch port: what people say, what was heard, and what holds."""

from pathlib import Path
from typing import Any

import click

from bmprov.cli import cable_file
from bmprov.cli.api import Api, path
from bmprov.cli.options import as_json, connected
from bmprov.cli.output import age, print_json, print_record, print_table

_NONE = "no cable is known: `bmprov cable set --help`; what LLDP says comes when machines boot"


@click.group()
def command() -> None:
    """Cables: which NIC is on which switch port."""


@command.command("list")
@click.option("--machine", metavar="NAME", help="Of this machine, all of its NICs.")
@click.option("--switch", metavar="NAME", help="Of NICs that somebody says are on this switch.")
@click.option("--conflicts", is_flag=True, help="Only what is in doubt.")
@as_json
@connected
def list_all(api: Api, *, machine: str | None, switch: str | None, conflicts: bool, as_json: bool) -> None:
    """List what is known of NICs' cables, by machine."""
    found = api.get("/cables", machine=machine, switch=switch, conflicts=conflicts or None)["cables"]
    if as_json:
        return print_json(found)
    columns = ["MACHINE", "NIC", "MAC", "CABLED TO", "SAID BY", "NEWEST", "IN DOUBT"]
    return print_table(columns, map(_row, found), empty="no cable is in doubt" if conflicts else _NONE)


@command.command()
@click.argument("machine")
@click.argument("nic")
@as_json
@connected
def show(api: Api, *, machine: str, nic: str, as_json: bool) -> None:
    """Show all that is said of a NIC's cable, by whom and when. NIC is its MAC, or its position from 0."""
    found = api.get(path("cables", machine, nic))
    return print_json(found) if as_json else print_record(_record(found))


@command.command("set")
@click.argument("machine")
@click.argument("nic")
@click.argument("switch")
@click.argument("port")
@click.option("--aggregate", metavar="INTERFACE", default="", help="The link aggregation that the port belongs to.")
@connected
def enter(api: Api, *, machine: str, nic: str, **place: str) -> None:
    """Say that a NIC is cabled to PORT, as the switch itself writes it in full: GigabitEthernet1/0/7.

    NIC is its MAC, or its position from 0. What was said before is forgotten, and what was heard before now does not
    speak against it any more.
    """
    found = api.put(path("cables", machine, nic), place)
    click.echo(f"NIC {found['mac']} of {machine}: {standing(found)}")


@command.command()
@click.argument("machine")
@click.argument("nic")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connected
def remove(api: Api, *, machine: str, nic: str, yes: bool) -> None:
    """Forget all that is said of a NIC's cable; LLDP is heard again when the machine boots."""
    if not yes:
        click.confirm(f"Forget what is said of the cable of NIC {nic} of {machine}?", abort=True)
    api.delete(path("cables", machine, nic))
    click.echo(f"the cable of NIC {nic} of {machine} is forgotten")


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@connected
def take(api: Api, *, file: Path) -> None:
    """Enter all cables of FILE, or none when one is wrong; - is standard input.

    It is CSV whose first line is machine,nic,switch,port,aggregate, or a YAML list with these names. A cable that is
    known just so is left alone, with its time: to overrule what was heard since, use `bmprov cable set`.
    """
    done = api.post("/cables", {"cables": cable_file.read(file)})
    click.echo(f"entered: {done['entered']}, known just so: {done['unchanged']}")
    doubts = api.get("/cables", conflicts=True)["cables"]
    if doubts:
        click.echo(f"in doubt: {len(doubts)}, see `bmprov cable list --conflicts`")


def standing(cabling: dict[str, Any] | None) -> str:
    """What holds of a NIC's cable and who says it, or what is in doubt; empty when nobody says anything."""
    if not cabling or not cabling["facts"]:
        return ""
    if cabling["conflicts"]:
        return f"in doubt: {'; '.join(cabling['conflicts'])}"
    if not cabling["place"]:
        return f"on no switch known here ({_said(cabling['facts'])})"
    return f"{_place(cabling['place'])} (by {', '.join(_sources(cabling))})"


def _place(place: dict[str, Any]) -> str:
    return f"{place['switch']} {place['port']}" + (f" in {place['aggregate']}" if place["aggregate"] else "")


def _sources(cabling: dict[str, Any]) -> list[str]:
    return [fact["source"] for fact in cabling["facts"]]


def _said(facts: list[dict[str, Any]]) -> str:
    return "; ".join(f"{fact['source']}: {fact['words']}" for fact in facts)


def _row(cable: dict[str, Any]) -> list[object]:
    newest = max((fact["at"] for fact in cable["facts"]), default=None)
    to = _place(cable["place"]) if cable["place"] else ""
    said = _sources(cable) if to else _said(cable["facts"])
    return [cable["machine"], cable["position"], cable["mac"], to, said, age(newest), "; ".join(cable["conflicts"])]


def _record(cable: dict[str, Any]) -> list[tuple[str, object]]:
    return [
        ("machine", cable["machine"]),
        ("NIC", f"{cable['position']}, {cable['mac']}{', netboot' * cable['netboot']}"),
        ("cabled to", _place(cable["place"]) if cable["place"] else "nothing that holds"),
        *((f"by {fact['source']}", _fact(fact)) for fact in cable["facts"]),
        ("in doubt", "\n".join(cable["conflicts"])),
    ]


def _fact(fact: dict[str, Any]) -> str:
    meant = "" if fact["place"] else ", no port of a switch known here"
    return f"{fact['words']}{meant}, {age(fact['at'])}{' by ' + fact['by'] if fact['by'] else ''}"
