"""What `watch` makes of a region's list: rows, offers and withdrawals, machines that are lost, and power."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bmprov.lifecycle import State
from bmprov.maas import NodeStatus as OurStatus
from bmprov.model import Arch, BackEnd, Nic, Operation
from bmprov.orders import NewMachine, RegionChange
from bmprov.power import BmcLogin, Power
from tests.ear import Ear
from tests.maas import bmc
from tests.maas.machine import Machine
from tests.maas.running import RunningRegion, region
from tests.maas.status import NodeStatus
from tests.worker.maas.house import ADMIN, CLOUD, REGION, MaasHouse, house, payload, uuid_of

FREE = {NodeStatus.READY}
STILL_HIS = set(NodeStatus) - {
    NodeStatus.READY,
    NodeStatus.RELEASING,
    NodeStatus.FAILED_RELEASING,
    NodeStatus.DISK_ERASING,
    NodeStatus.FAILED_DISK_ERASING,
}


@pytest.fixture
def maas() -> Iterator[RunningRegion]:
    with region(machines=3) as running:
        yield running


@pytest.fixture
def lab(tmp_path: Path, valkey: str, maas: RunningRegion) -> Iterator[MaasHouse]:
    with house(tmp_path, valkey, maas) as built:
        yield built


def node(lab: MaasHouse) -> Machine:
    return lab.maas.machine("node0001")


def test_a_machine_is_found_with_its_facts(lab: MaasHouse) -> None:
    """Size, place, tags, and NICs with the one that boots first."""
    there = lab.maas.add_machine(
        "big", architecture="arm64/generic", cpu_count=64, memory_mib=262144, tags=frozenset({"gpu", "fast"}), nics=3
    )
    there.zone, there.pool = lab.maas.model.add_zone("dc2"), lab.maas.model.add_pool("tenants")
    there.put(replace(there.nics[2], tags=("uplink", "fibre")))
    there.boot_index = 2
    lab.follow()
    row = lab.machine("big")
    assert (row.state, row.back_end, row.bmc.address) == (
        State.AVAILABLE,
        BackEnd.MAAS,
        f"maas://lab/{there.system_id}",
    )
    assert (row.arch, row.cpus, row.memory_mib, row.disk_gib) == (Arch.AARCH64, 64, 262144, 465)
    assert (row.zone, row.pod, set(row.tags)) == ("dc2", "tenants", {"gpu", "fast"})
    assert [(one.mac, one.netboot, one.tag) for one in row.nics] == [
        (there.nics[2].mac, True, "uplink"),
        (there.nics[0].mac, False, ""),
        (there.nics[1].mac, False, ""),
    ]
    assert {one.home_vlan for one in row.nics} == {lab.maas.model.provisioning.vlan.id}
    assert lab.events().count("found in MAAS") == 4


def test_a_regions_own_zone_is_its_machines(tmp_path: Path, valkey: str, maas: RunningRegion) -> None:
    with house(tmp_path, valkey, maas, zone="berlin") as lab:
        assert {one.zone for one in lab.machines} == {"berlin"}


@pytest.mark.parametrize("status", NodeStatus, ids=lambda status: status.name)
def test_what_is_free_can_be_had_and_nothing_else(lab: MaasHouse, status: NodeStatus) -> None:
    """By every status of MAAS: withdrawn with the reason, offered again, and found so from the beginning."""
    node(lab).status = status
    lab.follow()
    row, free = lab.machine("node0001"), status in FREE
    assert (row.state, bool(row.fault)) == ((State.AVAILABLE, False) if free else (State.ENROLLED, True))
    assert free or row.fault.startswith("in MAAS it is ")
    late = lab.maas.add_machine("late", status=status)
    lab.follow()
    assert lab.machine("late").state is row.state
    assert bool(lab.machine("late").fault) is not free
    node(lab).status = late.status = NodeStatus.READY
    lab.follow()
    assert [(one.state, one.fault) for one in lab.machines] == [(State.AVAILABLE, "")] * 4


def test_a_locked_machine_is_not_free(lab: MaasHouse) -> None:
    """MAAS gives nobody a machine that is locked, Ready or not."""
    node(lab).locked = True
    lab.follow()
    assert (lab.machine("node0001").state, lab.machine("node0001").fault) == (
        State.ENROLLED,
        "in MAAS it is Ready, locked",
    )
    node(lab).locked = False
    lab.follow()
    assert lab.machine("node0001").state is State.AVAILABLE


@pytest.mark.parametrize("status", NodeStatus, ids=lambda status: status.name)
def test_a_deployed_machine_is_lost_when_maas_has_it_as_ours_no_more(lab: MaasHouse, status: NodeStatus) -> None:
    """One that is tested or rescued is still ours, and one that is given back is not, whatever its agent name."""
    lab.deploy()
    there = lab.in_maas()
    there.status = status
    lab.follow()
    assert lab.of().state is (State.ACTIVE if status in STILL_HIS else State.ERROR)
    there.agent_name = ""
    lab.follow()
    stays = status in {NodeStatus.DEPLOYED, *(one for one in NodeStatus if "RESCUE" in one.name)}
    settled = status in STILL_HIS and not stays
    assert lab.of().state is (State.ACTIVE if stays or settled else State.ERROR)


def test_statuses_are_those_of_the_simulator() -> None:
    assert [(one.name, one.value) for one in OurStatus] == [(one.name, one.value) for one in NodeStatus]


@pytest.mark.parametrize("how", ["taken", "released", "deleted"])
def test_a_deployed_machine_that_somebody_takes_away(lab: MaasHouse, how: str) -> None:
    """It is said why, power is not told of it, and its instance can be deleted."""
    lab.deploy()
    there, ear = lab.in_maas(), Ear(lab.store)
    match how:
        case "taken":
            lab.maas.grab(there.hostname, "alice")
        case "released":
            lab.maas.release(there.hostname)
            lab.maas.wait(there.hostname, NodeStatus.READY)
        case "deleted":
            lab.maas.delete(there.hostname)
    there.bmc.switch(bmc.Power.ON)
    lab.follow()
    row = lab.of()
    assert row.state is State.ERROR
    assert {"taken": "owned by alice", "released": "took it away", "deleted": "was deleted in MAAS"}[how] in row.fault
    assert "lost in MAAS" in lab.events()
    assert [one["cause"] for one in ear.heard("machine.error")] == [row.fault]
    assert lab.power() == "unknown"
    lab.succeed(lab.orders.stop(payload(), CLOUD))
    lab.succeed(lab.orders.delete(payload(), CLOUD))
    lab.follow()
    assert [one.instance_id for one in lab.machines if one.instance_id] == []
    assert len(lab.machines) == (2 if how == "deleted" else 3)


def test_a_key_of_another_user_loses_nothing(lab: MaasHouse) -> None:
    """Machines that were deployed with the old key are still their instances', and each is asked for once."""
    lab.deploy()
    lab.orders.change_region(REGION, RegionChange(key=lab.maas.new_key("other")), ADMIN)
    lab.maas.counts.clear()
    lab.follow()
    lab.follow()
    assert lab.of().state is State.ACTIVE
    assert lab.power() == "poweron"
    assert lab.maas.counts.calls["Machines.read"] == 3
    lab.maas.release(lab.of().name)
    lab.follow()
    assert lab.of().state is State.ERROR


