"""Machines that MAAS has allocated for us although nobody has them: given back.

One call of MAAS's that came late can leave such a machine: `allocate` that was given up, and was carried out after its
instance had been deleted. Its `agent_name` is the instance of the last thing that we did to the machine; what a person
has allocated by hand is never touched.
"""

from collections.abc import Iterable

import structlog

from bmprov.deadline import Deadline
from bmprov.errors import BmprovError
from bmprov.maas import place_of
from bmprov.model import Machine, Region
from bmprov.power import Power
from bmprov.store import Store
from worker.maas.calls import MaasRegion

log = structlog.get_logger()


def give_back(store: Store, region: Region, calls: MaasRegion, suspects: Iterable[Machine], by: Deadline) -> None:
    """Release those of these machines that are ours and off; switch the others off, for the next round.

    None may be available: nobody may reserve one meanwhile.
    """
    for machine in suspects:
        try:
            _give_back(store, region, calls, machine, by)
        except BmprovError as error:
            log.warning("machine could not be given back to MAAS", machine=machine.name, why=str(error))


def _give_back(store: Store, region: Region, calls: MaasRegion, machine: Machine, by: Deadline) -> None:
    with store.read() as transaction:
        last = next(iter(transaction.operations.all(limit=1, machine_id=machine.id)), None)
    place = place_of(machine.bmc.address)
    if last is None or not last.finished or not last.instance_id or place is None:
        return
    if calls.allocated_to(place[1], last.instance_id, by) is None:
        return
    if calls.query_power(place[1], by) is not Power.OFF:
        calls.power_off(place[1], by, soft=False)  # a release whose BMC fails forgets whose the machine is
        return
    calls.release(place[1], region.erase, f"left over from CloudStack instance {last.instance_id}", by)
    with store.write() as transaction:
        transaction.events.add("given back to MAAS", actor="bmprov", machine=machine.name, instance_id=last.instance_id)
    log.warning("machine was left over and is given back to MAAS", machine=machine.name, instance=last.instance_id)
