"""Which steps each operation takes, by the machine's back end and by where it boots the ramdisk from."""

from collections.abc import Mapping

from bmprov.lifecycle import Kind
from bmprov.model import BackEnd, BootFrom, Machine, Operation
from bmprov.power import PowerAction
from worker.flow import Flow
from worker.flows.commands import COMMANDS
from worker.flows.deploy import DEPLOY, DEPLOY_FAKE, DEPLOY_FROM_CD
from worker.flows.inspect import INSPECT
from worker.flows.maas import DEPLOY_BY_MAAS, INSPECT_IN_MAAS, OFF_IN_MAAS, RESERVE
from worker.flows.maas_release import RELEASE_TO_MAAS
from worker.flows.power import CYCLE, OFF, ON, RESET, SHUT_DOWN
from worker.flows.release import RELEASE, RELEASE_WITH_CD

_POWER: Mapping[PowerAction, Flow] = {
    PowerAction.ON: ON,
    PowerAction.OFF: OFF,
    PowerAction.SOFT_OFF: SHUT_DOWN,
    PowerAction.CYCLE: CYCLE,
    PowerAction.RESET: RESET,
}

_DEPLOY: Mapping[BootFrom, Flow] = {BootFrom.NETWORK: DEPLOY, BootFrom.VIRTUAL_MEDIA: DEPLOY_FROM_CD}
_RELEASE: Mapping[BootFrom, Flow] = {BootFrom.NETWORK: RELEASE, BootFrom.VIRTUAL_MEDIA: RELEASE_WITH_CD}

_BY_MAAS: Mapping[Kind, Flow] = {
    Kind.RESERVE: RESERVE,
    Kind.DEPLOY: DEPLOY_BY_MAAS,
    Kind.RELEASE: RELEASE_TO_MAAS,
    Kind.INSPECT: INSPECT_IN_MAAS,
}


def flow_of(operation: Operation, machine: Machine) -> Flow:
    """The flow that `operation` follows on this machine."""
    if operation.command:
        return COMMANDS[operation.command]
    if operation.action is PowerAction.OFF and machine.back_end is BackEnd.MAAS:
        return OFF_IN_MAAS
    if operation.action is not None:
        return _POWER[operation.action]
    if machine.back_end is BackEnd.MAAS:
        return _BY_MAAS[operation.kind]
    if operation.kind is Kind.DEPLOY:
        return DEPLOY_FAKE if machine.back_end is BackEnd.FAKE else _DEPLOY[machine.boot_from]
    return _RELEASE[machine.boot_from] if operation.kind is Kind.RELEASE else INSPECT
