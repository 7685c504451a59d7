"""`bmprov machine`: the physical servers."""

from pathlib import Path
from typing import Any, TextIO

import click

from bmprov.api.shapes.machine import MachineIn
from bmprov.cli import enrolment
from bmprov.cli.api import Api, path
from bmprov.cli.bmcs import bmc_options, bmcs_of, password_of
from bmprov.cli.enrolling import Enrolling
from bmprov.cli.machine_view import addresses, firmware, nic_words, place_words, record, row
from bmprov.cli.options import as_json, connected
from bmprov.cli.output import print_json, print_record, print_table
from bmprov.cli.timeline import ending, follow
from bmprov.errors import Fatal
from bmprov.lifecycle import State
from bmprov.model import Arch, BootFrom, BootMode
from bmprov.place import UNITS
from bmprov.power import Power, PowerAction

_SOURCES = click.Choice([source.value for source in BootFrom])
_UNITS = click.IntRange(1, UNITS)
_wait = click.option("--wait/--no-wait", default=True, show_default=True, help="Follow the operation to its end.")


@click.group()
def command() -> None:
    """Physical servers."""


@command.command("list")
@click.option("--state", type=click.Choice([state.value for state in State]))
@click.option("--power", type=click.Choice([power.value for power in Power]), help="As it was read last.")
@click.option("--maintenance/--no-maintenance", default=None, help="Whether they are in maintenance.")
@click.option("--site")
@click.option("--zone", help="An empty one: those that are in none.")
@click.option("--rack", help="An empty one: those that are in none.")
@click.option("--tag")
@click.option("--search", "q", metavar="TEXT", help="A piece of a name, MAC, BMC address, or instance's name or id.")
@as_json
@connected
def list_all(api: Api, *, as_json: bool, **wanted: str | bool | None) -> None:
    """List the machines by name, those that all options hold of."""
    found = api.every("machines", **wanted)
    if as_json:
        return print_json(found)
    columns = ["NAME", "STATE", "POWER", "READ", "CPUS", "MEMORY MIB", "TAGS", "INSTANCE", "UNDER WAY"]
    return print_table(columns, map(row, found), empty="no such machine: `bmprov machine enroll --help`")


@command.command()
@click.argument("name")
@as_json
@connected
def show(api: Api, *, name: str, as_json: bool) -> None:
    """Show a machine, its NICs, its power, and what is being done to it."""
    found = api.get(path("machines", name))
    return print_json(found) if as_json else print_record(record(found))


@command.command()
@click.argument("name", required=False)
@click.option("--file", type=click.Path(path_type=Path), help="A YAML list of machines, instead of one by options.")
@bmc_options
@click.option("--nic", "nics", metavar=enrolment.NIC_FORM, multiple=True, help="A NIC; may be repeated.")
@click.option("--arch", type=click.Choice([arch.value for arch in Arch]))
@click.option("--boot-mode", type=click.Choice([mode.value for mode in BootMode]))
@click.option("--secure-boot", is_flag=True, help="Its firmware only runs signed loaders.")
@click.option("--boot-from", type=_SOURCES, help="Where it gets the deploy ramdisk from.  [default: network]")
@click.option("--cpus", type=int)
@click.option("--memory-mib", type=int)
@click.option("--disk-gib", type=int)
@click.option("--tag", "tags", multiple=True, help="A tag; may be repeated.")
@click.option("--site")
@click.option("--zone")
@click.option("--pod")
@click.option("--rack")
@click.option("--position", "rack_position", type=_UNITS, help="The lowest rack unit that it fills.")
@click.option("--height", "height_u", type=_UNITS, help="How many rack units it fills.  [default: 1]")
@_wait
@connected
def enroll(
    api: Api,
    *,
    name: str | None,
    file: Path | None,
    password_file: Path | None,
    wait: bool,
    **fields: Any,  # noqa: ANN401 - the options of a machine, which the API's own shape checks
) -> None:
    """Enrol the machine NAME, or all machines of a file.

    The BMC's password is asked for, unless it comes from --password-file or from BMPROV_BMC_PASSWORD. Everything is
    checked before the first machine is sent; a machine that is enrolled already, just so, is left alone.
    """
    if (name is None) == (file is None):
        raise click.UsageError("give the NAME of one machine, or --file")
    machines = enrolment.read(file) if file else [_machine(name or "", fields, password_file)]
    Enrolling(api, click.echo).run(machines, wait=wait)


