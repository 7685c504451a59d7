"""Machines changed and deleted, tags, and what is refused of calls that only tell."""

from typing import Any

import pytest

from tests.maas.client import Client
from tests.maas.machine import Machine
from tests.maas.running import RunningRegion
from tests.maas.status import NodeStatus


@pytest.fixture
def machine(maas: RunningRegion) -> Machine:
    return maas.machine("node0001")


@pytest.fixture
def path(machine: Machine) -> str:
    return f"machines/{machine.system_id}/"


def test_a_machine_is_changed(maas: RunningRegion, client: Client, path: str) -> None:
    """Its names and places; a place or a host name that cannot be is refused."""
    maas.change(lambda: (maas.model.add_pool("gold"), maas.model.add_zone("east")))
    told = client.call("PUT", path, hostname="web", description="for us", pool="gold", zone="east").json
    assert (told["fqdn"], told["description"]) == ("web.maas", "for us")
    assert (told["pool"]["name"], told["zone"]["resource_uri"]) == ("gold", "/MAAS/api/2.0/zones/east/")
    assert [one["name"] for one in client.get("resourcepools/")] == ["default", "gold"]
    for name, value in (("pool", "lead"), ("zone", "west"), ("hostname", "node0002")):
        form: dict[str, Any] = {name: value}
        said = client.call("PUT", path, **form)
        assert (said.status, list(said.json)) == (400, [name])


def test_a_machine_is_deleted(maas: RunningRegion, client: Client, path: str) -> None:
    """It is 404 from then on."""
    assert client.call("DELETE", path).status == 204
    assert client.call("GET", path).status == 404
    assert len(maas.machines) == 3


def test_tags(client: Client, machine: Machine) -> None:
    """They can be made once, and tell their machines."""
    assert client.call("POST", "tags/", name="ssd", comment="fast").json["comment"] == "fast"
    machine.tags = frozenset({"ssd"})
    assert [one["hostname"] for one in client.get("tags/ssd/", op="machines")] == ["node0001"]
    assert client.call("POST", "tags/", name="ssd").status == 400
    assert client.call("GET", "tags/none/", query={"op": "machines"}).status == 404
    assert client.post("machines/", "allocate", tags="ssd")["tag_names"] == ["ssd"]


@pytest.mark.parametrize(
    ("call", "status"),
    [
        ("events/?op=query&level=LOUD", 400),
        ("events/?op=query&before=9&after=1", 400),
        ("events/?op=query&before=soon", 400),
        ("fabrics/0/vlans/77/", 404),
        ("subnets/77/", 404),
        ("nodes/absent/interfaces/", 404),
    ],
)
def test_what_cannot_be_told(client: Client, call: str, status: int) -> None:
    """It is refused in plain text or by parameter."""
    path, _, query = call.partition("?")
    assert client.call("GET", path, query=dict(one.split("=") for one in query.split("&") if one)).status == status


def test_results_that_are_not_there(client: Client, machine: Machine) -> None:
    """A machine that was never deployed has none; a kind or a number that there is not is refused."""
    results = f"nodes/{machine.system_id}/results/"
    assert client.get(results) == []
    assert client.call("GET", f"{results}current-installation/").status == 400
    assert client.call("GET", f"{results}7/").status == 404
    assert client.call("GET", results, query={"type": "of old"}).status == 400


@pytest.mark.parametrize(
    ("status", "name"),
    [(NodeStatus.COMMISSIONING, "New"), (NodeStatus.TESTING, "Ready")],
    ids=["commissioning", "tests"],
)
def test_what_else_can_be_aborted(client: Client, machine: Machine, path: str, status: NodeStatus, name: str) -> None:
    """Commissioning leaves it New, testing what it was before."""
    machine.become(status)
    client.post(path, "abort")
    assert client.get(path)["status_name"] == name


def test_rescue_mode_with_a_failing_bmc(client: Client, machine: Machine, path: str) -> None:
    """It is 500, and the machine is what it was."""
    machine.bmc.fails = "no route to host"
    assert client.refused(path, "rescue_mode").status == 500
    assert machine.status is NodeStatus.READY


def test_a_subnet_is_made(client: Client) -> None:
    """On a VLAN that is there, and once."""
    vlan = client.get("fabrics/0/vlans/")[0]["id"]
    form = {"cidr": "192.168.7.0/24", "vlan": vlan, "gateway_ip": "192.168.7.1", "dns_servers": "192.0.2.1,192.0.2.2"}
    told = client.call("POST", "subnets/", **form).json
    assert (told["name"], told["vlan"]["id"], told["gateway_ip"]) == ("192.168.7.0/24", vlan, "192.168.7.1")
    assert told["dns_servers"] == ["192.0.2.1", "192.0.2.2"]
    assert client.get("subnets/")[-1] == told
    for name, value in (("cidr", "192.168.7.0/24"), ("cidr", "192.168.7.1/24"), ("vlan", "1")):
        said = client.call("POST", "subnets/", **{**form, name: value})
        assert (said.status, list(said.json)) == (400, [name])


def test_ssh_keys_are_their_user_s(maas: RunningRegion, client: Client) -> None:
    """Nobody is told another's."""
    maas.model.ssh_keys |= {"admin": ["ssh-ed25519 AAAA me"], "other": ["ssh-rsa BBBB other"]}
    assert [one["key"] for one in client.get("account/prefs/sshkeys/")] == ["ssh-ed25519 AAAA me"]
