"""VLAN interfaces, and what a network boot does to the NIC that boots.

No real one was recorded: they follow `VLANInterfaceForm` and `VLANInterface` of MAAS 3.7.3's source.
"""

from typing import Any

import pytest

from tests.maas.client import Client
from tests.maas.network import Subnet
from tests.maas.running import RunningRegion
from tests.maas.status import NodeStatus
from tests.maas.test_contract import CONTRACT


@pytest.fixture
def tenant(maas: RunningRegion) -> Subnet:
    def add() -> Subnet:
        networks = maas.model.networks
        vlan = networks.add_vlan(networks.fabric("0"), 1577, "tenant")
        return networks.add_subnet(vlan, "10.9.1.0/24", "tenant")

    return maas.change(add)


@pytest.fixture
def place(maas: RunningRegion) -> str:
    """The address of a machine's NICs."""
    return f"nodes/{maas.machine('node0001').system_id}/interfaces/"


def make(client: Client, maas: RunningRegion, tenant: Subnet, **more: object) -> dict[str, Any]:
    machine = maas.machine("node0001")
    form = {"parent": machine.boot_nic.id, "vlan": tenant.vlan.id, **more}
    told: dict[str, Any] = client.post(f"nodes/{machine.system_id}/interfaces/", "create_vlan", **form)
    return told


def test_a_vlan_interface(maas: RunningRegion, client: Client, tenant: Subnet) -> None:
    """It has its NIC's name and MAC, and is told beside the NICs with a NIC's keys; the NIC that boots is the same."""
    told = make(client, maas, tenant, tags="bmprov,fast")
    boot = maas.machine("node0001").boot_nic
    assert (told["name"], told["type"], told["mac_address"]) == ("eth0.1577", "vlan", boot.mac)
    assert (told["parents"], told["children"], told["tags"]) == (["eth0"], [], ["bmprov", "fast"])
    assert (told["vlan"]["id"], [link["mode"] for link in told["links"]]) == (tenant.vlan.id, ["link_up"])
    assert told.keys() == CONTRACT["machine"]["interface_set"][0].keys()
    machine = client.get(f"machines/{told['system_id']}/")
    assert machine["interface_set"][2] == told
    assert machine["boot_interface"] == machine["interface_set"][0]
    assert machine["boot_interface"]["children"] == ["eth0.1577"]


def test_what_a_vlan_interface_needs(maas: RunningRegion, client: Client, tenant: Subnet, place: str) -> None:
    """A NIC that is none itself, and a tagged VLAN of its fabric, once."""
    networks = maas.model.networks
    elsewhere = maas.change(lambda: networks.add_vlan(networks.add_fabric(), 1577))
    boot, vlan = maas.machine("node0001").boot_nic.id, tenant.vlan.id
    made = make(client, maas, tenant)
    for form, wrong in (
        ({"vlan": vlan}, "parent"),
        ({"parent": 999, "vlan": vlan}, "parent"),
        ({"parent": made["id"], "vlan": vlan}, "parent"),
        ({"parent": boot}, "vlan"),
        ({"parent": boot, "vlan": 999}, "vlan"),
        ({"parent": boot, "vlan": maas.model.provisioning.vlan.id}, "vlan"),
        ({"parent": boot, "vlan": elsewhere.id}, "vlan"),
        ({"parent": boot, "vlan": vlan}, "name"),
    ):
        said = client.refused(place, "create_vlan", **form)
        assert (said.status, list(said.json)) == (400, [wrong])
    assert "already has an interface named 'eth0.1577'" in said.text


