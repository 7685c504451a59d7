"""Interfaces on CloudStack's VLANs, with CloudStack's addresses: what MAAS is made to be before it deploys."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from bmprov.lifecycle import State
from bmprov.model import Operation, OperationState
from tests.maas.network import Subnet, Vlan
from tests.maas.running import RunningRegion
from tests.worker.maas.house import ADMIN, CLOUD, MaasHouse, house, nic, payload

TENANT = {
    "ip": "10.9.1.45",
    "netmask": "255.255.255.0",
    "gateway": "10.9.1.1",
    "broadcastUri": "vlan://1577",
    "defaultNic": True,
}
BACK = {"ip": "10.9.2.45", "netmask": "255.255.255.0", "gateway": "10.9.2.1", "broadcastUri": "vlan://1600"}


@pytest.fixture
def making(tmp_path: Path, valkey: str, maas: RunningRegion) -> Iterator[MaasHouse]:
    """Bmprov that may make networks."""
    with house(tmp_path, valkey, maas, create_networks=True) as built:
        yield built


def add_vlan(maas: RunningRegion, vid: int, cidr: str = "", gateway: str = "", fabric: int = 0) -> Vlan:
    networks = maas.model.networks
    vlan = maas.change(lambda: networks.add_vlan(networks.fabrics[fabric], vid, f"vlan-{vid}"))
    if cidr:
        maas.change(lambda: networks.add_subnet(vlan, cidr, cidr, gateway=gateway))
    return vlan


def links(lab: MaasHouse, name: str = "eth0.1577") -> list[tuple[str, str | None]]:
    """Of an interface of the first instance's machine."""
    (found,) = [one for one in lab.in_maas().nics if one.name == name]
    return [(link.mode, link.address) for link in found.links]


def at_home(maas: RunningRegion) -> bool:
    """Whether every machine has its two interfaces, where and with the addresses that they had in the beginning."""
    vlan = maas.model.provisioning.vlan
    return all(
        [
            (one.vlan, [link.mode for link in one.links if link.subnet and link.mode != "link_up"])
            for one in machine.nics
        ]
        == [(vlan, ["auto"]), (vlan, [])]
        for machine in maas.machines
    )


def create(lab: MaasHouse, *nics: dict[str, Any], **details: Any) -> None:  # noqa: ANN401 - JSON
    lab.succeed(lab.orders.create(payload(1, *nics, **details), CLOUD))


def test_a_vlan_that_maas_lacks_is_said(lab: MaasHouse) -> None:
    done = lab.fail(lab.orders.create(payload(1, nic(**TENANT)), CLOUD))
    assert "fabric fabric-0 of MAAS region 'lab', where interface eth0 is, has no VLAN 1577" in done.error
    assert "--create-networks" in done.check
    lab.succeed(lab.orders.delete(payload(), CLOUD))
    assert {machine.owner for machine in lab.maas.machines} == {None}


def test_a_subnet_that_maas_lacks_is_said(lab: MaasHouse) -> None:
    add_vlan(lab.maas, 1577)
    done = lab.fail(lab.orders.create(payload(1, nic(**TENANT)), CLOUD))
    assert "has no subnet 10.9.1.0/24 on VLAN 1577" in done.error


def test_a_gateway_that_is_another_one_is_said(lab: MaasHouse) -> None:
    add_vlan(lab.maas, 1577, "10.9.1.0/24", "10.9.1.254")
    done = lab.fail(lab.orders.create(payload(1, nic(**TENANT)), CLOUD))
    assert "the gateway of subnet 10.9.1.0/24 is 10.9.1.254 in MAAS, and CloudStack says 10.9.1.1" in done.error


def test_vlan_and_subnet_are_made_where_that_is_allowed_and_once(making: MaasHouse) -> None:
    create(making, nic(dns1="10.9.1.2", **TENANT))
    networks = making.maas.model.networks
    (made,) = [vlan for vlan in networks.vlans.values() if vlan.vid == 1577]
    (subnet,) = [one for one in networks.subnets.values() if one.vlan == made]
    assert (str(subnet.network), subnet.gateway, subnet.dns_servers) == ("10.9.1.0/24", "10.9.1.1", ("10.9.1.2",))
    assert links(making) == [("static", "10.9.1.45")]
    making.succeed(making.orders.create(payload(2, nic(number=2, **TENANT | {"ip": "10.9.1.46"})), CLOUD))
    assert len([vlan for vlan in networks.vlans.values() if vlan.vid == 1577]) == 1


