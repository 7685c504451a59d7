"""The sweep at full speed while machines are rebooted, and CloudStack that asks all along: none is ever told as off."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bmprov.lifecycle import State
from bmprov.model import Bmc, Instance, Machine, Operation, PowerReading, Role
from bmprov.orders import Caller, Orders
from bmprov.power import Power, PowerAction
from bmprov.queue import JobQueue
from bmprov.settings import WorkerSettings
from bmprov.store import Store
from bmprov.vault import Vault
from tests import databases
from tests.contract.bmcs import PASSWORD, USER, SimulatedMachine, simulated_bmcs
from tests.requests import no_ports, no_request
from worker.drivers.choice import Drivers
from worker.runner import Runner
from worker.sweep import Sweeper

CLOUD = Caller("cloud-1", Role.CLOUD, "c1", "10.0.0.1")
MACHINES, REBOOTS = 4, 6


def payload(number: int) -> dict[str, object]:
    instance = f"00000000-0000-4000-8000-{number:012d}"
    host = {"host": {"host": "h1"}}
    return {"virtualmachineid": instance, "virtualmachinename": f"i-2-{number}-VM", "externaldetails": host}


class LateSweeper(Sweeper):
    """A sweep whose database takes its time: what it stores was so some while ago."""

    def _keep(self, batch: list[tuple[Machine, PowerReading]]) -> None:
        time.sleep(random.uniform(0, 0.4))
        super()._keep(batch)


class Site:
    """Machines that run instances, a worker, a sweep, and the orders that CloudStack's calls become."""

    def __init__(self, folder: Path, valkey: str, bmcs: list[SimulatedMachine]) -> None:
        Vault.create_file(folder / "secret.key")
        vault, queue = Vault.from_file(folder / "secret.key"), JobQueue(valkey, pause_s=0.01)
        queue.redis.flushall()
        self.store = Store(databases.sqlite(folder / "bmprov.db"), pool_size=8)
        self.orders = Orders(self.store, vault, reservation_s=1800, freshness_s=90)
        self.pool = ThreadPoolExecutor(8)
        watch = Drivers(vault, queue, urgent=False)
        self.sweeper = LateSweeper(self.store, watch, queue, self.pool, 16, 2.0)
        limits = WorkerSettings(shutdown_s=1, retry_first_s=0.05)
        self.runner = Runner(
            self.store,
            Drivers(vault, queue, urgent=True).of,
            limits,
            "w1",
            lambda: 1.0,
            lambda _: "",
            no_request,
            no_ports(self.store),
        )
        with self.store.write() as transaction:
            for number, bmc in enumerate(bmcs):
                login = Bmc(bmc.login.address, USER, vault.seal(PASSWORD.encode()))
                reading = PowerReading(Power.ON, transaction.now)
                machine = Machine(f"m-{number}", f"m{number}", login, (), state=State.ACTIVE, reading=reading)
                transaction.machines.add(machine)
                told = payload(number)
                names = str(told["virtualmachineid"]), str(told["virtualmachinename"])
                transaction.instances.add(Instance(*names, "c1", "h1", machine.id, b""))

    def sweep(self) -> None:
        with self.store.read() as transaction:
            machines = transaction.machines.all()
        self.sweeper.sweep(machines)

    def reboot(self, number: int) -> None:
        operation = self.orders.reboot(payload(number), CLOUD)
        assert isinstance(operation, Operation)
        while not operation.finished:
            self.runner.advance(operation.id)
            time.sleep(0.01)
            with self.store.read() as transaction:
                operation = transaction.operations.get(operation.id) or operation
        assert operation.state == "succeeded", operation.error


@pytest.fixture
def bmcs() -> Iterator[list[SimulatedMachine]]:
    with simulated_bmcs() as hall:
        found = [hall.start() for _ in range(MACHINES)]
        for machine in found:
            machine.chassis.press(PowerAction.ON)
            machine.faults.power_takes_s = 0.15  # long enough off to be read so
        yield found


def test_no_machine_is_told_as_off_while_it_is_rebooted(
    tmp_path: Path, valkey: str, bmcs: list[SimulatedMachine]
) -> None:
    """Whatever the sweep reads in the middle, and however soon after the reboot it stores it."""
    site, ended, said = Site(tmp_path, valkey, bmcs), threading.Event(), list[str]()
    sweeps = 0

    def over_and_over(act: Callable[[], None]) -> None:
        while not ended.is_set():
            act()

    def sweep() -> None:
        nonlocal sweeps
        site.sweep()
        sweeps += 1

    def ask() -> None:
        told = site.orders.statuses(payload(0), CLOUD)["power_state"]
        assert len(told) == MACHINES
        said.extend(told.values())

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(over_and_over, act) for act in (sweep, ask)]
        for _ in range(REBOOTS):
            for done in [pool.submit(site.reboot, number) for number in range(MACHINES)]:
                done.result(60)
        time.sleep(0.5)  # for what a sweep may still have in hand
        ended.set()
        for one in asking:
            one.result(60)
    assert sum(machine.changes() for machine in bmcs) >= 2 * MACHINES * REBOOTS
    assert sweeps > REBOOTS
    assert len(said) > 100
    assert set(said) == {"poweron"}
    site.store.close()
