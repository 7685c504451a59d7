"""`bmprov cloudstack`: what is set up in CloudStack itself."""

import shlex
from collections.abc import Iterator

import click

from bmprov.actions import ACTIONS, USER, CustomAction

_OPERATORS = ("Admin", "ResourceAdmin", "DomainAdmin")
_MARGIN_S = 5
"""The extension ends so long before CloudStack's timeout."""


@click.group()
def command() -> None:
    """What is set up in CloudStack itself."""


@command.command()
@click.option("--extension", "extension_id", default="EXTENSION", help="The id of the extension in CloudStack.")
@click.option(
    "--user-action",
    "user_actions",
    type=click.Choice([name for name, action in ACTIONS.items() if action.guarded]),
    multiple=True,
    help="A guarded action that tenants may take too; then also in the setting api.user_actions.",
)
def actions(extension_id: str, user_actions: tuple[str, ...]) -> None:
    """Print the `cmk` commands that register the custom actions, for a shell.

    CloudStack's own time limit of 5 s is too short for a BMC, so each command sets one.
    """
    for action in ACTIONS.values():
        click.echo(shlex.join(["cmk", "add", "customaction", *_arguments(action, extension_id, user_actions)]))


def _arguments(action: CustomAction, extension_id: str, user_actions: tuple[str, ...]) -> Iterator[str]:
    """What `addCustomAction` gets (`AddCustomActionCmd`)."""
    allowed = not action.guarded or action.name in user_actions
    yield f"extensionid={extension_id}"
    yield f"name={action.name}"
    yield f"description={action.about}"
    yield "resourcetype=VirtualMachine"
    yield f"allowedroletypes={','.join((*_OPERATORS, USER) if allowed else _OPERATORS)}"
    yield f"timeout={action.timeout_s + _MARGIN_S}"
    yield "successmessage={{actionName}} of {{resourceName}} is done"
    yield "errormessage={{actionName}} of {{resourceName}} failed; the event of the action says why"
    yield "enabled=true"
    for number, parameter in enumerate(action.parameters):
        at = f"parameters[{number}]"
        yield f"{at}.name={parameter.name}"
        yield f"{at}.type={parameter.kind}"
        yield f"{at}.required={str(parameter.required).lower()}"
        if parameter.options:
            yield f"{at}.valueoptions={','.join(parameter.options)}"


def table() -> str:
    """The actions as a table, for docs/actions.md."""
    lines = ["| action | what it does | parameters | who may |", "|---|---|---|---|"]
    for action in ACTIONS.values():
        told = "; ".join(f"`{one.name}`: {_values(one.options, one.least, one.most)}" for one in action.parameters)
        who = "operators" if action.guarded else "tenants too"
        lines.append(f"| `{action.name}` | {action.about} | {told or '-'} | {who} |")
    return "\n".join(lines)


def _values(options: tuple[str, ...], least: int, most: int) -> str:
    return ", ".join(options) if options else f"{least} to {most}"
