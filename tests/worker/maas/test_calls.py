"""Every call about machines, against the simulator of a region."""

import time
from contextlib import suppress

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import Fatal
from bmprov.maas import NodeStatus, Standing
from bmprov.model import Arch, Erase
from bmprov.power import Power
from tests.maas.machine import Failure
from tests.maas.running import RunningRegion
from tests.maas.status import NodeStatus as RealStatus
from tests.worker.maas.odd_region import odd_region, says
from worker.maas.calls import Constraints, MaasRegion
from worker.maas.errors import MaasConflict, MaasForbidden, MaasGone, MaasInvalid

UUID = "5e3b6c52-2f0f-4b8a-9a43-0c8b7f0f5a11"


@pytest.fixture
def system_id(maas: RunningRegion) -> str:
    return maas.machine("node0001").system_id


@pytest.fixture
def own(calls: MaasRegion, system_id: str, by: Deadline) -> str:
    """A machine that is allocated to us."""
    return calls.allocate(Constraints(system_id=system_id), UUID, "of a test", by).system_id


def test_who_and_what(maas: RunningRegion, calls: MaasRegion, by: Deadline) -> None:
    """The version, the user, his SSH keys."""
    assert calls.name == "lab"
    assert calls.version(by) == "3.7.3"
    user = calls.whoami(by)
    assert (user.name, user.is_admin) == ("admin", True)
    assert calls.ssh_keys(by) == 0
    maas.model.ssh_keys["admin"] = ["ssh-ed25519 AAAA me"]
    assert calls.ssh_keys(by) == 1


def test_all_machines_in_one_call(maas: RunningRegion, calls: MaasRegion, by: Deadline) -> None:
    """With their hardware, where they stand, and their NICs, the one that boots first."""
    made = maas.add_machine(
        "odd",
        nics=3,
        zone="north",
        pool="gold",
        boot_index=2,
        architecture="arm64/generic",
        tags=frozenset({"b", "a"}),
        storage_bytes=960 * 10**9,
    )
    maas.counts.clear()
    machines = calls.machines(by)
    assert maas.counts.calls == {"Machines.read": 1}
    assert [one.hostname for one in machines] == ["node0001", "node0002", "node0003", "node0004", "odd"]
    found = machines[-1]
    assert (found.system_id, found.status, found.standing) == (made.system_id, NodeStatus.READY, Standing.FREE)
    assert (found.arch, found.cpus, found.memory_mib, found.disk_gib) == (Arch.AARCH64, 8, 16384, 894)
    assert (found.zone, found.pool, found.tags) == ("north", "gold", ("a", "b"))
    assert (found.power, found.owner, found.locked, found.hardware) == (Power.OFF, "", False, {})
    assert [nic.name for nic in found.nics] == ["eth2", "eth0", "eth1"]
    assert found.nics[0].mac == made.nics[2].mac
    first = machines[0].nics[0]
    assert (first.vlan_id, first.vid, first.fabric, first.fabric_id) == (5001, 0, "fabric-0", 0)
    assert [(link.mode, link.cidr, link.subnet_id, link.ip_address) for link in first.links] == [
        ("auto", "10.1.0.0/16", 1, "")
    ]


def test_one_machine(calls: MaasRegion, system_id: str, by: Deadline) -> None:
    """It is as the list has it."""
    assert calls.machine(system_id, by) == calls.machines(by)[0]


@pytest.mark.parametrize("system_id", ["absent", "../users", "a/b", "?op=deploy", "ä"])
def test_a_machine_that_is_not_there(maas: RunningRegion, calls: MaasRegion, system_id: str, by: Deadline) -> None:
    """The error names it, and no system ID leads to another address."""
    with pytest.raises(MaasGone, match="MAAS region 'lab' has no machine "):
        calls.machine(system_id, by)
    assert set(maas.counts.calls) <= {"Machine.read", "unknown"}


def test_allocation_names_its_instance(maas: RunningRegion, calls: MaasRegion, own: str, by: Deadline) -> None:
    """So it is found again by the instance, in one call, and by nobody else's name."""
    maas.counts.clear()
    found = calls.allocated_to(own, UUID, by)
    assert maas.counts.calls == {"Machines.read": 1}
    assert found is not None
    assert (found.system_id, found.standing, found.owner) == (own, Standing.ALLOCATED, "admin")
    assert [one.system_id for one in calls.with_agent(UUID, by)] == [own]
    assert calls.allocated_to(own, "another", by) is None
    assert calls.allocated_to("absent", UUID, by) is None
    calls.release(own, Erase.NONE, "", by)
    assert calls.allocated_to(own, UUID, by) is None
    assert calls.with_agent(UUID, by) == []


