"""From a custom action's arrival at the API to the moment when the BMC moves the power: queue, worker and login."""

import statistics
import time
from collections.abc import Iterator
from functools import partial

from bmprov.deadline import Deadline
from bmprov.lifecycle import State
from bmprov.model import Bmc, Instance, Machine, Nic, PowerReading
from bmprov.power import Power, PowerAction
from bmprov.store import Store
from bmprov.vault import Vault
from tests.bench.extension import cloud_of
from tests.bench.measure import wait_for
from tests.bench.service import Client, Service, payload, running
from tests.contract.bmcs import PASSWORD, USER, CountingChassis, SimulatedMachine, simulated_bmcs

ROUNDS = 30


def bench_latency() -> Iterator[str]:
    """`poweroff`, again and again, of one machine; by IPMI."""
    with running("--sim", "0") as service, simulated_bmcs() as hall:
        taken = list(_power_offs(service, hall.start()))
    yield f"## From a custom action `poweroff` to the BMC's switch, median of {ROUNDS}"
    yield f"{statistics.median(taken):7.0f} ms   slowest {max(taken):.0f} ms"


def _power_offs(service: Service, machine: SimulatedMachine) -> Iterator[float]:
    asked = payload(1, {})
    _enter(service, str(asked["virtualmachineid"]), machine)
    switched = _Stamps(machine.chassis)
    cloud, admin = Client(service.cloud), Client(service.admin)
    order = asked | {"action": "poweroff", "caller": {"roletype": "Admin"}}
    for number in range(ROUNDS):
        machine.chassis.press(PowerAction.ON)
        began = time.monotonic()
        operation = cloud.ask("POST", "/cloudstack/custom", order)["operation"]["id"]
        wait_for(partial(_ended, admin, operation), "the power going off", Deadline.after(30), 0.02)
        yield 1000 * (switched.off[number] - began)


class _Stamps:
    """When a chassis was switched off."""

    def __init__(self, chassis: CountingChassis) -> None:
        self.off: list[float] = []
        self._press = chassis.press
        chassis.press = self._stamped  # type: ignore[method-assign] # as a BMC's own log would

    def _stamped(self, action: PowerAction) -> None:
        if action is PowerAction.OFF:
            self.off.append(time.monotonic())
        self._press(action)


def _ended(client: Client, operation: str) -> bool:
    return bool(client.ask("GET", f"/operations/{operation}")["finished_at"])


def _enter(service: Service, instance_id: str, machine: SimulatedMachine) -> None:
    """An instance that runs on the machine, written straight into the store."""
    store, vault = Store(service.database), Vault.from_file(service.folder / "secret.key")
    bmc = Bmc(machine.login.address, USER, vault.seal(PASSWORD.encode()))
    with store.write() as transaction:
        reading = PowerReading(Power.ON, transaction.now)
        nic = Nic("02:be:00:00:00:01", 0)
        active = Machine("m-1", "m1", bmc, (nic,), state=State.ACTIVE, reading=reading)
        transaction.machines.add(active)
    cloud = cloud_of(store)
    with store.write() as transaction:
        transaction.instances.add(Instance(instance_id, "i-2-1-VM", cloud, "bench", "m-1", b""))
    store.close()