def test_instances_that_need_the_same_new_network_at_once_share_it(making: MaasHouse) -> None:
    """Two workers find that it lacks, and both make it: the second is refused, and takes what the first has made."""
    making.maas.faults.latency_s = 0.05  # between the lists and what is made after them
    asked = [payload(number, nic(number=number, **TENANT | {"ip": f"10.9.1.{number}"})) for number in (5, 6)]
    orders, workers = [making.orders.create(one, CLOUD) for one in asked], [making.worker("w5"), making.worker("w6")]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(making.run, orders, workers))
    assert [one.state for one in done] == [OperationState.SUCCEEDED] * 2, [one.error for one in done]
    networks = making.maas.model.networks
    assert len([vlan for vlan in networks.vlans.values() if vlan.vid == 1577]) == 1
    assert len([subnet for subnet in networks.subnets.values() if str(subnet.network) == "10.9.1.0/24"]) == 1


def test_a_network_that_maas_refuses_to_make_is_said(making: MaasHouse) -> None:
    """Its CIDR is there already, on another VLAN."""
    add_vlan(making.maas, 1600, "10.9.1.0/24")
    done = making.fail(making.orders.create(payload(1, nic(**TENANT)), CLOUD))
    assert "Subnet with this CIDR already exists" in done.error


def test_the_virtual_router_gives_the_address_where_that_is_wanted(lab: MaasHouse) -> None:
    add_vlan(lab.maas, 1577, "10.9.1.0/24", "10.9.1.254")
    create(lab, nic(**TENANT), maas_ip="dhcp")
    assert [mode for mode, _ in links(lab)] == ["dhcp"]


def test_an_address_that_somebody_has_is_said(lab: MaasHouse) -> None:
    add_vlan(lab.maas, 1577, "10.9.1.0/24", "10.9.1.1")
    create(lab, nic(**TENANT))
    done = lab.fail(lab.orders.create(payload(2, nic(number=2, **TENANT)), CLOUD))
    assert "already in use" in done.error


def test_a_vlan_is_tagged_on_the_interface_that_boots_and_untagged_on_the_others(lab: MaasHouse) -> None:
    """The one that boots has no address on the provisioning network then; all is undone at the end."""
    first = add_vlan(lab.maas, 1577, "10.9.1.0/24", "10.9.1.1")
    other = add_vlan(lab.maas, 1600, "10.9.2.0/24", "10.9.2.1")
    create(lab, nic(**TENANT), nic(1, **BACK))
    there = lab.in_maas()
    boot, second, tagged = there.nics
    assert [one.vlan for one in there.nics] == [lab.maas.model.provisioning.vlan, other, first]
    assert (tagged.name, tagged.parent, tagged.mac, tagged.tags) == ("eth0.1577", boot.id, boot.mac, ("bmprov",))
    assert [link.mode for link in boot.links] == ["link_up"]
    assert (links(lab, second.name), links(lab)) == ([("static", "10.9.2.45")], [("static", "10.9.1.45")])
    assert there.gateway_link == tagged.links[0].id
    lab.succeed(lab.orders.delete(payload(), CLOUD))
    assert at_home(lab.maas)


def test_a_vlan_on_which_the_interface_is_already_is_not_tagged(lab: MaasHouse) -> None:
    provisioning = {"ip": "10.1.0.45", "netmask": "255.255.0.0", "gateway": "10.1.0.1", "defaultNic": True}
    create(lab, nic(**provisioning))
    assert links(lab, "eth0") == [("static", "10.1.0.45")]
    assert len(lab.in_maas().nics) == 2
    lab.succeed(lab.orders.delete(payload(), CLOUD))
    assert at_home(lab.maas)


def test_interfaces_that_are_settled_twice_are_the_same(lab: MaasHouse) -> None:
    """As when a deployment is ordered again after MAAS refused it; and on another VLAN when that was the mistake."""
    add_vlan(lab.maas, 1577, "10.9.1.0/24", "10.9.1.1")
    add_vlan(lab.maas, 1600, "10.9.2.0/24", "10.9.2.1")
    lab.fail(lab.orders.create(payload(1, nic(**TENANT), distro_series="plan9"), CLOUD))
    before, changes = lab.in_maas().nics, lab.maas.counts.calls.copy()
    lab.fail(lab.orders.create(payload(1, nic(**TENANT), distro_series="plan9"), CLOUD))
    assert lab.in_maas().nics == before
    assert lab.maas.counts.calls["Interfaces.create_vlan"] == changes["Interfaces.create_vlan"]
    assert lab.maas.counts.calls["Interface.link_subnet"] == changes["Interface.link_subnet"]
    create(lab, nic(**BACK, defaultNic=True))
    assert [one.name for one in lab.in_maas().nics] == ["eth0", "eth1", "eth0.1600"]
    assert links(lab, "eth0.1600") == [("static", "10.9.2.45")]


