"""Which steps each operation takes, by the machine's back end."""

from collections.abc import Mapping

from bmprov.lifecycle import Kind
from bmprov.model import BackEnd, Operation
from bmprov.power import PowerAction
from worker.flow import Flow
from worker.flows.commands import COMMANDS
from worker.flows.deploy import DEPLOY, DEPLOY_FAKE
from worker.flows.inspect import INSPECT
from worker.flows.power import CYCLE, OFF, ON, RESET, SHUT_DOWN
from worker.flows.release import RELEASE

_POWER: Mapping[PowerAction, Flow] = {
    PowerAction.ON: ON,
    PowerAction.OFF: OFF,
    PowerAction.SOFT_OFF: SHUT_DOWN,
    PowerAction.CYCLE: CYCLE,
    PowerAction.RESET: RESET,
}

_DEPLOY: Mapping[BackEnd, Flow] = {BackEnd.DIRECT: DEPLOY, BackEnd.FAKE: DEPLOY_FAKE}


def flow_of(operation: Operation, back_end: BackEnd) -> Flow:
    """The flow that `operation` follows on a machine of this back end."""
    if operation.command:
        return COMMANDS[operation.command]
    if operation.action is not None:
        return _POWER[operation.action]
    if operation.kind is Kind.DEPLOY:
        return _DEPLOY[back_end]
    return RELEASE if operation.kind is Kind.RELEASE else INSPECT
