"""`bmprov`, the one command. Each subcommand's module is imported when it is called, so that `--help` answers at once.

An error of ours is one sentence on standard error and exit code 1, wrong usage is exit code 2, Ctrl-C is 130.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType

import click

from bmprov import __version__
from bmprov.errors import BmprovError

_INTERRUPTED = 130


@dataclass(frozen=True)
class Entry:
    """A subcommand: where it is (`module:name`), the heading it stands under, and its line of help."""

    place: str
    heading: str
    help: str


_ASK = "Ask and order (over the REST API)"
_HOUSE = "Everything on one host"
_RUN = "Processes of a service"

COMMANDS: Mapping[str, Entry] = MappingProxyType(
    {
        "machine": Entry("machine:command", _ASK, "enrol, list, show, switch, inspect, release, remove machines"),
        "maas": Entry("maas:command", _ASK, "add, list, show, change, remove MAAS regions"),
        "switch": Entry("switch:command", _ASK, "add, list, show, change, remove switches"),
        "cable": Entry("cable:command", _ASK, "tell and list which NIC is on which switch port"),
        "network": Entry("network:command", _ASK, "compare and set the switch ports of machines"),
        "image": Entry("image:command", _ASK, "add, list, show, remove images"),
        "instance": Entry("instance:command", _ASK, "list and show CloudStack's instances"),
        "operation": Entry("operation:command", _ASK, "list, show, watch, cancel what is done to machines"),
        "event": Entry("event:command", _ASK, "list who did what"),
        "top": Entry("top.command:command", _ASK, "what happens now, the hall, the events, on the whole screen"),
        "token": Entry("token:command", _ASK, "create, list, revoke callers' tokens"),
        "person": Entry("person:command", _ASK, "add, list, show, change, remove people who sign in to the web page"),
        "wall": Entry("wall:command", _ASK, "add, list, revoke links of screens on walls"),
        "webhook": Entry("webhook:command", _ASK, "add, list, show, try, rotate, remove webhooks"),
        "cloudstack": Entry("cloudstack:command", _RUN, "print what is to be set up in CloudStack itself"),
        "up": Entry("up:command", _HOUSE, "run all processes in one folder, with simulated machines if wanted"),
        "demo": Entry("demo:command", _HOUSE, "the main job on simulated machines, played as CloudStack plays it"),
        "init": Entry("init:command", _RUN, "make a settings file, a key file and a certificate"),
        "migrate": Entry("processes:migrate", _RUN, "bring the database to this version's tables"),
        "serve": Entry("processes:serve", _RUN, "the REST API"),
        "worker": Entry("processes:worker", _RUN, "runs the steps of operations"),
        "watch": Entry("processes:watch", _RUN, "deadlines, retries, the power sweep, and webhooks"),
        "console": Entry("processes:console", _RUN, "serial consoles in the browser"),
        "pxe": Entry("processes:pxe", _RUN, "the network-boot services: dhcp, tftp, http, dns"),
        "sim": Entry("processes:sim", _RUN, "simulated machines"),
        "furnish": Entry("furnish:command", "", "enrol the simulated machines of an `up`; `up` runs it"),
    }
)


class LazyGroup(click.Group):
    """A group whose commands are imported one by one."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of all commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import a command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, name = entry.place.partition(":")
        command: click.Command = getattr(import_module(f"bmprov.cli.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """The commands under their headings, from the table: nothing is imported."""
        for heading in dict.fromkeys(entry.heading for entry in COMMANDS.values() if entry.heading):
            rows = [(name, entry.help) for name, entry in COMMANDS.items() if entry.heading == heading]
            with formatter.section(heading):
                formatter.write_dl(rows)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="bmprov", message="%(prog)s %(version)s")
def cli() -> None:
    """Physical servers as Apache CloudStack instances."""


def main() -> None:
    """Run the command line."""
    sys.exit(run())


def run(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code."""
    try:
        code = cli.main(arguments, prog_name="bmprov", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("interrupted", err=True)
        return _INTERRUPTED
    except BmprovError as error:
        click.echo(f"bmprov: {error}", err=True)
        return 1
    return code if isinstance(code, int) else 0