@command.command("set")
@click.argument("name")
@click.option("--boot-mode", type=click.Choice([mode.value for mode in BootMode]))
@click.option("--secure-boot/--no-secure-boot", default=None, help="Whether its firmware only runs signed loaders.")
@click.option("--boot-from", type=_SOURCES, help="Where it gets the deploy ramdisk from; virtual media want Redfish.")
@click.option("--nic", "nics", metavar=enrolment.NIC_FORM, multiple=True, help="One of all its NICs; may be repeated.")
@connected
def set_up(api: Api, *, name: str, nics: tuple[str, ...], **chosen: str | bool | None) -> None:
    """Tell how a machine boots, and which NICs it has.

    How its firmware is set up, and where it gets the deploy ramdisk from. NICs are told all anew, as in `bmprov machine
    enroll`, and only while no instance has the machine.
    """
    given = {key: value for key, value in chosen.items() if value is not None}
    if not given and not nics:
        raise click.UsageError("give --boot-mode, --secure-boot, --no-secure-boot, --boot-from or --nic")
    told = enrolment.check_nics(nics, f"machine {name}") if nics else None
    if given:
        known = api.get(path("machines", name))
        api.put(path("machines", name, "firmware"), {key: known[key] for key in chosen} | given)
        click.echo(f"{name} boots by {firmware(api.get(path('machines', name)))}")
    if told is not None:
        found = api.put(path("machines", name, "nics"), told.model_dump(mode="json"))
        click.echo(f"{name} has {', '.join(map(nic_words, found['nics']))}")


@command.command()
@click.argument("name")
@click.option("--zone")
@click.option("--pod")
@click.option("--rack", help="'' for none.")
@click.option("--position", "rack_position", type=_UNITS, help="The lowest rack unit that it fills; 1 is the lowest.")
@click.option("--no-position", is_flag=True, help="Nobody knows at which unit it is.")
@click.option("--height", "height_u", type=_UNITS, help="How many rack units it fills.")
@connected
def place(api: Api, *, name: str, no_position: bool, **chosen: str | int | None) -> None:
    """Tell where a machine stands; what is not given stays as it is."""
    given: dict[str, str | int | None] = {key: value for key, value in chosen.items() if value is not None}
    if no_position and "rack_position" in given:
        raise click.UsageError("give --position or --no-position")
    if no_position or given.get("rack") == "":
        given.setdefault("rack_position", None)
    if not given:
        raise click.UsageError("give --zone, --pod, --rack, --position, --no-position or --height")
    known = api.get(path("machines", name))
    found = api.put(path("machines", name, "place"), {key: known[key] for key in chosen} | given)
    click.echo(f"{name} is at {place_words(found) or 'no place that is known'}")


@command.command("set-bmc")
@click.argument("name")
@bmc_options
@connected
def set_bmc(api: Api, *, name: str, password_file: Path | None, **fields: Any) -> None:  # noqa: ANN401 - as in `enroll`
    """Tell where a machine's BMC is now, or how to log in to it: a new address, password, or certificate.

    All of it is told anew, the second BMC too. The password is asked for as `bmprov machine enroll` does.
    """
    told = enrolment.check_bmcs(bmcs_of(fields), f"machine {name}")
    told = enrolment.with_password(told, password_of(told.bmc.user, password_file))
    found = api.put(path("machines", name, "bmcs"), enrolment.bmcs(told))
    click.echo(f"{name} is reached through {' then '.join(addresses(found))}")


@command.command("power")
@click.argument("name")
@click.argument("action", type=click.Choice([action.value for action in PowerAction]))
@_wait
@connected
def switch(api: Api, *, name: str, action: str, wait: bool) -> None:
    """Switch a machine. `off` and `reset` act at once; `soft-off` and `cycle` ask its operating system first."""
    _begun(api, api.post(path("machines", name, "power"), {"action": action}), wait=wait)


@command.command()
@click.argument("name")
@as_json
@connected
def check(api: Api, *, name: str, as_json: bool) -> None:
    """Find out whether a machine can do what will be asked of it; exit code 1 when it cannot.

    Its BMC, the login, the power, the boot override, the sensors, the NICs. Nothing is changed: only on a machine that
    is off and that no instance has, the boot override is tried and put back.
    """
    begun = api.post(path("machines", name, "check"))["operation"]
    ended = ending(api, begun["id"])
    if ended["state"] != "succeeded":
        raise Fatal(ended["error"] or f"the check was {ended['state']}", ended["check"] or "")
    if as_json:
        print_json(ended["answer"])
    else:
        rows = [[one["check"], one["verdict"], one["finding"]] for one in ended["answer"]]
        print_table(["CHECK", "VERDICT", "FINDING"], rows, empty="")
    if any(one["verdict"] == "bad" for one in ended["answer"]):
        raise click.exceptions.Exit(1)


