"""What operations are called on pages."""

from collections.abc import Mapping
from typing import Protocol

from bmprov.actions import ACTIONS, CHECK, MARK_FIXED, NETWORK_APPLY, NETWORK_CHECK, NETWORK_PLAN
from bmprov.lifecycle import Kind
from bmprov.model import Operation
from bmprov.power import PowerAction
from bmprov.store.work import Work

_POWER: Mapping[str, str] = {
    PowerAction.ON: "power on",
    PowerAction.OFF: "power off",
    PowerAction.SOFT_OFF: "shut down",
    PowerAction.CYCLE: "restart",
    PowerAction.RESET: "reset",
}
_KINDS: Mapping[str, str] = {
    Kind.INSPECT: "inspect",
    Kind.RESERVE: "reserve",
    Kind.DEPLOY: "deploy",
    Kind.RELEASE: "release",
    Kind.BMC: "ask the BMC",
    Kind.POWER: "power",
}
_COMMANDS = {
    CHECK.name: "check",
    MARK_FIXED.name: "mark as fixed",
    NETWORK_CHECK.name: "check the network",
    NETWORK_PLAN.name: "plan the network",
    NETWORK_APPLY.name: "set the network",
    "poweron": "power on",
    "poweroff": "power off",
    "powercycle": "power off and on",
    "powerreset": "reset",
    "softshutdown": "shut down",
    "nmi": "send an NMI",
    "identify": "light the locator",
    "bootdevice": "set the boot device",
    "sensors": "read the sensors",
    "eventlog": "read the event log",
    "cleareventlog": "clear the event log",
    "bmcreset": "restart the BMC",
    "hardware": "read the hardware",
    "firmware": "read the firmware",
}


class Ordered(Protocol):
    """As much of an operation as says what is done by it."""

    @property
    def kind(self) -> str:
        """Of `Kind`."""

    @property
    def action(self) -> str | None:
        """Of `PowerAction`; None or empty for what is not about power."""

    @property
    def command(self) -> str:
        """The custom action; empty for none."""


def doing(operation: Ordered) -> str:
    """What is being done, such as `power off`."""
    if operation.command:
        return _COMMANDS.get(operation.command, operation.command)
    return _POWER[operation.action] if operation.action else _KINDS[operation.kind]


def asked(operation: Operation | Work) -> str:
    """Who wanted it: the account in CloudStack and the cloud, or the person or token that asked us."""
    if not operation.asked_by:
        return operation.requested_by
    return f"{operation.asked_by} in {operation.cloud or operation.requested_by}"


def explained(operation: Operation) -> str:
    """What a custom action of CloudStack's is for; empty for all else."""
    action = ACTIONS.get(operation.command)
    return action.about if action else ""