def test_names_that_collide(lab: MaasHouse) -> None:
    """A machine of MAAS whose name is another's has its region's behind it; what the other is does not change."""
    direct(lab, "store", "02:99:00:00:00:01")
    lab.maas.add_machine("store")
    lab.follow()
    assert {"store", "store.lab"} <= {one.name for one in lab.machines}
    assert lab.machine("store").back_end is not BackEnd.MAAS
    lab.follow()
    assert len(lab.machines) == 5


def test_a_machine_is_renamed(lab: MaasHouse) -> None:
    """Even to the beginning of its name, and back."""
    for name in ("node0001b", "node0001", "node000"):
        there = next(iter(lab.maas.machines))
        there.hostname = name
        lab.follow()
        assert lab.machine(name).bmc.address.endswith(there.system_id)
        assert len(lab.machines) == 3


def test_two_machines_swap_their_names(lab: MaasHouse) -> None:
    one, other = lab.maas.machines[:2]
    one.hostname, other.hostname = other.hostname, one.hostname
    lab.follow()
    assert len({row.name for row in lab.machines}) == 3
    lab.follow()
    lab.follow()
    assert len(lab.machines) == 3


def direct(lab: MaasHouse, name: str, mac: str) -> None:
    """A machine that is not MAAS's."""
    new = NewMachine(name=name, bmc=BmcLogin(f"fake://{name}", "", ""), nics=(Nic(mac, 0),))
    lab.orders.enrol(new, ADMIN)


def test_a_mac_that_a_direct_machine_has(lab: MaasHouse) -> None:
    """The machine is not taken, and the others are."""
    direct(lab, "twin", "52:54:00:00:aa:00")
    there = lab.maas.add_machine("clone")
    there.put(replace(there.nics[0], mac="52:54:00:00:aa:00"))
    lab.maas.add_machine("fine")
    lab.follow()
    assert {one.name for one in lab.machines} == {"node0001", "node0002", "node0003", "twin", "fine"}
    with lab.store.read() as transaction:
        twin = transaction.machines.with_mac("52:54:00:00:aa:00")
    assert twin is not None
    assert twin.name == "twin"


def test_nics_that_change(lab: MaasHouse) -> None:
    """While nobody has the machine; one that is used keeps what CloudStack knows."""
    there = node(lab)
    there.put(replace(there.nics[1], mac="52:54:99:00:00:01", tags=("new",)))
    lab.follow()
    assert [(one.mac, one.tag) for one in lab.machine("node0001").nics][1] == ("52:54:99:00:00:01", "new")
    lab.deploy()
    used = lab.in_maas()
    before = lab.of().nics
    used.put(replace(used.nics[1], mac="52:54:99:00:00:02"))
    lab.follow()
    assert lab.of().nics == before