def test_a_vlan_interface_of_an_operator_is_left_alone(lab: MaasHouse) -> None:
    """It stays, and MAAS refuses another one of its name."""
    vlan = add_vlan(lab.maas, 1577, "10.9.1.0/24", "10.9.1.1")
    for machine in lab.maas.machines:
        his = lab.maas.change(lambda nic=machine.boot_nic: lab.maas.model.vlan_interface(nic, vlan, ("his",)))  # type: ignore[misc]
        machine.nics = (*machine.nics, his)
    done = lab.fail(lab.orders.create(payload(1, nic(**TENANT)), CLOUD))
    assert "already has an interface named 'eth0.1577'" in done.error
    name = lab.of().name
    lab.succeed(lab.orders.delete(payload(), CLOUD))
    boot, _, his = lab.maas.machine(name).nics
    assert (his.tags, [link.mode for link in boot.links]) == (("his",), ["auto"])


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (
            "eth1",
            "interface eth1 was to be on VLAN 1600 with 10.9.2.45 in 10.9.2.0/24, and is on VLAN 0 with no address",
        ),
        (
            "eth0.1577",
            "interface eth0 was to be on VLAN 1577 with 10.9.1.45 in 10.9.1.0/24, and is on VLAN 0 with no address",
        ),
    ],
)
def test_interfaces_that_are_others_than_wanted_when_it_is_deployed(lab: MaasHouse, name: str, found: str) -> None:
    """It is said, though MAAS says Deployed; the machine can be given back as ever."""
    add_vlan(lab.maas, 1577, "10.9.1.0/24", "10.9.1.1")
    add_vlan(lab.maas, 1600, "10.9.2.0/24", "10.9.2.1")
    order = lab.orders.create(payload(1, nic(**TENANT), nic(1, **BACK)), CLOUD)
    assert isinstance(order, Operation)
    while lab.step(order).step != "wait for Deployed":
        pass
    there = lab.in_maas()
    (nic_,) = [one for one in there.nics if one.name == name]
    if nic_.parent:
        lab.maas.change(lambda: there.drop(nic_))
    else:
        lab.maas.change(lambda: there.put(replace(nic_, vlan=lab.maas.model.provisioning.vlan, links=())))
    done = lab.fail(lab.operation(order.id))
    assert done.error == found
    assert "look at the interfaces of machine" in done.check
    assert lab.machine(there.hostname).maintenance == ""
    lab.succeed(lab.orders.delete(payload(), CLOUD))
    assert lab.maas.machine(there.hostname).owner is None


def test_an_interface_that_maas_moves_when_it_boots(lab: MaasHouse) -> None:
    """Somebody has put it onto a VLAN on which MAAS serves no boot: it comes back without its address."""
    vlan = add_vlan(lab.maas, 1577, "10.9.1.0/24", "10.9.1.1")
    for machine in lab.maas.machines:
        lab.maas.change(lambda nic=machine.boot_nic, there=machine: there.put(replace(nic, vlan=vlan, links=())))  # type: ignore[misc]
    lab.follow()
    done = lab.fail(lab.orders.create(payload(1, nic(**TENANT)), CLOUD))
    assert "interface eth0 was to be on VLAN 1577" in done.error
    assert "is on VLAN 0 with no address" in done.error


def test_a_nic_goes_to_the_interface_whose_fabric_has_its_vlan(lab: MaasHouse) -> None:
    networks = lab.maas.model.networks
    fabric = lab.maas.change(lambda: networks.add_fabric("storage"))
    vlan = add_vlan(lab.maas, 1600, "10.9.2.0/24", fabric=fabric.id)
    for machine in lab.maas.machines:
        third = replace(
            machine.nics[1], id=900 + machine.number, name="eth2", mac=f"52:54:00:99:00:{machine.number:02x}"
        )
        machine.nics = (*machine.nics, replace(third, vlan=networks.vlan(fabric, "0"), links=()))
    lab.follow()
    storage = {"ip": "10.9.2.45", "netmask": "255.255.255.0", "broadcastUri": "vlan://1600"}
    asked = payload(1, nic(defaultNic=True), nic(1, **storage))
    told = lab.succeed(lab.orders.prepare(asked, CLOUD)).answer["nics"]
    boots, _, reaches = lab.in_maas().nics
    assert [one["mac"] for one in told] == [boots.mac, reaches.mac]
    asked["cloudstack.vm.details"]["nics"] = [
        one | {"mac": answer["mac"]} for one, answer in zip(asked["cloudstack.vm.details"]["nics"], told, strict=True)
    ]
    lab.succeed(lab.orders.create(asked, CLOUD))
    assert lab.in_maas().nics[2].vlan == vlan


