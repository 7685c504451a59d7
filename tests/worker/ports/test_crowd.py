"""Twenty machines whose ports are on the same switches, deployed and released at once by four workers."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmprov.model import Operation, OperationState
from bmprov.queue import JobQueue
from bmprov.switch import PortSetting
from tests.sim_switch.device import Faults
from tests.sim_switch.ssh import SwitchServers, switch_servers
from tests.worker.ports.house import CLOSED, CLOUD, payload
from tests.worker.ports.ssh_house import SshHouse
from worker.runner import Runner
from worker.switches.choice import Switches

MACHINES, WORKERS = 20, 4
NETWORKS = ("vlan://1577", "vlan://1501")
_END_S = 400
_PATIENCE_S = 2.0
_LOADED_S = 4.0


class Hall(SshHouse):
    """The house, in the time that really goes by."""

    def clock(self) -> float:
        return time.time()


@pytest.fixture
def servers() -> Iterator[SwitchServers]:
    with switch_servers() as servers:
        yield servers


def work(house: Hall, runner: Runner, end: float) -> None:
    """A worker, and its ramdisks: whatever is due is taken as far as it goes, until all has ended."""
    while time.time() < end:
        with house.store.read() as transaction:
            running = transaction.operations.all(unfinished=True)
        if not running:
            return
        due = [one for one in running if one.due_at is not None and one.due_at <= time.time()]
        for operation in due:
            runner.advance(operation.id)
            if (house.look(operation).step or "").startswith("wait for"):
                house.ramdisk(operation, booted=True, written=True)
        if not due:
            time.sleep(0.05)  # another worker has the rest, or a wait goes on


def worked_off(house: Hall, valkey: str) -> None:
    """Let four workers do all there is."""
    threads = []
    for number in range(WORKERS):
        switches = Switches(house.vault, JobQueue(valkey, f"w{number}"))
        runner = house.worker(f"w{number}", switches.of)
        threads.append(threading.Thread(target=work, args=(house, runner, time.time() + _END_S)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.long
def test_twenty_machines_at_once(tmp_path: Path, servers: SwitchServers, valkey: str) -> None:
    """One session at a time on each switch; a worker that finds it held soon goes on with others; all end well."""
    house = Hall(tmp_path, servers, valkey, MACHINES)
    house.devices[1].faults = Faults(hangs_at="configure terminal", hangs_s=0.8)  # a switch that takes its time
    everyone = range(1, MACHINES + 1)
    deployments = [house.create(number, NETWORKS) for number in everyone]
    worked_off(house, valkey)
    ended = [house.look(operation) for operation in deployments]
    assert [one.error for one in ended if one.state is not OperationState.SUCCEEDED] == []
    tenants = {(house.port(number), house.port(number, 1)) for number in everyone}
    assert tenants == {((True, PortSetting.access(1577)), (True, PortSetting.access(1501)))}
    house.look_at_ports()
    house.devices[1].faults = Faults()
    releases = [house.orders.delete(payload(number), CLOUD) for number in everyone]
    worked_off(house, valkey)
    for release in releases:
        assert isinstance(release, Operation)
        assert house.look(release).state is OperationState.SUCCEEDED
    assert {house.port(number, nic) for number in everyone for nic in (0, 1)} == {CLOSED}
    assert [house.open_ports(f"m{number}") for number in everyone] == [[]] * MACHINES
    assert {number: device.most_sessions for number, device in house.devices.items()} == {1: 1, 2: 1}
    held = [run for one in ended for run in house.steps(one) if "another session of ours" in run.detail]
    assert held, "nobody ever had to wait: this is no crowd"
    assert max(run.ended_at - run.started_at for run in held) < _PATIENCE_S + _LOADED_S
