"""The power sweep: reads every BMC of a site, so that what CloudStack is told stays true.

Bounded concurrency; one session per BMC at a time (the driver's lock). A change that nobody ordered is an event.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from bmprov.deadline import Deadline
from bmprov.errors import BmprovError
from bmprov.model import Machine, PowerReading
from bmprov.power import Power, PowerDriver
from bmprov.store import Store

log = structlog.get_logger()


@dataclass(frozen=True)
class Sweeper:
    """Reads the power of many machines. `read_s` bounds one reading."""

    store: Store
    driver_of: Callable[[Machine], PowerDriver]
    read_s: float
    pool: ThreadPoolExecutor

    def sweep(self, machines: Iterable[Machine]) -> int:
        """Read all of `machines` and keep what was read; the number that answered."""
        return sum(self.pool.map(self._read, machines))

    def _read(self, machine: Machine) -> bool:
        began = self.store.clock()
        try:
            power = self.driver_of(machine).read(Deadline.after(self.read_s))
        except BmprovError as error:
            self._keep(machine, PowerReading(error=str(error)))
            return False
        self._keep(machine, PowerReading(power, began))
        return True

    def _keep(self, machine: Machine, reading: PowerReading) -> None:
        with self.store.write() as transaction:
            kept = transaction.machines.swept(machine, reading)
            if kept and _changed(machine, reading):
                what = f"out-of-band power {reading.power}"
                transaction.events.add(what, actor="bmprov", machine=machine.name, instance_id=machine.instance_id)
        if kept and (reading.error != machine.reading.error or _changed(machine, reading)):
            log.info("power", machine=machine.name, power=reading.power, error=reading.error)


def _changed(machine: Machine, reading: PowerReading) -> bool:
    before = machine.reading.power
    return reading.read_at is not None and before is not Power.UNKNOWN and before is not reading.power
