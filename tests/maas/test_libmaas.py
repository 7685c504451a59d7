"""The region driven by python-libmaas, MAAS's own client for Python, which knows nothing of us.

Its upper layer (`connect`) for what it offers; its lower one (`bones`), which the description drives, for what the
upper one lacks.
"""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from maas.client import connect
from maas.client.bones import CallError, SessionAPI
from maas.client.enum import LinkMode, NodeStatus, PowerState, PowerStopMode
from maas.client.viscera.machines import FailedDeployment, MachineNotFound
from tests.maas.machine import Failure
from tests.maas.network import Subnet
from tests.maas.running import RunningRegion, region
from tests.maas.status import NodeStatus as Status

WAIT = {"wait": True, "wait_interval": 0.02}


@pytest.fixture
def maas() -> Iterator[RunningRegion]:
    with region(machines=3) as running:
        running.add_machine("big", cpu_count=64, tags=frozenset({"gpu"}), pool="gold", nics=3)
        yield running


@pytest.fixture
def loop() -> Iterator[None]:
    """An event loop of the test's own: libmaas runs its calls on the current one."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield
    asyncio.set_event_loop(None)
    made.close()


@pytest.fixture
def libmaas(maas: RunningRegion, loop: None) -> Any:  # noqa: ANN401, ARG001 - libmaas has no types
    return connect(maas.url, apikey=maas.key)


@pytest.fixture
def tenant(maas: RunningRegion) -> Subnet:
    def add() -> Subnet:
        networks = maas.model.networks
        return networks.add_subnet(networks.add_vlan(networks.fabric("0"), 100), "192.168.100.0/24", "tenant")

    return maas.change(add)


def test_what_a_region_has(libmaas: Any) -> None:  # noqa: ANN401
    """Who one is, the version, machines, networks, zones, pools and tags."""
    assert libmaas.users.whoami().username == "admin"
    assert libmaas.version.get().version == "3.7.3"
    assert [one.hostname for one in libmaas.machines.list()] == ["node0001", "node0002", "node0003", "big"]
    assert [(vlan.vid, vlan.dhcp_on) for fabric in libmaas.fabrics.list() for vlan in fabric.vlans] == [(0, True)]
    assert [one.cidr for one in libmaas.subnets.list()] == ["10.1.0.0/16"]
    assert [one.name for one in libmaas.zones.list()] == ["default"]
    assert [one.name for one in libmaas.resource_pools.list()] == ["default", "gold"]
    assert [one.name for one in libmaas.tags.list()] == ["gpu"]


def test_a_life(libmaas: Any, maas: RunningRegion) -> None:  # noqa: ANN401
    """Allocated, deployed with user data, switched off and on, rescued, released with its disks erased."""
    machine = libmaas.machines.allocate(tags=["gpu"], agent_name="an-instance")
    assert machine.hostname == "big"
    machine.deploy(user_data=b"#cloud-config\n", distro_series="jammy", **WAIT)
    assert machine.status is NodeStatus.DEPLOYED
    assert maas.user_data("big") == b"#cloud-config\n"
    assert machine.interfaces[0].links[0].ip_address == "10.1.0.2"
    assert machine.power_state is PowerState.ON
    machine.power_off(stop_mode=PowerStopMode.SOFT, **WAIT)
    assert machine.query_power_state() is PowerState.OFF
    machine.power_on(**WAIT)
    assert machine.query_power_state() is PowerState.ON
    machine.release(erase=True, quick_erase=True, **WAIT)
    assert machine.status is NodeStatus.READY
    types = {event.event_type for event in libmaas.events.query(level="DEBUG")}
    assert {"User acquiring node", "Deployed", "Node powered off", "Disks erased", "Released"} <= types


def test_nics_and_links(libmaas: Any, tenant: Subnet) -> None:  # noqa: ANN401
    """A NIC is put on a VLAN, linked to its subnet with an address, unlinked, disconnected."""
    machine = libmaas.machines.allocate(hostname="big")
    nic = machine.interfaces[1]
    nic.vlan = next(vlan for vlan in libmaas.fabrics.get(0).vlans if vlan.vid == tenant.vlan.vid)
    nic.save()
    link = nic.links.create(LinkMode.STATIC, subnet=libmaas.subnets.get(tenant.id), ip_address="192.168.100.50")
    assert (link.mode, link.ip_address) == (LinkMode.STATIC, "192.168.100.50")
    machine.refresh()
    machine.interfaces[1].links[0].delete()  # one that `create` returned does not know its NIC
    nic.disconnect()
    assert nic.vlan is None
    assert libmaas.fabrics.get(0).vlans.create(vid=200, name="new").vid == 200


def test_what_goes_wrong(libmaas: Any, maas: RunningRegion) -> None:  # noqa: ANN401
    """No match, an unknown tag, a deployment and a BMC that fail, a key that is revoked."""
    with pytest.raises(MachineNotFound):
        libmaas.machines.allocate(cpus=1000)
    with pytest.raises(CallError) as caught:
        libmaas.machines.allocate(tags=["none"])
    assert caught.value.status == 400
    machine = libmaas.machines.allocate(hostname="node0001")
    maas.machine("node0001").failure = Failure()
    with pytest.raises(FailedDeployment):
        machine.deploy(**WAIT)
    maas.machine("node0001").bmc.fails = "no route to host"
    with pytest.raises(CallError) as caught:
        machine.query_power_state()
    assert (caught.value.status, b"no route to host" in caught.value.content) == (500, True)
    maas.revoke(maas.key)
    with pytest.raises(CallError) as caught:
        libmaas.machines.list()
    assert caught.value.status == 401


def test_the_lower_layer_calls_what_the_upper_one_cannot(loop: None, maas: RunningRegion) -> None:  # noqa: ARG001
    """A machine by its ID and pool, one's own by their agent's name, the log of an installation, a description."""
    _, session = SessionAPI.connect(f"{maas.url}/api/2.0/", apikey=maas.key)
    wanted = maas.machine("big").system_id
    told = session.Machines.allocate(system_id=wanted, pool="gold", mem="1024", agent_name="an-instance")
    assert told["hostname"] == "big"
    assert [one["system_id"] for one in session.Machines.read(agent_name="an-instance")] == [wanted]
    assert session.Machine.update(system_id=wanted, description="for us")["description"] == "for us"
    session.Machine.deploy(system_id=wanted)
    maas.wait("big", Status.DEPLOYED)
    run = session.NodeScriptResult.read(system_id=wanted, id="current-installation", include_output="1")
    assert run["results"][0]["status_name"] == "Passed"


def test_a_call_can_be_made_ready_in_any_thread(loop: None, maas: RunningRegion) -> None:  # noqa: ARG001
    """The lower layer signs and encodes without an event loop, so that another library may send it."""
    profile, _ = SessionAPI.connect(f"{maas.url}/api/2.0/", apikey=maas.key)
    made: list[tuple[str, bytes, dict[str, str]]] = []

    def make() -> None:
        session = SessionAPI(profile.description, profile.credentials)
        made.append(session.Machines.allocate.bind().prepare({"tags": ["gpu"], "cpu_count": 4}))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    ((uri, _, headers),) = made
    assert uri == f"{maas.url}/api/2.0/machines/?op=allocate"
    assert 'oauth_signature_method="PLAINTEXT"' in headers["Authorization"]
