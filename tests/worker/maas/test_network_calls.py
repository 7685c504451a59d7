"""Every call about networks, against the simulator of a region."""

from dataclasses import replace

import pytest

from bmprov.deadline import Deadline
from bmprov.maas import LinkMode
from tests.maas.running import RunningRegion
from tests.maas.status import NodeStatus as RealStatus
from worker.maas.calls import MaasRegion
from worker.maas.errors import MaasConflict, MaasForbidden, MaasGone, MaasInvalid, MaasUnreachable
from worker.maas.network_calls import NewLink
from worker.maas.wire import RegionLogin, Wire


@pytest.fixture
def nic(maas: RunningRegion) -> tuple[str, int]:
    """The second NIC of a machine."""
    machine = maas.machine("node0001")
    return machine.system_id, machine.nics[1].id


def test_what_a_region_has(calls: MaasRegion, by: Deadline) -> None:
    """Fabrics with their VLANs, and subnets."""
    (fabric,), (subnet,) = calls.fabrics(by), calls.subnets(by)
    assert (fabric.id, fabric.name) == (0, "fabric-0")
    assert list(fabric.vlans) == calls.vlans(0, by) == [subnet.vlan]
    assert (subnet.vlan.id, subnet.vlan.vid, subnet.vlan.fabric_id, subnet.vlan.dhcp_on) == (5001, 0, 0, True)
    assert (subnet.name, subnet.cidr, subnet.gateway, subnet.managed) == (
        "provisioning",
        "10.1.0.0/16",
        "10.1.0.1",
        True,
    )


def test_networks_are_made(calls: MaasRegion, by: Deadline) -> None:
    """What is made is told, and found again."""
    vlan = calls.create_vlan(0, 1203, "tenant-1203", by)
    assert (vlan.vid, vlan.fabric_id, vlan.name, vlan.dhcp_on) == (1203, 0, "tenant-1203", False)
    subnet = calls.create_subnet("192.168.7.0/24", vlan.id, "192.168.7.1", ["192.0.2.1", "192.0.2.2"], by)
    assert (subnet.vlan, subnet.gateway, subnet.dns_servers) == (vlan, "192.168.7.1", ("192.0.2.1", "192.0.2.2"))
    bare = calls.create_subnet("192.168.8.0/24", vlan.id, "", [], by)
    assert (bare.gateway, bare.dns_servers) == ("", ())
    assert vlan in calls.vlans(0, by)
    assert calls.subnets(by)[1:] == [subnet, bare]


def test_networks_that_cannot_be_made(calls: MaasRegion, by: Deadline) -> None:
    """MAAS's reasons, and the fabric that is not there."""
    vlan = calls.create_vlan(0, 7, "", by)
    with pytest.raises(MaasInvalid, match="HTTP 400: A VLAN with the specified VID already exists"):
        calls.create_vlan(0, 7, "", by)
    with pytest.raises(MaasInvalid, match="vid: VLAN ID must be between 0 and 4094"):
        calls.create_vlan(0, 5000, "", by)
    with pytest.raises(MaasGone, match="has no fabric 9"):
        calls.create_vlan(9, 7, "", by)
    with pytest.raises(MaasGone, match="has no fabric 9"):
        calls.vlans(9, by)
    with pytest.raises(MaasInvalid, match="cidr: "):
        calls.create_subnet("10.0.0.1/8", vlan.id, "", [], by)


def test_a_nic_is_put_on_a_network(maas: RunningRegion, calls: MaasRegion, nic: tuple[str, int], by: Deadline) -> None:
    """VLAN, then subnet with the address that is told; and off again."""
    vlan = calls.create_vlan(0, 1203, "", by)
    subnet = calls.create_subnet("192.168.7.0/24", vlan.id, "192.168.7.1", [], by)
    moved = calls.set_interface_vlan(*nic, vlan.id, by)
    assert (moved.vlan_id, moved.vid, moved.links) == (vlan.id, 1203, ())
    linked = calls.link_subnet(*nic, NewLink(LinkMode.STATIC, subnet.id, "192.168.7.23", default_gateway=True), by)
    (link,) = linked.links
    assert (link.mode, link.ip_address, link.subnet_id, link.cidr) == ("static", "192.168.7.23", subnet.id, subnet.cidr)
    assert maas.machine("node0001").gateway_link == link.id
    assert calls.machine(nic[0], by).nics[1] == linked
    assert [one.mode for one in calls.unlink_subnet(*nic, link.id, by).links] == ["link_up"]
    assert [one.mode for one in calls.link_subnet(*nic, NewLink(LinkMode.DHCP, subnet.id), by).links] == ["dhcp"]