@command.command("mark-fixed")
@click.argument("name")
@_wait
@connected
def mark_fixed(api: Api, *, name: str, wait: bool) -> None:
    """Put a machine that is Broken in MAAS into use again, after somebody has looked at it."""
    _begun(api, api.post(path("machines", name, "mark-fixed")), wait=wait)


@command.command()
@click.argument("name")
@connected
def console(api: Api, *, name: str) -> None:
    """Print the address of a machine's console: for one browser, once, within a minute."""
    found = api.post(path("machines", name, "console"))
    click.echo(found["url"])
    if found["graphical"]:
        click.echo("its BMC has no serial console; this is the BMC's own page", err=True)


@command.command()
@click.argument("name")
@_wait
@connected
def inspect(api: Api, *, name: str, wait: bool) -> None:
    """Look at a machine anew; one in `error` that no instance has comes back into the pool by it."""
    _begun(api, api.post(path("machines", name, "inspect")), wait=wait)


@command.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_wait
@connected
def release(api: Api, *, name: str, yes: bool, wait: bool) -> None:
    """Give a machine back, whatever instance has it: it is switched off and loses its instance."""
    instance = api.get(path("machines", name))["instance"]
    if instance and not yes:
        click.confirm(f"{name} belongs to instance {instance}, which loses it. Go on?", abort=True)
    _begun(api, api.post(path("machines", name, "release")), wait=wait)


@command.command()
@click.argument("name")
@click.argument("reason", required=False)
@click.option("--off", is_flag=True, help="End its maintenance.")
@connected
def maintenance(api: Api, *, name: str, reason: str | None, off: bool) -> None:
    """Keep a machine from being reserved, for a REASON that others will read; --off ends it."""
    if bool(reason) == off:
        raise click.UsageError("give a REASON, or --off")
    api.put(path("machines", name, "maintenance"), {"reason": reason or ""})
    click.echo(f"{name} is out of maintenance" if off else f"{name} is in maintenance: {reason}")


@command.command()
@click.argument("name")
@click.argument("notes", required=False)
@click.option("--file", type=click.File(), help="Where the notes are; - for what is piped in.")
@click.option("--clear", is_flag=True, help="Forget the notes.")
@connected
def note(api: Api, *, name: str, notes: str | None, file: TextIO | None, clear: bool) -> None:
    """Keep NOTES that others will read on the machine's page, instead of those before."""
    if [notes is not None, file is not None, clear].count(True) != 1:
        raise click.UsageError("give the NOTES, --file, or --clear")
    kept = api.put(path("machines", name, "notes"), {"notes": file.read() if file else notes or ""})["notes"]
    click.echo(f"the notes of {name} are kept" if kept else f"{name} has no notes")


@command.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connected
def remove(api: Api, *, name: str, yes: bool) -> None:
    """Forget a machine that no instance has."""
    if not yes:
        click.confirm(f"Forget {name} and its BMC's password?", abort=True)
    api.delete(path("machines", name))
    click.echo(f"{name} is removed")


def _begun(api: Api, answer: dict[str, Any], *, wait: bool) -> None:
    operation = answer["operation"]
    if wait:
        follow(api, operation["id"])
    else:
        click.echo(f"operation {operation['id']}: follow it with `bmprov operation watch {operation['id'][:8]}`")


def _machine(name: str, fields: dict[str, Any], password_file: Path | None) -> MachineIn:
    """The machine of the options."""
    given = {key: value for key, value in fields.items() if value not in (None, ())}
    bmcs = bmcs_of({key: given.pop(key, None) for key in ("bmcs", "cipher_suites", "privilege", "trust")})
    nics = [enrolment.nic_of(nic) for nic in given.pop("nics", ())]
    given = {key: list(value) if isinstance(value, tuple) else value for key, value in given.items()}
    machine = enrolment.check(given | bmcs | {"name": name, "nics": nics}, f"machine {name}")
    return enrolment.with_password(machine, password_of(machine.bmc.user, password_file))