def test_a_nic_with_a_tag_goes_to_the_interface_that_has_it(lab: MaasHouse) -> None:
    machine = lab.maas.machine("node0001")
    machine.nics = (machine.nics[0], replace(machine.nics[1], tags=("fast",)))
    lab.follow()
    done = lab.succeed(lab.orders.prepare(payload(1, nic(), nic_tags="fast"), CLOUD))
    assert done.answer["nics"][0]["mac"] == machine.nics[1].mac


def test_ipv6_is_linked_beside_ipv4(lab: MaasHouse) -> None:
    vlan = add_vlan(lab.maas, 1577, "10.9.1.0/24", "10.9.1.1")
    networks = lab.maas.model.networks
    six: Subnet = lab.maas.change(lambda: networks.add_subnet(vlan, "fd00:9::/64", "six", gateway="fd00:9::1"))
    wanted = TENANT | {"ip6address": "fd00:9::45", "ip6cidr": "fd00:9::/64", "ip6gateway": "fd00:9::1"}
    create(lab, nic(**wanted))
    assert set(links(lab)) == {("static", "10.9.1.45"), ("static", "fd00:9::45")}
    assert six.vlan == vlan


def test_an_instance_without_addresses_is_deployed_as_maas_has_the_interface(lab: MaasHouse) -> None:
    create(lab, nic())
    assert [mode for mode, _ in links(lab, "eth0")] == ["auto"]
    assert lab.of().state is State.ACTIVE


@pytest.mark.parametrize("in_release", [False, True], ids=["deployment", "release"])
def test_interfaces_go_home_wherever_their_change_ended(lab: MaasHouse, *, in_release: bool) -> None:
    """The region refuses everything from some call on."""
    add_vlan(lab.maas, 1577, "10.9.1.0/24", "10.9.1.1")
    add_vlan(lab.maas, 1600, "10.9.2.0/24", "10.9.2.1")
    asked, faults, number = payload(1, nic(**BACK), nic(1, **TENANT)), lab.maas.faults, 0
    while True:
        if in_release:
            lab.succeed(lab.orders.create(asked, CLOUD))
        order = lab.orders.delete(asked, CLOUD) if in_release else lab.orders.create(asked, CLOUD)
        faults.spared, faults.refusals, faults.refused_as = number, 1000, HTTPStatus.FORBIDDEN
        done = lab.run(order)
        faults.spared = faults.refusals = 0
        for machine in lab.machines:
            lab.orders.maintenance(machine.name, "", ADMIN)
        ended = lab.orders.delete(asked, CLOUD)
        if isinstance(ended, Operation):
            lab.succeed(ended)
        lab.follow()
        assert at_home(lab.maas), number
        if done.state is OperationState.SUCCEEDED:
            return
        number += 1


def test_each_nic_says_who_gives_its_address(lab: MaasHouse) -> None:
    """The detail `addresses` does for one NIC what `maas_ip` does for all."""
    add_vlan(lab.maas, 1577, "10.9.1.0/24", "10.9.1.1")
    add_vlan(lab.maas, 1600, "10.9.2.0/24", "10.9.2.1")
    create(lab, nic(**TENANT), nic(1, **BACK), addresses=",dhcp")
    modes = {one.name: [link.mode for link in one.links] for one in lab.in_maas().nics}
    assert modes["eth0.1577"] == ["static"]
    assert modes["eth1"] == ["dhcp"]


def test_one_link_by_dhcp_serves_both_families(lab: MaasHouse) -> None:
    add_vlan(lab.maas, 1577, "10.9.1.0/24", "10.9.1.1")
    wanted = TENANT | {"ip6address": "fd00:9::45", "ip6cidr": "fd00:9::/64", "ip6gateway": "fd00:9::1"}
    create(lab, nic(**wanted), maas_ip="dhcp")
    assert lab.of().state is State.ACTIVE
