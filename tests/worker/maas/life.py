"""The whole life of an instance on a MAAS machine, and what must hold after whatever happened in it."""

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from bmprov.errors import Conflict
from bmprov.lifecycle import State
from bmprov.model import Machine, Operation, OperationState
from tests.maas.bmc import Power
from tests.maas.status import NodeStatus
from tests.worker.maas.house import ADMIN, CLOUD, MaasHouse, nic, payload
from worker.flow import MachineDrivers
from worker.runner import Runner

_TENANT = nic(ip="10.9.1.45", netmask="255.255.255.0", gateway="10.9.1.1", broadcastUri="vlan://1577", defaultNic=True)
ASKED = payload(1, _TENANT)
LIMITS = {"maas_deploy_s": 130.0, "maas_release_s": 30.0}


def add_tenant_network(lab: MaasHouse) -> None:
    """What the instance asks for."""
    networks = lab.maas.model.networks
    vlan = lab.maas.change(lambda: networks.add_vlan(networks.fabrics[0], 1577, "tenant"))
    lab.maas.change(lambda: networks.add_subnet(vlan, "10.9.1.0/24", "tenant", gateway="10.9.1.1"))


def live(lab: MaasHouse, runner: Runner | None = None, *, followed: bool = False) -> Operation | None:
    """Reserve, deploy, stop, start, give back; the operation that did not succeed, if one did not.

    With `followed` the region is listed after each, as `watch` does.
    """
    orders = lab.orders
    powers = {orders.create: "poweron", orders.stop: "poweroff", orders.start: "poweron"}
    for act in (orders.prepare, orders.create, orders.stop, orders.start, orders.delete):
        try:
            done = lab.run(act(ASKED, CLOUD), runner)
        except Conflict:  # it was seen to be lost
            assert followed
            return None
        if followed:
            lab.follow()
        tells_no_lie(lab)
        if done.state is not OperationState.SUCCEEDED:
            return done
        assert followed or act not in powers or lab.power() == powers[act]
    return None


def tells_no_lie(lab: MaasHouse) -> None:
    """`poweroff` is not told of an instance that runs, nor `poweron` of one whose machine is another's."""
    for machine in lab.machines:
        there = next((one for one in lab.maas.machines if one.hostname == machine.name), None)
        if machine.instance_id is None or there is None:
            continue
        told = lab.power()
        is_his = there.agent_name == machine.instance_id
        assert told != "poweroff" or not is_his or there.bmc.power is Power.OFF
        assert told != "poweron" or is_his


def delete(lab: MaasHouse, runner: Runner | None = None) -> None:
    """CloudStack gives up on the instance."""
    order = lab.orders.delete(ASKED, CLOUD)
    if isinstance(order, Operation):
        done = lab.run(order, runner)
        assert done.state is OperationState.SUCCEEDED, (done.error, done.check)
    assert [one.instance_id for one in lab.machines if one.instance_id] == []


def nothing_is_left(lab: MaasHouse) -> None:
    """In MAAS no machine is ours any more, and everything that is there can be used again."""
    for there in lab.maas.machines:
        assert there.status in (NodeStatus.READY, NodeStatus.BROKEN), (there.status, there.owner)
        assert there.agent_name == ""
        assert there.bmc.power is Power.OFF
        if there.status is NodeStatus.BROKEN:
            lab.maas.change(lambda there=there: lab.maas.model.releases.mark_fixed(there, "admin", ""))  # type: ignore[misc]
    lab.follow()
    for machine in lab.machines:
        if machine.maintenance:
            lab.orders.maintenance(machine.name, "", ADMIN)
    assert [one.state for one in lab.machines] == [State.AVAILABLE] * len(lab.maas.machines)
    for there in lab.maas.machines:
        assert there.boot_nic.vlan == lab.maas.model.provisioning.vlan
        assert [link.mode for link in there.boot_nic.links] == ["auto"]


def no_secret_is_told(lab: MaasHouse, folder: Path) -> None:
    """No part of the key is in anything that was written down."""
    with closing(sqlite3.connect(folder / "bmprov.db")) as database:
        written = "\n".join(database.iterdump())
    assert "machine" in written
    for part in lab.maas.key.split(":"):
        assert part not in written


def says_what_to_do(failed: Operation) -> None:
    """A failure names the region or the machine, and what to look at."""
    assert "'lab'" in failed.error + failed.check, (failed.error, failed.check)
    assert failed.check, failed.error


def before_step(lab: MaasHouse, number: int, act: Callable[[], object]) -> Runner:
    """A worker during whose step of this number something happens, just before that."""
    begun: list[str] = []

    def drivers_of(machine: Machine) -> MachineDrivers:
        begun.append(machine.name)
        if len(begun) == number:
            act()
        return lab.drivers.of(machine)

    return replace(lab.worker("w1", **LIMITS), drivers_of=drivers_of)


def try_to_delete(lab: MaasHouse) -> None:
    """CloudStack gives up in the middle: what is under way is cancelled."""
    with suppress(Conflict):
        lab.orders.delete(ASKED, CLOUD)