def test_a_machine_that_goes_from_maas(lab: MaasHouse) -> None:
    """Its row goes too; one that comes again is a new one."""
    gone = node(lab)
    lab.maas.delete("node0001")
    lab.follow()
    assert [one.name for one in lab.machines] == ["node0002", "node0003"]
    assert "gone from MAAS" in lab.events()
    lab.maas.change(lambda: lab.maas.model.machines.update({gone.system_id: gone}))
    lab.follow()
    assert len(lab.machines) == 3


def test_a_silent_region_makes_readings_old_and_says_why(lab: MaasHouse) -> None:
    """Power is unknown by and by, the reason stands at each machine, and nothing is withdrawn or lost."""
    lab.deploy()
    lab.maas.stop()
    lab.follow()
    assert lab.power() == "poweron"
    lab.ahead_s += 91
    assert lab.power() == "unknown"
    assert {one.state for one in lab.machines} == {State.AVAILABLE, State.ACTIVE}
    assert all("'lab' is not there" in one.reading.error for one in lab.machines)
    found = lab.region()
    assert found is not None
    assert "'lab' is not there" in found.error
    lab.maas.start()
    lab.follow()
    assert lab.power() == "poweron"
    assert {one.reading.error for one in lab.machines} == {""}
    again = lab.region()
    assert again is not None
    assert again.error == ""


def test_a_thousand_machines_are_one_call(tmp_path: Path, valkey: str) -> None:
    with region(machines=1000) as maas, house(tmp_path, valkey, maas) as lab:
        assert len(lab.machines) == 1000
        maas.counts.clear()
        began = time.process_time()
        lab.follow()
        assert maas.counts.calls == {"Machines.read": 1}
        assert time.process_time() - began < 10


def test_power_that_changes_out_of_band_is_an_event(lab: MaasHouse) -> None:
    """And told to CloudStack as MAAS tells it."""
    lab.deploy()
    there, ear = lab.in_maas(), Ear(lab.store)
    there.bmc.switch(bmc.Power.OFF)
    lab.follow()
    assert lab.power() == "poweron"  # MAAS has not asked the BMC since
    there.power = bmc.Power.OFF
    lab.follow()
    assert lab.power() == "poweroff"
    assert "out-of-band power off" in lab.events()
    assert [(one["from"], one["to"]) for one in ear.heard("power.out-of-band")] == [("on", "off")]
    there.power = bmc.Power.ERROR
    lab.follow()
    assert lab.power() == "unknown"


def test_a_list_never_overwrites_what_was_done_since(lab: MaasHouse) -> None:
    """One that took long: what was reserved, deployed, switched or deleted meanwhile stays as it is."""
    lab.deploy()
    during(lab, lambda: lab.succeed(lab.orders.stop(payload(), CLOUD)))
    assert lab.power() == "poweroff"
    during(lab, lambda: lab.succeed(lab.orders.delete(payload(), CLOUD)))
    assert [one.state for one in lab.machines] == [State.AVAILABLE] * 3
    during(lab, lambda: lab.deploy(2))
    assert lab.of(2).state is State.ACTIVE
    assert lab.power(2) == "poweron"

    def again() -> None:
        lab.succeed(lab.orders.delete(payload(2), CLOUD))
        lab.deploy(3)

    during(lab, again)
    assert (lab.of(3).state, lab.of(3).fault) == (State.ACTIVE, "")
    during(lab, lambda: lab.orders.prepare(payload(4), CLOUD))
    assert lab.of(4).state is State.RESERVED
    found = lab.region()
    assert found is not None
    assert found.error == ""


def during(lab: MaasHouse, act: object) -> None:
    """Follow the region, and do something between its answer and what is made of it."""
    calls_of = lab.follower.calls_of

    class Slow:
        """A region's calls, whose list arrives late."""

        def __init__(self, region: object) -> None:
            self.calls = calls_of(region)  # type: ignore[arg-type] # as it was given

        def __getattr__(self, name: str) -> object:
            return getattr(self.calls, name)

        def machines(self, by: object) -> object:
            told = self.calls.machines(by)  # type: ignore[arg-type] # as it was given
            act()  # type: ignore[operator] # a call
            return told

    lab.follower.calls_of = Slow  # type: ignore[assignment] # stands for it
    try:
        lab.follow()
    finally:
        lab.follower.calls_of = calls_of


def test_what_is_under_way_is_woken_and_not_touched(lab: MaasHouse) -> None:
    """A deployment that waits looks at once when MAAS is ready, and its row is the operation's alone."""
    lab.maas.timings.deploy_s = 0.2
    operation = lab.orders.create(payload(), CLOUD)
    assert isinstance(operation, Operation)
    operation = lab.step(operation)
    before, row = operation.due_at, lab.of()
    lab.follow()
    assert lab.operation(operation.id).due_at == before
    assert replace(lab.of(), reading=row.reading) == row
    lab.maas.wait(row.name, NodeStatus.DEPLOYED)
    lab.follow()
    assert lab.operation(operation.id).due_at < before
    lab.succeed(operation)
    assert lab.of().instance_id == uuid_of(1)
    assert lab.of().reading.power is Power.ON
