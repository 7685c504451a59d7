"""Twenty instances at once, for ten machines."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bmprov.errors import Conflict, NoCapacity
from bmprov.lifecycle import State
from bmprov.model import Machine, Operation, OperationState
from bmprov.orders import Answer
from tests import databases
from tests.maas.power import Timings
from tests.maas.running import RunningRegion, region
from tests.maas.status import NodeStatus
from tests.worker.maas.house import CLOUD, MaasHouse, nic, payload, uuid_of
from worker.runner import Runner

_MACHINES = 10


@pytest.fixture
def maas() -> Iterator[RunningRegion]:
    with region(machines=_MACHINES, timings=Timings(deploy_s=0.05, release_s=0.02)) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def lab(request: pytest.FixtureRequest, tmp_path: Path, valkey: str, maas: RunningRegion) -> Iterator[MaasHouse]:
    sqlite = request.param == "sqlite"
    url = databases.sqlite(tmp_path / "bmprov.db") if sqlite else request.getfixturevalue("postgres_tables")()
    built = MaasHouse(tmp_path, valkey, maas, url, create_networks=True)
    with closing(built.store):
        yield built


class Crew:
    """Two workers, each of which takes what is due; no operation is run by both at once."""

    def __init__(self, lab: MaasHouse) -> None:
        self.lab, self.stopping = lab, threading.Event()
        self.runners = [lab.worker(name, maas_look_s=0.05) for name in ("w1", "w2")]

    def work(self, runner: Runner) -> None:
        while not self.stopping.is_set():
            with self.lab.store.read() as transaction:
                due = transaction.operations.due()
            for operation in due:
                runner.advance(operation.id)
            self.stopping.wait(0.01)

    def wait(self, order: Operation | Answer) -> Operation:
        assert isinstance(order, Operation)
        operation = order
        while not operation.finished and not self.stopping.wait(0.02):
            operation = self.lab.operation(operation.id)
        return operation


def asked(number: int) -> dict[str, object]:
    """All want the same new VLAN and its subnet."""
    address = {"ip": f"10.9.1.{number}", "netmask": "255.255.255.0", "gateway": "10.9.1.254"}
    return payload(number, nic(0, number, broadcastUri="vlan://1577", defaultNic=True, **address))


def deployed(lab: MaasHouse, crew: Crew, number: int) -> Operation | NoCapacity:
    """As the extension does: prepare, perhaps again, then create."""
    try:
        while (done := crew.wait(lab.orders.prepare(asked(number), CLOUD))).answer == {"again": True}:
            pass
        assert done.state is OperationState.SUCCEEDED, done.error
        return crew.wait(lab.orders.create(asked(number), CLOUD))
    except NoCapacity as refusal:
        return refusal


def test_twenty_instances_and_ten_machines(lab: MaasHouse) -> None:
    """Ten get one each, ten are told why not, and when all are deleted, all are free: while the region is followed."""
    crew = Crew(lab)
    with ThreadPoolExecutor(24) as pool:
        working = [pool.submit(crew.work, runner) for runner in crew.runners]
        following = pool.submit(_follow, lab, crew.stopping)
        try:
            ends = list(pool.map(lambda number: deployed(lab, crew, number), range(1, 21)))
            got = [end for end in ends if isinstance(end, Operation)]
            refused = [end for end in ends if isinstance(end, NoCapacity)]
            assert [(one.state, one.error) for one in got] == [(OperationState.SUCCEEDED, "")] * _MACHINES
            assert len({one.machine_name for one in got}) == _MACHINES
            assert len(refused) == _MACHINES
            assert all("no free machine" in one.why and "MAAS region lab" in one.why for one in refused)
            for one in got:
                there = lab.maas.machine(one.machine_name)
                assert (there.status, there.agent_name) == (NodeStatus.DEPLOYED, one.instance_id)
            assert len(lab.maas.model.networks.subnets) == 2
            gone = list(pool.map(lambda number: _deleted(lab, crew, number), range(1, 21)))
            assert gone.count(OperationState.SUCCEEDED) == _MACHINES
        finally:
            crew.stopping.set()
        for thread in (*working, following):
            thread.result()
    assert [one.status for one in lab.maas.machines] == [NodeStatus.READY] * _MACHINES
    assert [one.agent_name for one in lab.maas.machines] == [""] * _MACHINES
    lab.follow()
    assert [(one.state, one.instance_id) for one in lab.machines] == [(State.AVAILABLE, None)] * _MACHINES


def _deleted(lab: MaasHouse, crew: Crew, number: int) -> OperationState | None:
    order = lab.orders.delete(asked(number), CLOUD)
    return crew.wait(order).state if isinstance(order, Operation) else None


def _follow(lab: MaasHouse, stopping: threading.Event) -> None:
    while not stopping.wait(0.05):
        lab.follow()


def test_two_workers_at_one_operation(lab: MaasHouse) -> None:
    """One has it, the other leaves it: MAAS is asked once."""
    held, goes_on = threading.Event(), threading.Event()
    drivers_of = lab.drivers.of

    def slow(machine: Machine) -> object:
        held.set()
        assert goes_on.wait(10)
        return drivers_of(machine)

    first = replace(lab.worker("w1"), drivers_of=slow)  # type: ignore[arg-type] # what it is given
    operation = lab.orders.prepare(asked(1), CLOUD)
    assert isinstance(operation, Operation)
    thread = threading.Thread(target=first.advance, args=(operation.id,))
    thread.start()
    assert held.wait(10)
    lab.worker("w2").advance(operation.id)
    with pytest.raises(Conflict):
        lab.orders.delete(asked(1), CLOUD)
    assert lab.maas.counts.calls["Machines.allocate"] == 0
    goes_on.set()
    thread.join()
    assert lab.operation(operation.id).state is OperationState.CANCELLED
    lab.succeed(lab.orders.delete(asked(1), CLOUD))
    assert {one.agent_name for one in lab.maas.machines} == {""}
    assert uuid_of(1) not in {one.instance_id for one in lab.machines}