def test_allocation_of_a_taken_machine(calls: MaasRegion, own: str, by: Deadline) -> None:
    """MAAS's words say why not."""
    with pytest.raises(MaasConflict, match=rf"No machine with system ID {own} available"):
        calls.allocate(Constraints(system_id=own), "another", "", by)


def test_all_constraints(maas: RunningRegion, calls: MaasRegion, by: Deadline) -> None:
    """Each leaves out what it must: only one machine has all."""
    facts = {"cpu_count": 64, "memory_mib": 65536, "architecture": "arm64/generic"}
    wanted = maas.add_machine("best", zone="north", pool="gold", tags=frozenset({"gpu", "nvme"}), **facts)
    maas.add_machine("worse", zone="north", pool="gold", tags=frozenset({"gpu", "nvme", "old"}), **facts)
    constraints = Constraints(
        name="best",
        arch="arm64",
        cpu_count=32,
        mem=32768,
        tags=("gpu", "nvme"),
        not_tags=("old",),
        zone="north",
        pool="gold",
        interfaces="a:vid=0",
    )
    assert calls.allocate(constraints, UUID, "", by).system_id == wanted.system_id
    with pytest.raises(MaasConflict) as caught:
        calls.allocate(constraints, UUID, "", by)
    for constraint in ("cpu_count", "not_tags", "gpu,nvme"):
        assert constraint in caught.value.why


def test_nothing_wanted_is_any_machine(calls: MaasRegion, by: Deadline) -> None:
    """Figures of 0 and empty texts are not sent."""
    assert calls.allocate(Constraints(), UUID, "", by).standing is Standing.ALLOCATED


def test_a_machine_by_its_mac(maas: RunningRegion, calls: MaasRegion, by: Deadline) -> None:
    """Allocation has no constraint for it, the list has a filter."""
    machine = maas.machine("node0003")
    found = calls.with_mac(machine.nics[1].mac, by)
    assert found is not None
    assert found.system_id == machine.system_id
    assert calls.with_mac("02:00:00:00:00:01", by) is None


def test_deployment(maas: RunningRegion, calls: MaasRegion, own: str, by: Deadline) -> None:
    """With the system, the kernel and the user data, of which no byte changes."""
    data = bytes(range(256)) * 2000
    assert calls.deploy(own, "ubuntu/jammy", "hwe-22.04", data, by).standing is Standing.DEPLOYING
    maas.wait("node0001", RealStatus.DEPLOYED)
    machine = calls.machine(own, by)
    assert (machine.standing, machine.osystem, machine.distro_series) == (Standing.DEPLOYED, "ubuntu", "jammy")
    assert machine.nics[0].links[0].ip_address.startswith("10.1.")
    assert maas.machine("node0001").hwe_kernel == "hwe-22.04"
    assert maas.user_data("node0001") == data


def test_an_unknown_series(calls: MaasRegion, own: str, by: Deadline) -> None:
    """MAAS's reason, with the name of the parameter."""
    with pytest.raises(MaasInvalid, match="distro_series: 'dapper' is not a valid distro_series"):
        calls.deploy(own, "dapper", "", b"", by)


def test_a_failed_deployment_tells_why(maas: RunningRegion, calls: MaasRegion, own: str, by: Deadline) -> None:
    """The newest events first, and what the installer wrote."""
    assert calls.installation_log(own, by) == ""
    maas.machine("node0001").failure = Failure(output="disk /dev/sda: I/O error\n")
    calls.deploy(own, "", "", b"", by)
    maas.wait("node0001", RealStatus.FAILED_DEPLOYMENT)
    machine = calls.machine(own, by)
    assert machine.standing is Standing.FAILED_DEPLOYMENT
    assert "Installation failed" in machine.error_description
    assert calls.installation_log(own, by) == "disk /dev/sda: I/O error"
    events = calls.events(own, 50, by)
    assert "Deploying" in events[-1].text
    assert any(event.level == "ERROR" for event in events)
    assert all(abs((event.at or 0) - time.time()) < 60 for event in events)
    assert calls.events(own, 1, by) == events[:1]


