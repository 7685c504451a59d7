"""Rescue mode and locks (`Node.start_rescue_mode`, `stop_rescue_mode`, `lock` of MAAS 3.7.3)."""

from functools import partial

from tests.maas.answers import Refusal, conflict
from tests.maas.bmc import Power
from tests.maas.events import EventType
from tests.maas.machine import Machine
from tests.maas.power import After, PowerControl
from tests.maas.status import ENTERS_RESCUE_MODE, EXITS_RESCUE_MODE, NAMES, NodeStatus


class Care:
    """What is done to a machine beside its use."""

    def __init__(self, control: PowerControl) -> None:
        self._control = control
        self._log = control.log
        control.when_read[NodeStatus.EXITING_RESCUE_MODE] = self._power_read

    def rescue_mode(self, machine: Machine, user: str) -> After:
        """Boot it into rescue mode; whoever asks owns it.

        Raises:
            Refusal: 409, its status forbids it.
        """
        self._log.ask(machine, EventType.START_RESCUE_MODE, user)
        _check(machine, NodeStatus.ENTERING_RESCUE_MODE, ENTERS_RESCUE_MODE)
        machine.become(NodeStatus.ENTERING_RESCUE_MODE)
        machine.owner = user
        self._log.tell(machine, EventType.ENTERING_RESCUE_MODE)
        return partial(self._enter, machine)

    async def _enter(self, machine: Machine) -> None:
        try:
            await self._control.order(machine, Power.ON)
        except Refusal:
            machine.status = machine.previous_status
            raise
        self._control.then(machine, self._control.timings.rescue_s, partial(self._entered, machine))

    def _entered(self, machine: Machine) -> None:
        machine.status = NodeStatus.RESCUE_MODE
        self._log.tell(machine, EventType.RESCUE_MODE)

    def exit_rescue_mode(self, machine: Machine, user: str) -> After:
        """Boot a deployed machine's own system again, switch any other one off.

        Raises:
            Refusal: 409, its status forbids it.
        """
        self._log.ask(machine, EventType.STOP_RESCUE_MODE, user)
        _check(machine, NodeStatus.EXITING_RESCUE_MODE, EXITS_RESCUE_MODE)
        self._control.stop(machine)
        machine.status = NodeStatus.EXITING_RESCUE_MODE
        takes_s = self._control.timings.rescue_s
        if _goes_on(machine):
            return partial(self._restart, machine, takes_s)
        return partial(self._control.order, machine, Power.OFF, takes_s=takes_s)

    async def _restart(self, machine: Machine, takes_s: float) -> None:
        await self._control.order(machine, Power.OFF)
        await self._control.order(machine, Power.ON, takes_s=takes_s)

    def _power_read(self, machine: Machine, power: Power) -> None:
        if power is not (Power.ON if _goes_on(machine) else Power.OFF):
            return
        self._control.stop(machine)
        machine.status = machine.previous_status
        if not _goes_on(machine):
            machine.owner = None
        self._log.tell(machine, EventType.EXITED_RESCUE_MODE)

    def lock(self, machine: Machine, user: str, comment: str) -> None:
        """Forbid every change.

        Raises:
            Refusal: 409, it is locked, or neither deployed nor being deployed.
        """
        if machine.locked:
            raise conflict("Machine is already locked")
        if machine.status not in {NodeStatus.DEPLOYED, NodeStatus.DEPLOYING}:
            raise conflict("Can't lock, node is not deployed or deploying")
        self._log.ask(machine, EventType.LOCK, user, comment)
        machine.locked = True

    def unlock(self, machine: Machine, user: str, comment: str) -> None:
        """Permit changes again.

        Raises:
            Refusal: 409, it is not locked.
        """
        if not machine.locked:
            raise conflict("Machine is not locked")
        self._log.ask(machine, EventType.UNLOCK, user, comment)
        machine.locked = False


def _goes_on(machine: Machine) -> bool:
    return machine.previous_status is NodeStatus.DEPLOYED


def _check(machine: Machine, to: NodeStatus, from_: set[NodeStatus]) -> None:
    if machine.status not in from_:
        raise conflict(f"Invalid transition: {NAMES[machine.status]} -> {NAMES[to]}.")
