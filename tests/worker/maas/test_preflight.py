"""Whether a region can serve us: asked of the simulator, with its calls taken away, and with other users' keys."""

from collections.abc import Iterator

import pytest

from bmprov.deadline import Deadline
from bmprov.maas import LinkMode
from bmprov.model import Erase
from tests.maas.description import description
from tests.maas.running import RunningRegion
from tests.maas.status import NodeStatus
from worker.maas.calls import Constraints, MaasRegion
from worker.maas.errors import MaasAuthFailed
from worker.maas.network_calls import NewLink
from worker.maas.preflight import NEEDED, USEFUL, check, missing_calls
from worker.maas.wire import RegionLogin, Wire

ALL = {f"{name}.{call}" for table in (NEEDED, USEFUL) for name, calls in table.items() for call in calls}


@pytest.fixture
def tenant(maas: RunningRegion) -> Iterator[MaasRegion]:
    wire = Wire(RegionLogin("lab", maas.url, maas.new_key("tenant", is_admin=False)))
    yield MaasRegion(wire)
    wire.close()


def test_a_good_region(calls: MaasRegion, by: Deadline) -> None:
    """Nothing is wrong with it."""
    found = check(calls, by)
    assert (found.version, found.user, found.findings, found.good) == ("3.7.3", "admin", (), True)


def test_a_user_without_rights(tenant: MaasRegion, by: Deadline) -> None:
    """It is grave: he could not change a NIC."""
    found = check(tenant, by)
    assert not found.good
    assert [one.what for one in found.findings] == ["user 'tenant' is no administrator of MAAS"]


def test_a_user_with_ssh_keys(maas: RunningRegion, calls: MaasRegion, by: Deadline) -> None:
    """It is no failure, but his keys would open every tenant's machine."""
    maas.model.ssh_keys["admin"] = ["ssh-ed25519 AAAA me", "ssh-rsa BBBB me"]
    found = check(calls, by)
    assert found.good
    (finding,) = found.findings
    assert finding.what == "user 'admin' has 2 SSH keys in MAAS"
    assert "use a user without SSH keys" in finding.check


def test_a_region_that_lacks_calls(maas: RunningRegion, calls: MaasRegion, by: Deadline) -> None:
    """What deployments need is grave, what only some actions need is not; what is not there is not asked for."""
    maas.faults.lacking = frozenset({("Machine", "lock"), ("SSHKeys", "read")})
    found = check(calls, by)
    assert found.good
    assert [one.what for one in found.findings] == ["the region does not describe Machine.lock, SSHKeys.read"]
    maas.faults.lacking |= {("Machine", "deploy"), ("Machines", "allocate")}
    found = check(calls, by)
    assert not found.good
    assert found.findings[0].what == "the region does not describe Machine.deploy, Machines.allocate"


def test_a_key_that_is_not_valid(maas: RunningRegion, by: Deadline) -> None:
    """It is the error of any call."""
    wire = Wire(RegionLogin("lab", maas.url, "a:b:c"))
    with pytest.raises(MaasAuthFailed, match="does not take its key"):
        check(MaasRegion(wire), by)
    wire.close()


def test_missing_calls() -> None:
    """By handler and operation; of what is no description, all."""
    whole = description("http://127.0.0.1")
    assert missing_calls(whole) == missing_calls(whole, USEFUL) == []
    assert missing_calls(description("", [("Vlans", "read")])) == ["Vlans.read"]
    for odd in (None, [], {"resources": 7}, {"resources": [{"auth": {"actions": [7]}}]}):
        assert missing_calls(odd) == sorted(f"{name}.{one}" for name, calls in NEEDED.items() for one in calls)


def test_the_tables_have_exactly_what_is_called(maas: RunningRegion, calls: MaasRegion, by: Deadline) -> None:
    """Every call of ours is looked for in the description, and nothing besides."""
    call_everything(maas, calls, by)
    assert set(maas.counts.calls) - {"describe"} == ALL


def call_everything(maas: RunningRegion, calls: MaasRegion, by: Deadline) -> None:
    check(calls, by)
    fabric, machine = calls.fabrics(by)[0], calls.machines(by)[0]
    calls.subnets(by)
    calls.vlans(fabric.id, by)
    vlan = calls.create_vlan(fabric.id, 12, "", by)
    subnet = calls.create_subnet("192.168.7.0/24", vlan.id, "", [], by)
    place = machine.system_id, machine.nics[1].id
    calls.set_interface_vlan(*place, vlan.id, by)
    calls.unlink_subnet(*place, calls.link_subnet(*place, NewLink(LinkMode.DHCP, subnet.id), by).links[0].id, by)
    calls.delete_interface(place[0], calls.create_vlan_interface(place[0], machine.nics[0].id, vlan.id, [], by).id, by)
    own = calls.allocate(Constraints(system_id=machine.system_id), "us", "", by).system_id
    maas.timings.deploy_s = 60
    calls.deploy(own, "", "", b"", by)
    calls.lock(own, "", by)
    calls.unlock(own, "", by)
    calls.installation_log(own, by)
    calls.events(own, 1, by)
    calls.abort(own, "", by)
    maas.wait(machine.hostname, NodeStatus.ALLOCATED)
    calls.rescue_mode(own, by)
    calls.exit_rescue_mode(own, by)
    maas.machine(machine.hostname).status = NodeStatus.ALLOCATED
    calls.mark_broken(own, "", by)
    calls.mark_fixed(own, "", by)
    calls.power_off(own, by, soft=False)
    calls.query_power(own, by)
    calls.machine(own, by)
    maas.change(lambda: maas.model.deployment.acquire(maas.machine(own), "admin"))
    calls.power_on(own, by)
    calls.release(own, Erase.NONE, "", by)
