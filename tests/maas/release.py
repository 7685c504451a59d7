"""From any use back to Ready, or to Broken and from there back (`Node.release`, `mark_broken`, `abort_operation`)."""

from dataclasses import replace
from functools import partial

from tests.maas.answers import Refusal, conflict
from tests.maas.bmc import Power
from tests.maas.deployment import ABORTED, RUNNING
from tests.maas.events import EventType
from tests.maas.machine import Machine, now
from tests.maas.power import After, PowerControl
from tests.maas.status import ABORTS_TO, NAMES, RELEASABLE, NodeStatus

_ABORTS = {
    NodeStatus.DEPLOYING: (EventType.ABORT_DEPLOYMENT, EventType.ABORTED_DEPLOYMENT),
    NodeStatus.DISK_ERASING: (EventType.ABORT_ERASE_DISK, EventType.ABORTED_DISK_ERASING),
    NodeStatus.COMMISSIONING: (EventType.ABORT_COMMISSIONING, EventType.ABORTED_COMMISSIONING),
    NodeStatus.TESTING: (EventType.ABORT_TESTING, EventType.ABORTED_TESTING),
}


class Release:
    """The way out of use."""

    def __init__(self, control: PowerControl) -> None:
        self._control = control
        self._log = control.log
        control.when_read[NodeStatus.RELEASING] = self._power_read

    def release(self, machine: Machine, user: str, *, erase: bool = False, comment: str = "") -> After | None:
        """Give it back. One that is Ready or on its way there is left alone.

        Raises:
            Refusal: 409, its status forbids it.
        """
        if machine.status in {NodeStatus.RELEASING, NodeStatus.READY}:
            return None
        if machine.status not in RELEASABLE:
            raise conflict(f"Machine cannot be released in its current state ('{NAMES[machine.status]}').")
        if erase:
            self._log.ask(machine, EventType.ERASE_DISK, user, comment)
            before = machine.status
            self._control.stop(machine)
            machine.become(NodeStatus.DISK_ERASING)
            return partial(self._erase, machine, before)
        self._log.ask(machine, EventType.RELEASE, user, comment)
        return self._release(machine)

    def _release(self, machine: Machine) -> After | None:
        self._control.stop(machine)
        before = machine.status
        machine.become(NodeStatus.RELEASING)
        machine.agent_name = machine.osystem = machine.distro_series = ""
        machine.hwe_kernel, machine.netboot = None, True
        self._log.tell(machine, EventType.RELEASING)
        if machine.power is Power.OFF:
            self._released(machine)
            return None
        return partial(self._order, machine, before, Power.OFF, self._control.timings.release_s)

    async def _order(self, machine: Machine, before: NodeStatus, to: Power, takes_s: float = 0.0) -> None:
        """Switch it; when its BMC fails, its status is again what it was."""
        try:
            await self._control.order(machine, to, takes_s=takes_s)
        except Refusal:
            machine.status = before
            raise

    def _power_read(self, machine: Machine, power: Power) -> None:
        if power is Power.OFF:
            self._control.stop(machine)
            self._released(machine)

    def _released(self, machine: Machine) -> None:
        for nic in machine.nics:
            links = (replace(link, address=None) if link.mode == "auto" else link for link in nic.links)
            machine.put(replace(nic, links=tuple(links)))
        machine.become(NodeStatus.READY)
        machine.owner = machine.user_data = None
        self._log.tell(machine, EventType.RELEASED)

    async def _erase(self, machine: Machine, before: NodeStatus) -> None:
        await self._order(machine, before, Power.ON)
        self._control.then(machine, self._control.timings.erase_s, partial(self._erased, machine))

    def _erased(self, machine: Machine) -> None:
        self._log.tell(machine, EventType.DISKS_ERASED)
        if after := self._release(machine):
            self._control.meanwhile(after())

    def mark_broken(self, machine: Machine, user: str, comment: str) -> After | None:
        """Take it out of use. One that was in use is released first, and keeps its owner if it was on."""
        self._log.ask(machine, EventType.MARK_BROKEN, user, comment)
        is_on = bool(machine.status in RELEASABLE and self._release(machine))
        machine.become(NodeStatus.BROKEN)
        machine.error_description = comment
        return partial(self._control.order, machine, Power.OFF) if is_on else None

    def mark_fixed(self, machine: Machine, user: str, comment: str) -> None:
        self._log.ask(machine, EventType.MARK_FIXED, user, comment)
        if machine.status is not NodeStatus.BROKEN:
            raise conflict("Can't mark a non-broken node as 'Ready'.")
        machine.become(NodeStatus.READY)
        machine.error_description = machine.osystem = machine.distro_series = ""
        machine.hwe_kernel = machine.installation = None

    def abort(self, machine: Machine, user: str, comment: str) -> After:
        """Stop what is under way.

        Raises:
            Refusal: 409, there is nothing.
        """
        testing = machine.status is NodeStatus.TESTING
        becomes = machine.previous_status if testing else ABORTS_TO.get(machine.status)
        if becomes is None:
            name = NAMES[machine.status]
            raise conflict(f"Cannot abort in current state: node {machine.system_id} is in state {name}.")
        asked, tells = _ABORTS[machine.status]
        self._log.ask(machine, asked, user, comment)
        self._log.tell(machine, tells)
        return partial(self._abort, machine, becomes)

    async def _abort(self, machine: Machine, becomes: NodeStatus) -> None:
        self._control.stop(machine)
        await self._control.order(machine, Power.OFF)
        machine.become(becomes)
        if machine.installation and machine.installation.status == RUNNING:
            machine.installation = replace(machine.installation, status=ABORTED, ended=now())
