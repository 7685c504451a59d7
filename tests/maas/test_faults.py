"""Faults of a region and of the way to it, and what others do behind a client's back."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.maas.client import Client, curl
from tests.maas.running import RunningRegion, region
from tests.maas.status import NodeStatus


def test_latency_is_of_each_call(maas: RunningRegion, client: Client) -> None:
    """Calls that are under way together wait together."""
    maas.faults.latency_s = 0.1
    began = time.monotonic()
    client.get("version/")
    assert time.monotonic() - began >= 0.1


def test_a_slow_bmc_is_waited_for(maas: RunningRegion, client: Client) -> None:
    """And holds up nobody else."""
    machine = maas.machine("node0001")
    machine.bmc.answers_after_s = 0.1
    began = time.monotonic()
    client.get(f"machines/{machine.system_id}/", op="query_power_state")
    assert time.monotonic() - began >= 0.1
    machine.bmc.answers_after_s = 60
    with ThreadPoolExecutor() as pool, Client(maas.url, maas.key) as waiting:
        slow = pool.submit(waiting.get, f"machines/{machine.system_id}/", op="query_power_state")
        client.get(f"machines/{maas.machine('node0002').system_id}/", op="query_power_state")
        assert not slow.done()
        maas.stop()
        assert isinstance(slow.exception(), httpx.TransportError)


def test_503_as_often_as_wanted(maas: RunningRegion, client: Client) -> None:
    """Of any call, or of some operations only."""
    maas.faults.unavailable = 2
    assert [client.call("GET", "machines/").status for _ in range(3)] == [503, 503, 200]
    maas.faults.unavailable, maas.faults.only = 1, frozenset({"Machines.allocate"})
    assert client.call("GET", "machines/").status == 200
    assert client.call("POST", "machines/", query={"op": "allocate"}).status == 503


def test_connections_are_cut(maas: RunningRegion, client: Client) -> None:
    """Before a call is done, or half-way through the answer when it is done."""
    maas.faults.drops_before = 1
    with pytest.raises(httpx.RemoteProtocolError):
        client.call("POST", "machines/", query={"op": "allocate"})
    assert not any(machine.owner for machine in maas.machines)
    maas.faults.drops_amid = 1
    with pytest.raises(httpx.RemoteProtocolError):
        client.call("POST", "machines/", query={"op": "allocate"})
    assert [machine.owner for machine in maas.machines].count("admin") == 1


def test_a_restart_forgets_nothing(maas: RunningRegion, client: Client) -> None:
    """While it is away nobody listens, and deployments go on."""
    path = f"machines/{maas.machine('node0001').system_id}/"
    client.post(path, "deploy")
    maas.stop()
    with pytest.raises(httpx.TransportError):
        client.call("GET", path)
    maas.wait("node0001", NodeStatus.DEPLOYED)
    maas.start()
    assert client.get(path)["status_name"] == "Deployed"


def test_a_key_that_is_revoked(maas: RunningRegion) -> None:
    """It is 401 from then on; another one is good."""
    key = maas.new_key()
    with Client(maas.url, key) as client, Client(maas.url, maas.key) as other:
        client.get("machines/")
        maas.revoke(key)
        assert client.call("GET", "machines/").status == 401
        other.get("machines/")


def test_a_machine_that_is_deleted(maas: RunningRegion, client: Client) -> None:
    """In the middle of its deployment: it is 404, and its events are gone."""
    machine = maas.machine("node0001")
    client.post(f"machines/{machine.system_id}/", "deploy")
    maas.delete("node0001")
    assert client.call("GET", f"machines/{machine.system_id}/").status == 404
    assert client.get("events/", op="query", id=machine.system_id)["count"] == 0
    assert len(client.get("machines/")) == 3


def test_a_machine_that_somebody_grabs_or_releases(maas: RunningRegion, client: Client) -> None:
    """It is Allocated to somebody else, or nobody's and off, whatever it was in."""
    maas.timings.deploy_s = 60
    paths = [f"machines/{maas.machine(name).system_id}/" for name in ("node0001", "node0002")]
    for path in paths:
        client.post(path, "deploy")
    maas.grab("node0001")
    told = client.get(paths[0])
    assert (told["status_name"], told["owner"]) == ("Allocated", "somebody")
    maas.release("node0002")
    maas.wait("node0002", NodeStatus.READY)
    assert client.get(paths[1])["owner"] is None


def test_an_operation_that_the_region_lacks(maas: RunningRegion, client: Client) -> None:
    """It is not described, and not known."""
    maas.faults.lacking = frozenset({("Machine", "deploy")})
    told = curl(f"{maas.url}/api/2.0/describe/").json
    (machine,) = (one["auth"] for one in told["resources"] if one["name"] == "MachineHandler")
    assert "deploy" not in {action["name"] for action in machine["actions"]}
    said = client.refused(f"machines/{maas.machine('node0001').system_id}/", "deploy")
    assert (said.status, said.text) == (400, "Unrecognised signature: method=POST op=deploy")


def test_calls_and_bytes_are_counted(maas: RunningRegion, client: Client) -> None:
    """By operation, and both ways."""
    size_bytes = len(client.call("GET", "machines/").text)
    client.post("machines/", "allocate", comment="x" * 1000)
    assert maas.counts.calls == {"Machines.read": 1, "Machines.allocate": 1}
    assert maas.counts.total == 2
    assert maas.counts.sent_bytes > size_bytes
    assert maas.counts.received_bytes > 1000
    maas.counts.clear()
    assert (maas.counts.total, maas.counts.sent_bytes) == (0, 0)


def test_a_thousand_machines() -> None:
    """All are told in one answer, and one of them by itself."""
    with region(machines=1000) as maas, Client(maas.url, maas.key) as client:
        assert len(client.get("machines/")) == 1000
        [one] = client.get("machines/", hostname="node0500")
        assert one["hostname"] == "node0500"
        assert len({machine.system_id for machine in maas.machines}) == 1000
