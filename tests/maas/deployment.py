"""From Ready over Allocated to Deployed, or to Failed deployment (`Node.acquire`, `Node.start` of MAAS 3.7.3)."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from tests.maas.answers import conflict, invalid
from tests.maas.bmc import BmcError, Power
from tests.maas.events import EventType
from tests.maas.machine import Failure, Machine, ScriptResult, now
from tests.maas.network import Vlan, free_address
from tests.maas.power import After, PowerControl
from tests.maas.status import NodeStatus

INSTALLATION = 1
RUNNING, PASSED, FAILED, ABORTED = 1, 2, 3, 5
_STAGES = (
    EventType.PERFORMING_PXE_BOOT,
    EventType.LOADING_EPHEMERAL,
    EventType.CONFIGURING_STORAGE,
    EventType.INSTALLING_OS,
    EventType.CONFIGURING_OS,
    EventType.REBOOTING,
)


class Deployment:
    """The way into use. `machines` are all of the region: no two get one address.

    `rack` is the VLAN of the rack controller's interface that serves network boots.
    """

    def __init__(self, machines: dict[str, Machine], control: PowerControl, rack: Vlan) -> None:
        self._machines = machines
        self._rack = rack
        self._control = control
        self._log = control.log
        self._ids = itertools.count(1_000_000)

    def acquire(self, machine: Machine, user: str, agent_name: str = "", comment: str = "") -> None:
        self._log.ask(machine, EventType.ACQUIRE, user, comment)
        machine.become(NodeStatus.ALLOCATED)
        machine.owner, machine.agent_name = user, agent_name

    def power_on(self, machine: Machine, user: str, user_data: str | None, comment: str = "") -> After | None:
        """Switch it on; an Allocated one is deployed.

        Raises:
            Refusal: 409, nobody has it; 400, no network; 503, no address.
        """
        if machine.owner is None:
            raise conflict("Can't start node: it hasn't been allocated.")
        if machine.status is NodeStatus.ALLOCATED:
            self._deploy(machine, user, comment)
            machine.user_data = user_data
            return None
        self._log.ask(machine, EventType.START, user, comment)
        machine.user_data = user_data
        return partial(self._control.order, machine, Power.ON)

    def power_off(self, machine: Machine, user: str, *, soft: bool, comment: str = "") -> After:
        self._log.ask(machine, EventType.STOP, user, comment)
        return partial(self._control.order, machine, Power.OFF, soft=soft)

    def check(self, machine: Machine) -> None:
        """Refuse with 400 a deployment of a machine that would be on no network."""
        links = [link for nic in machine.nics for link in nic.links]
        if not any(link.subnet and link.mode != "link_up" for link in links):
            raise invalid(network="Node must be configured to use a network")

    def _deploy(self, machine: Machine, user: str, comment: str) -> None:
        self.check(machine)
        self._claim_addresses(machine)
        self._log.ask(machine, EventType.START_DEPLOYMENT, user, comment)
        machine.become(NodeStatus.DEPLOYING)
        machine.installation = ScriptResult(
            next(self._ids),
            next(self._ids),
            INSTALLATION,
            "/tmp/install.log",  # noqa: S108 - MAAS names it so
            RUNNING,
            "",
            now(),
        )
        self._log.tell(machine, EventType.DEPLOYING)
        self._control.meanwhile(self._boot(machine, machine.installation))

    async def _boot(self, machine: Machine, installation: ScriptResult) -> None:
        try:
            power = await machine.bmc.order(Power.ON)
        except BmcError as error:
            if machine.installation is installation and machine.status is NodeStatus.DEPLOYING:
                self._log.tell(machine, EventType.POWER_ON_FAILED, str(error))
                self._fail(machine, Failure(output="", event="", comment=str(error)))
            return
        if machine.installation is installation and machine.status is NodeStatus.DEPLOYING:
            self._control.noted(machine, power)
            self._serve_boot(machine)
            self._stage(machine, _STAGES)

    def _serve_boot(self, machine: Machine) -> None:
        """The NIC that boots is put onto the rack controller's VLAN (`get_config` in rpc/boot.py).

        If that is another VLAN, its links are deleted (`interface_vlan_update` in signals/interfaces.py).
        """
        if machine.boot_nic.vlan != self._rack:
            machine.put(replace(machine.boot_nic, vlan=self._rack, links=()))

    def _stage(self, machine: Machine, stages: Sequence[EventType]) -> None:
        failure = machine.failure
        if failure and 1 - len(stages) / len(_STAGES) >= failure.at:
            self._fail(machine, failure)
        elif stages:
            self._log.tell(machine, stages[0])
            pause_s = self._control.timings.deploy_s / len(_STAGES)
            self._control.then(machine, pause_s, partial(self._stage, machine, stages[1:]))
        elif not machine.deploys_for_ever:
            self._deployed(machine)

    def _deployed(self, machine: Machine) -> None:
        self._ended(machine, PASSED, "curtin: Installation finished.\n")
        machine.netboot = False
        machine.become(NodeStatus.DEPLOYED)
        image = f"deployed {machine.osystem}/{machine.distro_series}/{machine.architecture}"
        self._log.tell(machine, EventType.IMAGE_DEPLOYED, image)
        self._log.tell(machine, EventType.DEPLOYED)

    def _fail(self, machine: Machine, failure: Failure) -> None:
        self._ended(machine, FAILED, failure.output)
        if failure.event:
            self._log.tell(machine, EventType.INSTALL_FAILED, failure.event)
        self._log.tell(machine, EventType.MARK_FAILED, failure.comment)
        machine.become(NodeStatus.FAILED_DEPLOYMENT)
        machine.error_description = failure.comment

    def _ended(self, machine: Machine, status: int, output: str) -> None:
        if machine.installation:
            exit_status = 0 if status == PASSED else 1
            machine.installation = replace(
                machine.installation, status=status, output=output, ended=now(), exit_status=exit_status
            )

    def _claim_addresses(self, machine: Machine) -> None:
        taken = {address for other in self._machines.values() for address in other.addresses()}
        for nic in machine.nics:
            links = []
            for link in nic.links:
                claimed = link
                if link.mode == "auto" and link.subnet and not link.address:
                    claimed = replace(link, address=free_address(link.subnet, taken))
                    taken |= {claimed.address} if claimed.address else set()
                links.append(claimed)
            machine.put(replace(nic, links=tuple(links)))
