"""NICs put on VLANs and subnets."""

from dataclasses import replace
from typing import Any

import pytest

from tests.maas.client import Client
from tests.maas.network import Subnet, Vlan
from tests.maas.running import RunningRegion
from tests.maas.status import NodeStatus


@pytest.fixture
def tenant(maas: RunningRegion) -> Subnet:
    def add() -> Subnet:
        networks = maas.model.networks
        vlan = networks.add_vlan(networks.fabric("0"), 100, "tenant")
        return networks.add_subnet(vlan, "192.168.100.0/24", "tenant")

    return maas.change(add)


@pytest.fixture
def nic(maas: RunningRegion) -> str:
    """The address of a NIC that has an idle link."""
    machine = maas.machine("node0001")
    return f"nodes/{machine.system_id}/interfaces/{machine.nics[1].id}/"


def links(told: dict[str, Any]) -> list[tuple[str, str | None, str | None]]:
    return [(one["mode"], one.get("subnet", {}).get("cidr"), one.get("ip_address")) for one in told["links"]]


def put(client: Client, nic: str, vlan: Vlan | None) -> Any:  # noqa: ANN401 - JSON
    told = client.call("PUT", nic, vlan=vlan.id if vlan else "")
    assert told.status == 200
    return told.json


def test_another_vlan_takes_the_links_away(client: Client, nic: str, tenant: Subnet) -> None:
    """The same VLAN again leaves them."""
    told = put(client, nic, tenant.vlan)
    assert (told["vlan"]["vid"], told["links"]) == (100, [])
    client.post(nic, "link_subnet", mode="STATIC", subnet=tenant.id)
    assert len(put(client, nic, tenant.vlan)["links"]) == 1
    told = put(client, nic, None)
    assert (told["vlan"], told["links"]) == (None, [])


def test_static_links(client: Client, nic: str, tenant: Subnet) -> None:
    """With the address that was asked for, or any; an address that cannot be or is taken is refused."""
    put(client, nic, tenant.vlan)
    told = client.post(nic, "link_subnet", mode="static", subnet=tenant.id, ip_address="192.168.100.50")
    assert links(told) == [("static", "192.168.100.0/24", "192.168.100.50")]
    said = client.refused(nic, "link_subnet", mode="static", subnet=tenant.id, ip_address="192.168.100.50")
    assert (said.status, said.text) == (404, "IP address is already in use.")
    for address in ("10.9.9.9", "somewhere"):
        said = client.refused(nic, "link_subnet", mode="static", subnet=tenant.id, ip_address=address)
        assert (said.status, list(said.json)) == (400, ["ip_address"])
    told = client.post(nic, "link_subnet", mode="static", subnet=tenant.id)
    assert links(told)[1] == ("static", "192.168.100.0/24", "192.168.100.2")


def test_a_link_must_be_of_the_vlan(client: Client, nic: str, tenant: Subnet) -> None:
    """Unless forced: then the VLAN follows, and other links go."""
    said = client.refused(nic, "link_subnet", mode="dhcp", subnet=tenant.id)
    assert (said.status, list(said.json)) == (400, ["subnet"])
    told = client.post(nic, "link_subnet", mode="dhcp", subnet=tenant.id, force="true")
    assert (told["vlan"]["vid"], links(told)) == (100, [("dhcp", "192.168.100.0/24", None)])
    assert client.refused(nic, "link_subnet", mode="dhcp", subnet=tenant.id).status == 400
    assert client.refused(nic, "link_subnet", mode="link_up").status == 400
    assert links(client.post(nic, "link_subnet", mode="link_up", force="true")) == [("link_up", None, None)]


def test_what_link_subnet_needs(client: Client, nic: str) -> None:
    """A mode that there is, and a subnet that there is."""
    for form, wrong in (
        ({}, "mode"),
        ({"mode": "magic"}, "mode"),
        ({"mode": "auto"}, "subnet"),
        ({"mode": "static"}, "subnet"),
        ({"mode": "auto", "subnet": "77"}, "subnet"),
    ):
        said = client.refused(nic, "link_subnet", **form)
        assert (said.status, list(said.json)) == (400, [wrong])


