"""How MAAS controls the power of its machines, how it remembers it, and what waits for a machine to be off or on."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tests.maas.answers import refused
from tests.maas.bmc import BmcError, Power
from tests.maas.events import EventLog, EventType
from tests.maas.machine import Machine

if TYPE_CHECKING:
    from tests.maas.status import NodeStatus

After = Callable[[], Coroutine[Any, Any, None]]
WhenRead = Callable[[Machine, Power], None]
_LATER_S = 0.001
_FAILED = {Power.ON: EventType.POWER_ON_FAILED, Power.OFF: EventType.POWER_OFF_FAILED}
_DONE = {Power.ON: EventType.POWERED_ON, Power.OFF: EventType.POWERED_OFF}


@dataclass
class Timings:
    """How long things take, in seconds. `power_s` is how old `power_state` may grow: five minutes in MAAS."""

    deploy_s: float = 0.1
    release_s: float = 0.05
    erase_s: float = 0.1
    rescue_s: float = 0.05
    power_s: float = 300.0


class PowerControl:
    """Orders to BMCs, and what goes on by itself in a machine: one thing at a time, on the region's event loop."""

    def __init__(self, log: EventLog, timings: Timings) -> None:
        self.log = log
        self.timings = timings
        self.when_read: dict[NodeStatus, WhenRead] = {}
        """What a reading means for a machine in a status."""
        self._next: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def order(self, machine: Machine, to: Power, *, soft: bool = False, takes_s: float = 0.0) -> None:
        """Switch it, and remember what the BMC reads right after; who waits for more is told when it is so.

        Raises:
            Refusal: 500 in plain text, the BMC fails.
        """
        try:
            power = await machine.bmc.order(to, soft=soft, takes_s=takes_s)
        except BmcError as error:
            self.log.tell(machine, _FAILED[to], str(error))
            raise refused(HTTPStatus.INTERNAL_SERVER_ERROR, f"Failed to power {to} node: {error}") from error
        self.log.tell(machine, _DONE[to])
        self.noted(machine, power)
        if power is not to and machine.status in self.when_read:
            self.then(machine, machine.bmc.obeys_in_s() + _LATER_S, lambda: self.noted(machine, machine.bmc.power))

    async def query(self, machine: Machine) -> Power:
        """Ask the BMC, and remember.

        Raises:
            Refusal: 500 in plain text, the BMC fails.
        """
        try:
            power = await machine.bmc.read()
        except BmcError as error:
            self.log.tell(machine, EventType.POWER_QUERY_FAILED, str(error))
            raise refused(HTTPStatus.INTERNAL_SERVER_ERROR, f"Power query failed: {error}") from error
        self.noted(machine, power)
        return power

    def noted(self, machine: Machine, power: Power) -> None:
        """Remember a reading; a machine that waits to be off or on has waited long enough."""
        machine.power, machine.power_read = power, time.monotonic()
        if waiting := self.when_read.get(machine.status):
            waiting(machine, power)

    def look(self, machine: Machine) -> None:
        """Ask the BMC anew if what is remembered has grown old, as MAAS does by itself."""
        if time.monotonic() - machine.power_read < self.timings.power_s:
            return
        if machine.bmc.fails:
            self.log.tell(machine, EventType.POWER_QUERY_FAILED, machine.bmc.fails)
        self.noted(machine, Power.ERROR if machine.bmc.fails else machine.bmc.power)

    def then(self, machine: Machine, after_s: float, act: Callable[[], None]) -> None:
        """Go on later, and with nothing else."""
        self.stop(machine)
        self._next[machine.system_id] = asyncio.get_running_loop().call_later(after_s, act)

    def stop(self, machine: Machine) -> None:
        """What goes on in the machine goes no further."""
        if timer := self._next.pop(machine.system_id, None):
            timer.cancel()

    def meanwhile(self, what: Coroutine[Any, Any, None]) -> None:
        """Do it while the answer is sent already."""
        task = asyncio.get_running_loop().create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