def test_power(maas: RunningRegion, calls: MaasRegion, own: str, by: Deadline) -> None:
    """It is what the BMC says, and not what MAAS remembers."""
    machine = maas.machine("node0001")
    calls.deploy(own, "", "", b"", by)
    maas.wait("node0001", RealStatus.DEPLOYED)
    machine.bmc.ignores_soft = True
    calls.power_off(own, by, soft=True)
    assert calls.query_power(own, by) is Power.ON
    calls.power_off(own, by, soft=False)
    assert calls.query_power(own, by) is Power.OFF
    calls.power_on(own, by)
    assert calls.query_power(own, by) is Power.ON
    machine.bmc.switch(machine.bmc.power.__class__.OFF)
    assert calls.machine(own, by).power is Power.ON
    assert calls.query_power(own, by) is Power.OFF


def test_release_and_abort(maas: RunningRegion, calls: MaasRegion, own: str, by: Deadline) -> None:
    """A deployment is stopped; a machine goes back, its disks erased if wanted."""
    maas.timings.deploy_s = 60
    calls.deploy(own, "", "", b"", by)
    calls.abort(own, "too slow", by)
    maas.wait("node0001", RealStatus.ALLOCATED)
    assert calls.release(own, Erase.SECURE, "of a test", by).standing is Standing.RETURNING
    maas.wait("node0001", RealStatus.READY)
    assert [event.type.name for event in maas.model.log.events].count("ERASE_DISK") == 1


@pytest.mark.parametrize(
    ("erase", "sent"),
    [
        (Erase.NONE, {}),
        (Erase.QUICK, {"erase": ["true"], "quick_erase": ["true"], "secure_erase": ["false"]}),
        (Erase.SECURE, {"erase": ["true"], "quick_erase": ["false"], "secure_erase": ["true"]}),
    ],
)
def test_how_disks_are_erased(erase: Erase, sent: dict[str, list[str]], by: Deadline) -> None:
    """MAAS's own settings decide only about what is not said."""
    with odd_region(says(200, b"{}")) as odd:
        with suppress(Exception):
            odd.client().release("abc", erase, "", by)
        assert odd.forms == [sent]


def test_care(maas: RunningRegion, calls: MaasRegion, own: str, by: Deadline) -> None:
    """Locks, rescue mode, broken and fixed."""
    calls.deploy(own, "", "", b"", by)
    maas.wait("node0001", RealStatus.DEPLOYED)
    assert calls.lock(own, "of a test", by).locked
    with pytest.raises(MaasForbidden, match="neither locked nor another user's"):
        calls.release(own, Erase.NONE, "", by)
    assert not calls.unlock(own, "", by).locked
    assert calls.rescue_mode(own, by).standing is Standing.RESCUE
    maas.wait("node0001", RealStatus.RESCUE_MODE)
    assert calls.exit_rescue_mode(own, by).status is NodeStatus.EXITING_RESCUE_MODE
    maas.wait("node0001", RealStatus.DEPLOYED)
    broken = calls.mark_broken(own, "fan 2 stands still", by)
    assert (broken.status, broken.error_description) == (NodeStatus.BROKEN, "fan 2 stands still")
    assert calls.mark_fixed(own, "", by).standing is Standing.FREE


def test_a_machine_that_is_deleted_meanwhile(maas: RunningRegion, calls: MaasRegion, own: str, by: Deadline) -> None:
    """Every call about it says so, and trying again cannot help."""
    maas.delete("node0001")
    for act in (
        lambda: calls.machine(own, by),
        lambda: calls.deploy(own, "", "", b"", by),
        lambda: calls.query_power(own, by),
        lambda: calls.installation_log(own, by),
    ):
        with pytest.raises(MaasGone, match=f"has no machine {own}") as caught:
            act()
        assert isinstance(caught.value, Fatal)
    assert calls.events(own, 10, by) == []


def test_a_log_that_is_refused(by: Deadline) -> None:
    """Only that there was no installation yet is no error."""
    with odd_region(says(400, b"Result type must be one of: testing.", "text/plain")) as odd:
        with pytest.raises(MaasInvalid, match="Result type"):
            odd.client().installation_log("abc", by)
        assert odd.requests == ["GET /MAAS/api/2.0/nodes/abc/results/current-installation/?include_output=1"]
