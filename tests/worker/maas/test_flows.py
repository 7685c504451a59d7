"""The life of an instance on a MAAS machine: reserve, deploy, switch, give back, and what goes wrong in between."""

from email import message_from_bytes

import yaml

from bmprov.lifecycle import State
from bmprov.model import OperationState
from tests.maas.machine import Failure
from tests.maas.status import NodeStatus
from tests.worker.maas.house import CLOUD, MaasHouse, nic, payload, uuid_of


def test_prepare_allocates_in_maas_and_tells_the_boot_interfaces_mac(lab: MaasHouse) -> None:
    lab.maas.machine("node0001").boot_index = 1
    lab.follow()
    done = lab.succeed(lab.orders.prepare(payload(), CLOUD))
    machine = lab.in_maas()
    assert (machine.status, machine.agent_name, machine.owner) == (NodeStatus.ALLOCATED, uuid_of(1), "admin")
    boot = machine.nics[machine.boot_index]
    assert done.answer["nics"] == [{"uuid": "net-0", "nicUuid": "nic-0", "mac": boot.mac}]
    assert done.answer["details"] == {"External:bmprov.machine": machine.hostname}


def test_prepare_asked_again_tells_the_same_machine(lab: MaasHouse) -> None:
    first = lab.succeed(lab.orders.prepare(payload(), CLOUD))
    again = lab.succeed(lab.orders.prepare(payload(), CLOUD))
    assert first.answer == again.answer
    assert [one.status for one in lab.maas.machines].count(NodeStatus.ALLOCATED) == 1


def test_create_ends_when_maas_has_deployed_and_the_machine_is_on(lab: MaasHouse) -> None:
    machine = lab.deploy(distro_series="jammy", os="ubuntu")
    there = lab.in_maas()
    assert (machine.state, there.status, there.distro_series) == (State.ACTIVE, NodeStatus.DEPLOYED, "jammy")
    assert lab.power() == "poweron"
    parts = [
        yaml.safe_load(part.get_payload(decode=True))  # type: ignore[arg-type] # bytes, as every part is one
        for part in message_from_bytes(lab.maas.user_data(there.hostname)).walk()
        if not part.is_multipart()
    ]
    assert parts[0] == {"packages": ["curl"]}
    assert parts[-1]["ssh_authorized_keys"] == ["ssh-ed25519 AAAA tenant"]
    assert parts[-1]["fqdn"] == "i-2-1-vm"


def test_create_without_prepare_reserves_and_allocates(lab: MaasHouse) -> None:
    lab.succeed(lab.orders.create(payload(), CLOUD))
    assert lab.in_maas().status is NodeStatus.DEPLOYED


def test_no_worker_is_held_while_maas_deploys(lab: MaasHouse) -> None:
    lab.maas.timings.deploy_s = 60
    operation = lab.orders.create(payload(), CLOUD)
    operation = lab.step(operation)  # type: ignore[arg-type]
    assert (operation.state, operation.waiting_for) == (OperationState.WAITING, "MAAS to deploy the machine")
    assert lab.power() == "unknown"


def test_stop_start_and_reboot_end_when_the_bmc_says_so(lab: MaasHouse) -> None:
    lab.deploy()
    lab.succeed(lab.orders.stop(payload(), CLOUD))
    assert lab.power() == "poweroff"
    lab.succeed(lab.orders.start(payload(), CLOUD))
    assert lab.power() == "poweron"
    lab.succeed(lab.orders.reboot(payload(), CLOUD))
    assert lab.power() == "poweron"


def test_delete_gives_the_machine_back(lab: MaasHouse) -> None:
    name = lab.deploy().name
    lab.succeed(lab.orders.delete(payload(), CLOUD))
    lab.maas.wait(name, NodeStatus.READY)
    machine = lab.machine(name)
    assert (machine.state, machine.instance_id) == (State.AVAILABLE, None)
    lab.follow()
    assert lab.machine(name).state is State.AVAILABLE
    assert lab.orders.delete(payload(), CLOUD)["status"] == "success"  # type: ignore[index]


def test_a_failed_deployment_brings_its_reason_and_is_quarantined(lab: MaasHouse) -> None:
    for machine in lab.maas.machines:
        machine.failure = Failure(output="partitioning\ncurtin: no space left on sda\n")
    done = lab.fail(lab.orders.create(payload(), CLOUD))
    assert "no space left on sda" in done.error
    machine = lab.of()
    assert machine.state is State.ERROR
    assert "no space left on sda" in machine.maintenance
    there = lab.in_maas()
    assert there.status is NodeStatus.BROKEN
    lab.succeed(lab.orders.delete(payload(), CLOUD))
    lab.follow()
    assert lab.machine(machine.name).state is State.ENROLLED
    lab.maas.change(lambda: lab.maas.model.releases.mark_fixed(there, "admin", ""))
    lab.follow()
    mended = lab.machine(machine.name)
    assert (mended.state, mended.maintenance) == (State.AVAILABLE, "")


def test_a_machine_that_somebody_else_took_is_not_given_and_another_is_asked_for(lab: MaasHouse) -> None:
    lab.maas.grab("node0001", "alice")
    done = lab.fail(lab.orders.prepare(payload(), CLOUD))
    assert done.machine_name == "node0001"
    assert "it is Allocated, owned by alice" in done.error
    assert done.answer == {"again": True}
    assert lab.machine("node0001").state is State.ENROLLED
    lab.succeed(lab.orders.prepare(payload(), CLOUD))
    assert lab.of().name == "node0002"


def test_interfaces_get_their_vlan_and_address_and_lose_them_at_the_end(lab: MaasHouse) -> None:
    networks = lab.maas.model.networks
    vlan = lab.maas.change(lambda: networks.add_vlan(networks.fabrics[0], 1577, "tenant"))
    lab.maas.change(lambda: networks.add_subnet(vlan, "10.9.1.0/24", "tenant", gateway="10.9.1.1"))
    wanted = nic(
        ip="10.9.1.45", netmask="255.255.255.0", gateway="10.9.1.1", broadcastUri="vlan://1577", defaultNic=True
    )
    asked = payload(1, wanted)
    lab.succeed(lab.orders.create(asked, CLOUD))
    name, there = lab.of().name, lab.in_maas()
    tagged = there.nics[-1]
    assert (tagged.name, tagged.vlan) == ("eth0.1577", vlan)
    assert [(link.mode, link.address) for link in tagged.links] == [("static", "10.9.1.45")]
    assert [link.mode for link in there.boot_nic.links] == ["link_up"]
    lab.succeed(lab.orders.delete(asked, CLOUD))
    home, _ = lab.maas.machine(name).nics
    assert home.vlan == lab.maas.model.provisioning.vlan
    assert [link.mode for link in home.links] == ["auto"]