def test_a_nic_without_links_is_up(client: Client, nic: str, tenant: Subnet) -> None:
    """The last link that goes leaves `link_up`; without VLAN there is none."""
    put(client, nic, tenant.vlan)
    told = client.post(nic, "link_subnet", mode="static", subnet=tenant.id)
    told = client.post(nic, "unlink_subnet", id=told["links"][0]["id"])
    assert links(told) == [("link_up", None, None)]
    assert client.refused(nic, "unlink_subnet", id=999).status == 400
    told = client.post(nic, "disconnect")
    assert (told["vlan"], told["links"]) == (None, [])


def test_nics_change_while_their_machine_is_not_in_use(maas: RunningRegion, client: Client, nic: str) -> None:
    """A deployed machine's takes a name only; while it is deployed, nothing."""
    machine = maas.machine("node0001")
    machine.status = NodeStatus.DEPLOYED
    told = client.call("PUT", nic, name="lan", vlan="").json
    assert (told["name"], told["vlan"]["vid"]) == ("lan", 0)
    assert client.refused(nic, "disconnect").status == 409
    machine.status = NodeStatus.DEPLOYING
    assert client.call("PUT", nic, name="lan").status == 409
    machine.status = NodeStatus.ALLOCATED
    assert client.call("PUT", nic, tags="wan,10g").json["tags"] == ["wan", "10g"]
    assert [one["name"] for one in client.get(f"nodes/{machine.system_id}/interfaces/")] == ["eth0", "lan"]


def test_vlans_can_be_added(client: Client) -> None:
    """Once each, by the number or the name of the fabric."""
    told = client.call("POST", "fabrics/fabric-0/vlans/", vid=200, name="new").json
    assert (told["vid"], told["fabric_id"], told["name"]) == (200, 0, "new")
    assert [one["vid"] for one in client.get("fabrics/0/vlans/")] == [0, 200]
    assert client.get("fabrics/0/vlans/200/")["id"] == told["id"]
    for vid in ("200", "4095", "many", ""):
        assert client.call("POST", "fabrics/0/vlans/", vid=vid).status == 400
    assert client.call("POST", "fabrics/9/vlans/", vid=1).status == 404


def test_a_subnet_runs_out(maas: RunningRegion, client: Client) -> None:
    """Who comes when no address is left is told 503."""

    def shrink() -> Subnet:
        networks = maas.model.networks
        fabric = networks.add_fabric()
        return networks.add_subnet(networks.vlan(fabric, "0"), "10.77.0.0/30", "tiny")

    tiny = maas.change(shrink)
    statuses = []
    for machine in maas.machines[:2]:
        client.post("machines/", "allocate", system_id=machine.system_id)
        nic = f"nodes/{machine.system_id}/interfaces/{machine.nics[1].id}/"
        client.post(nic, "link_subnet", mode="auto", subnet=tiny.id, force="true")
        statuses.append(client.call("POST", f"machines/{machine.system_id}/", query={"op": "deploy"}).status)
    assert statuses == [200, 503]


def test_a_machine_need_not_boot_from_its_first_nic(maas: RunningRegion, client: Client) -> None:
    """Which one it boots from is told beside all of them, tags and all."""
    machine = maas.add_machine(nics=3, boot_index=2)
    maas.change(lambda: machine.put(replace(machine.nics[1], tags=("tenant",))))
    told = client.get(f"machines/{machine.system_id}/")
    assert told["boot_interface"] == told["interface_set"][2]
    assert [one["tags"] for one in told["interface_set"]] == [[], ["tenant"], []]
    assert client.post("machines/", "allocate", interfaces="lan:tag=tenant")["system_id"] == machine.system_id


def test_the_default_gateway(client: Client, nic: str, tenant: Subnet) -> None:
    """That of the link that is said to have it; a link without an address cannot."""
    put(client, nic, tenant.vlan)
    machine = f"machines/{nic.split('/')[1]}/"
    assert client.get(machine)["default_gateways"]["ipv4"] == {"gateway_ip": "10.1.0.1", "link_id": None}
    said = client.refused(nic, "link_subnet", mode="dhcp", subnet=tenant.id, default_gateway="true")
    assert (said.status, list(said.json)) == (400, ["default_gateway"])
    link = client.post(nic, "link_subnet", mode="static", subnet=tenant.id, default_gateway="true")["links"][0]["id"]
    assert client.get(machine)["default_gateways"]["ipv4"] == {"gateway_ip": "192.168.100.1", "link_id": link}