def test_a_vlan_is_tagged_on_a_nic(maas: RunningRegion, calls: MaasRegion, nic: tuple[str, int], by: Deadline) -> None:
    """It is linked as a NIC is, told beside the NICs, and deleted again."""
    vlan = calls.create_vlan(0, 1203, "", by)
    subnet = calls.create_subnet("192.168.7.0/24", vlan.id, "", [], by)
    made = calls.create_vlan_interface(*nic, vlan.id, ["bmprov", "fast"], by)
    assert (made.name, made.parent, made.vlan_id, made.vid) == ("eth1.1203", "eth1", vlan.id, 1203)
    assert (made.tags, [link.mode for link in made.links]) == (("bmprov", "fast"), ["link_up"])
    linked = calls.link_subnet(nic[0], made.id, NewLink(LinkMode.STATIC, subnet.id, "192.168.7.23"), by)
    found = calls.machine(nic[0], by)
    assert found.vlan_nics == (replace(made, links=linked.links),)
    assert [one.name for one in found.nics] == ["eth0", "eth1"]
    calls.delete_interface(nic[0], made.id, by)
    assert calls.machine(nic[0], by).vlan_nics == ()
    with pytest.raises(MaasGone, match=f"has no NIC {made.id} of machine {nic[0]}"):
        calls.delete_interface(nic[0], made.id, by)
    with pytest.raises(MaasInvalid, match="vlan: A VLAN interface can only belong to a tagged VLAN"):
        calls.create_vlan_interface(*nic, maas.model.provisioning.vlan.id, [], by)


def test_addresses_that_cannot_be(maas: RunningRegion, calls: MaasRegion, nic: tuple[str, int], by: Deadline) -> None:
    """One that is in use is MAAS's 404, and no missing machine; a full subnet may be free later."""
    vlan = calls.create_vlan(0, 1203, "", by)
    subnet = calls.create_subnet("192.168.7.0/30", vlan.id, "192.168.7.1", [], by)
    other = maas.machine("node0002")
    calls.set_interface_vlan(other.system_id, other.nics[0].id, vlan.id, by)
    calls.link_subnet(other.system_id, other.nics[0].id, NewLink(LinkMode.STATIC, subnet.id, "192.168.7.2"), by)
    calls.set_interface_vlan(*nic, vlan.id, by)
    with pytest.raises(MaasConflict, match="IP address is already in use"):
        calls.link_subnet(*nic, NewLink(LinkMode.STATIC, subnet.id, "192.168.7.2"), by)
    with pytest.raises(MaasInvalid, match="ip_address: IP address is not in the given subnet"):
        calls.link_subnet(*nic, NewLink(LinkMode.STATIC, subnet.id, "192.168.9.2"), by)
    with pytest.raises(MaasUnreachable, match="No more IPs available in subnet"):
        calls.link_subnet(*nic, NewLink(LinkMode.STATIC, subnet.id), by)


def test_a_nic_that_cannot_be_changed(
    maas: RunningRegion, calls: MaasRegion, nic: tuple[str, int], by: Deadline
) -> None:
    """The machine's status forbids it, the NIC is not there, or the user may not."""
    with pytest.raises(MaasGone, match=f"has no NIC 999 of machine {nic[0]}"):
        calls.set_interface_vlan(nic[0], 999, 5001, by)
    machine = maas.machine("node0001")
    machine.status = RealStatus.DEPLOYED
    with pytest.raises(MaasConflict, match="not New, Ready, Allocated, or Broken"):
        calls.unlink_subnet(*nic, 1, by)
    machine.status = RealStatus.READY
    wire = Wire(RegionLogin("lab", maas.url, maas.new_key("tenant", is_admin=False)))
    with pytest.raises(MaasForbidden, match="must be an administrator's"):
        MaasRegion(wire).create_vlan(0, 12, "", by)
    with pytest.raises(MaasForbidden):
        MaasRegion(wire).set_interface_vlan(*nic, 5001, by)
    wire.close()
