"""Workers and regions that die in the middle of a MAAS machine's life: it ends well, and nothing is left allocated."""

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bmprov.sim.cloudstack import CloudStack, Result, merge_prepare
from bmprov.sim.virtual_machine import VirtualMachine
from tests.faults.conftest import House, until
from tests.maas.power import Timings
from tests.maas.running import RunningRegion, region
from tests.maas.status import NodeStatus

STALL_S = 0.5
CALLS = [
    ("prepare", "Machines.allocate"),
    ("create", "Interface.update"),
    ("create", "Interface.link_subnet"),
    ("create", "Machine.deploy"),
    ("create", "Machine.query_power_state"),
    ("delete", "Machine.query_power_state"),
    ("delete", "Machine.release"),
    ("delete", "Interface.update"),
    ("delete", "Interface.link_subnet"),
]
"""What a worker waits for when it dies. (That it dies between two calls is tested without processes.)"""


@dataclass
class Tenant:
    """A CloudStack user, one instance of his, and the region on which it is to run."""

    house: House
    maas: RunningRegion
    cloudstack: CloudStack
    instance: VirtualMachine

    def lives(self, before: Callable[[str], object] = lambda _: None) -> list[Result]:
        """Prepare, create, delete, as far as each succeeds."""
        before("prepare")
        done = [self.cloudstack.prepare(self.instance)]
        if done[-1].succeeded:
            before("create")
            self.instance = merge_prepare(self.instance, done[-1].answer)
            done.append(self.cloudstack.create(self.instance))
        if done[-1].succeeded:
            before("delete")
            done.append(self.cloudstack.delete(self.instance))
        return done

    def nothing_is_left(self) -> None:
        """Every machine is Ready, nobody's, off, at home and in the pool."""
        for machine in self.maas.machines:
            assert (machine.status, machine.agent_name) == (NodeStatus.READY, "")
            assert machine.bmc.power == "off"
            assert machine.boot_nic.vlan == self.maas.model.provisioning.vlan
            assert [link.mode for link in machine.boot_nic.links] == ["auto"]
        until(lambda: len(available(self.house)) == len(self.maas.machines), "the return to the pool", 10)


def available(house: House) -> list[dict[str, Any]]:
    return [one for one in house.machines("available") if one["back_end"] == "maas"]


def bmprov(house: House, *words: str, **environment: str) -> None:
    """The command line, as the administrator of the house."""
    program = Path(sys.executable).with_name("bmprov")
    command = [str(program), *words, "--data", str(house.folder)]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def maas(house: House) -> Iterator[RunningRegion]:
    with region(machines=2, timings=Timings(deploy_s=0.3, release_s=0.2)) as running:
        for machine in running.machines:  # the house's own machines have the simulator's MACs
            for nic in machine.nics:
                machine.put(replace(nic, mac=nic.mac.replace("52:54:", "52:55:")))
        bmprov(house, "maas", "add", "lab", running.url, "--create-networks", BMPROV_MAAS_KEY=running.key)
        until(lambda: len(available(house)) == 2, "the region's first list", 10)
        yield running
        bmprov(house, "maas", "remove", "lab", "--yes")


@pytest.fixture
def tenant(house: House, maas: RunningRegion, tmp_path: Path) -> Tenant:
    host = {"host": "h", "backend": "maas"}
    return Tenant(house, maas, replace(house.cloudstack(tmp_path), host=host), house.instance(distro_series="jammy"))


def kill_who_works(house: House) -> None:
    """Kill -9 the worker that has an operation, by its slot: it gets its lease back, and no other can take it."""
    with closing(sqlite3.connect(house.folder / "bmprov.db")) as database:
        (holder,) = database.execute("SELECT lease_owner FROM operations WHERE lease_owner IS NOT NULL").fetchone()
    assert house.kill("worker", holder) == 1


@pytest.mark.parametrize(("action", "call"), CALLS, ids=[" ".join(one) for one in CALLS])
def test_a_worker_dies_in_a_call(tenant: Tenant, action: str, call: str) -> None:
    """MAAS does what it was asked all the same: the next worker finds it done, and the life goes on to its end."""
    done: list[Result] = []
    faults = tenant.maas.faults

    def arm(now: str) -> None:
        if now == action:
            faults.stalls, faults.stall_s, faults.only = 1, STALL_S, frozenset({call})

    living = tenant.house.in_background(lambda: done.extend(tenant.lives(arm)))
    until(lambda: bool(faults.only) and not faults.stalls, f"the call {call}", 30)
    kill_who_works(tenant.house)
    living.join(60)
    faults.only = frozenset()
    assert [one.told for one in done if not one.succeeded] == []
    assert len(done) == 3
    tenant.nothing_is_left()


def test_workers_die_again_and_again_while_the_region_is_restarted(tenant: Tenant) -> None:
    """Whatever was lost in between: at the end the instance can be deleted, and nothing is left."""
    done: list[Result] = []
    living = tenant.house.in_background(lambda: done.extend(tenant.lives()))
    ended = threading.Event()
    for number in range(6):
        if ended.wait(0.7) or not living.is_alive():
            break
        tenant.house.kill("worker")
        if number % 2:
            tenant.maas.stop()
            ended.wait(0.3)
            tenant.maas.start()
    living.join(60)
    deleted = tenant.cloudstack.delete(tenant.instance)
    assert deleted.succeeded, deleted.told
    tenant.nothing_is_left()