def test_a_vlan_interface_is_linked_and_moved_as_a_nic(
    maas: RunningRegion, client: Client, tenant: Subnet, place: str
) -> None:
    """To a tagged VLAN only; its MAC is its NIC's, whatever that becomes."""
    address = f"{place}{make(client, maas, tenant)['id']}/"
    told = client.post(address, "link_subnet", mode="static", subnet=tenant.id, ip_address="10.9.1.45")
    assert [(one["mode"], one["ip_address"]) for one in told["links"]] == [("static", "10.9.1.45")]
    told = client.post(address, "unlink_subnet", id=told["links"][0]["id"])
    assert [one["mode"] for one in told["links"]] == ["link_up"]
    assert client.call("PUT", address, vlan=maas.model.provisioning.vlan.id).status == 400
    networks = maas.model.networks
    other = maas.change(lambda: networks.add_vlan(tenant.vlan.fabric, 1600))
    assert client.call("PUT", address, vlan=other.id, mac_address="02:00:00:00:00:01").json["vlan"]["vid"] == 1600
    client.call("PUT", f"{place}{maas.machine('node0001').boot_nic.id}/", mac_address="02:00:00:00:00:02")
    assert client.get(address)["mac_address"] == "02:00:00:00:00:02"


def test_interfaces_are_deleted(maas: RunningRegion, client: Client, tenant: Subnet, place: str) -> None:
    """A NIC with the VLAN interfaces on it, by an administrator, while the machine is in no use."""
    machine = maas.machine("node0001")
    made, boot = make(client, maas, tenant), machine.boot_nic
    machine.status = NodeStatus.DEPLOYED
    assert client.call("DELETE", f"{place}{made['id']}/").status == 409
    assert client.refused(place, "create_vlan", parent=boot.id, vlan=tenant.vlan.id).status == 409
    machine.status = NodeStatus.ALLOCATED
    with Client(maas.url, maas.new_key("tenant", is_admin=False)) as tenants:
        assert tenants.call("DELETE", f"{place}{made['id']}/").status == 403
    gone = client.call("DELETE", f"{place}{made['id']}/")
    assert (gone.status, gone.text) == (204, "")
    assert client.call("DELETE", f"{place}{made['id']}/").status == 404
    make(client, maas, tenant)
    assert client.call("DELETE", f"{place}{boot.id}/").status == 204
    assert [one["name"] for one in client.get(place)] == ["eth1"]
    assert client.get(f"machines/{machine.system_id}/")["boot_interface"]["name"] == "eth1"


def test_a_network_boot_puts_the_nic_onto_the_rack_controller_s_vlan(
    maas: RunningRegion, client: Client, tenant: Subnet, place: str
) -> None:
    """What it was linked to on another VLAN is lost; a VLAN interface on it, and the other NIC, stay."""
    machine = maas.machine("node0001")
    tagged, second = make(client, maas, tenant), machine.nics[1]
    for nic, address in ((machine.boot_nic, 45), (second, 46), (tagged, 47)):
        there = f"{place}{nic['id'] if isinstance(nic, dict) else nic.id}/"
        assert client.call("PUT", there, vlan=tenant.vlan.id).status == 200
        client.post(there, "link_subnet", mode="static", subnet=tenant.id, ip_address=f"10.9.1.{address}")
    client.post(f"machines/{machine.system_id}/", "deploy")
    maas.wait("node0001", NodeStatus.DEPLOYED)
    found = [
        (one["name"], one["vlan"]["vid"], [link["ip_address"] for link in one["links"]]) for one in client.get(place)
    ]
    assert found == [("eth0", 0, []), ("eth1", 1577, ["10.9.1.46"]), ("eth0.1577", 1577, ["10.9.1.47"])]


def test_a_nic_that_is_on_that_vlan_keeps_its_links(maas: RunningRegion, client: Client, place: str) -> None:
    """A network boot changes nothing of it."""
    machine = maas.machine("node0001")
    client.post(f"machines/{machine.system_id}/", "deploy")
    maas.wait("node0001", NodeStatus.DEPLOYED)
    (link,) = client.get(place)[0]["links"]
    assert (link["mode"], link["ip_address"]) == ("auto", "10.1.0.2")
