"""What becomes of machines: deployed, failed, released, erased, broken, rescued; and what is told of it."""

import base64
import time

import pytest

from tests.maas.bmc import Power
from tests.maas.client import Client
from tests.maas.machine import Failure, Machine
from tests.maas.running import RunningRegion
from tests.maas.status import NodeStatus

NAME = "node0001"


@pytest.fixture
def machine(maas: RunningRegion) -> Machine:
    return maas.machine(NAME)


@pytest.fixture
def path(machine: Machine) -> str:
    return f"machines/{machine.system_id}/"


def deployed(maas: RunningRegion, client: Client, path: str) -> Machine:
    client.post(path, "deploy")
    return maas.wait(NAME, NodeStatus.DEPLOYED)


def test_a_deployment_takes_its_time(maas: RunningRegion, client: Client, path: str, machine: Machine) -> None:
    """Ready, Allocated to its owner, Deploying, Deployed; the power is on and the system is the one asked for."""
    maas.timings.deploy_s = 0.2
    told = client.post("machines/", "allocate", name=NAME, agent_name="an-instance")
    assert (told["status_name"], told["owner"], machine.agent_name) == ("Allocated", "admin", "an-instance")
    began = time.monotonic()
    told = client.post(path, "deploy", distro_series="jammy", hwe_kernel="hwe-22.04")
    assert (told["status_name"], told["power_state"], told["status_message"]) == ("Deploying", "off", "Deploying")
    maas.wait(NAME, NodeStatus.DEPLOYED)
    assert time.monotonic() - began >= 0.2
    told = client.get(path)
    assert (told["power_state"], told["status_message"], told["netboot"]) == ("on", "Deployed", False)
    assert (told["osystem"], told["distro_series"], told["hwe_kernel"]) == ("ubuntu", "jammy", "hwe-22.04")
    assert [one["hostname"] for one in client.get("machines/", agent_name="an-instance")] == [NAME]


def test_addresses_come_with_the_deployment(maas: RunningRegion, client: Client, path: str) -> None:
    """An automatic link has one while the machine is deployed, and no two machines one."""

    def address(told: dict[str, list[dict[str, list[dict[str, str]]]]]) -> str | None:
        return told["interface_set"][0]["links"][0].get("ip_address")

    assert address(client.get(path)) is None
    addresses = {address(client.post(f"machines/{one.system_id}/", "deploy")) for one in maas.machines}
    assert len(addresses - {None}) == len(maas.machines)
    maas.wait(NAME, NodeStatus.DEPLOYED)
    client.post(path, "release")
    maas.wait(NAME, NodeStatus.READY)
    assert address(client.get(path)) is None


def test_a_deployment_that_fails_says_why(maas: RunningRegion, client: Client, path: str, machine: Machine) -> None:
    """In its description, in events of level ERROR, and in the log of the installer."""
    machine.failure = Failure(output="mkfs.ext4: no space left", comment="Installation failed (see the log).")
    client.post(path, "deploy")
    maas.wait(NAME, NodeStatus.FAILED_DEPLOYMENT)
    assert client.get(path)["error_description"] == "Installation failed (see the log)."
    events = client.get("events/", op="query", id=machine.system_id, level="ERROR")["events"]
    assert [(one["type"], one["level"]) for one in events] == [
        ("Marking node failed", "ERROR"),
        ("Node installation failure", "ERROR"),
    ]
    results = f"nodes/{machine.system_id}/results/"
    (run,) = client.get(results, type="installation", include_output="1")
    assert (run["type_name"], run["status_name"], run["results"][0]["exit_status"]) == ("Installation", "Failed", 1)
    assert base64.b64decode(run["results"][0]["output"]) == b"mkfs.ext4: no space left"
    current = client.get(f"{results}current-installation/")
    assert (current["id"], "output" in current["results"][0]) == (run["id"], False)
    client.post(path, "release")
    machine.failure = None
    maas.wait(NAME, NodeStatus.READY)
    deployed(maas, client, path)


def test_a_deployment_without_end_can_be_aborted(
    maas: RunningRegion, client: Client, path: str, machine: Machine
) -> None:
    """The answer still says Deploying; then it is Allocated, and off."""
    machine.deploys_for_ever = True
    client.post(path, "deploy")
    time.sleep(2 * maas.timings.deploy_s)
    assert client.get(path)["status_name"] == "Deploying"
    assert client.post(path, "abort", comment="enough")["status_name"] == "Deploying"
    assert client.get(path)["status_name"] == "Allocated"
    assert client.get(path, op="query_power_state") == {"state": "off"}
    assert client.refused(path, "abort").status == 409


def test_release_waits_for_the_power(maas: RunningRegion, client: Client, path: str, machine: Machine) -> None:
    """Releasing while it is on, then Ready and nobody's."""
    deployed(maas, client, path)
    told = client.post(path, "release")
    assert (told["status_name"], told["owner"]) == ("Releasing", "admin")
    maas.wait(NAME, NodeStatus.READY)
    told = client.get(path)
    assert (told["owner"], told["power_state"], told["osystem"], machine.agent_name) == (None, "off", "", "")


def test_release_with_a_failing_bmc_changes_nothing(
    maas: RunningRegion, client: Client, path: str, machine: Machine
) -> None:
    """It is 500, and the machine is Deployed."""
    deployed(maas, client, path)
    machine.bmc.fails = "no route to host"
    for form in ({}, {"erase": "true"}):
        assert client.refused(path, "release", **form).status == 500
        assert client.get(path)["status_name"] == "Deployed"


def test_disks_are_erased_before_the_release(maas: RunningRegion, client: Client, path: str, machine: Machine) -> None:
    """Disk erasing, Releasing, Ready."""
    deployed(maas, client, path)
    assert client.post(path, "release", erase="true", quick_erase="true")["status_name"] == "Disk erasing"
    maas.wait(NAME, NodeStatus.READY)
    events = client.get("events/", op="query", id=machine.system_id, limit=3)["events"]
    assert [one["type"] for one in events] == ["Released", "Releasing", "Disks erased"]


def test_an_erasure_that_is_aborted(maas: RunningRegion, client: Client, path: str) -> None:
    """It leaves Failed disk erasing, which can be released."""
    deployed(maas, client, path)
    maas.timings.erase_s = 60
    client.post(path, "release", erase="true")
    client.post(path, "abort")
    assert client.get(path)["status_name"] == "Failed disk erasing"
    assert client.post(path, "release")["status_name"] == "Ready"


def test_power_is_remembered_for_five_minutes(maas: RunningRegion, client: Client, path: str, machine: Machine) -> None:
    """What happens at the machine shows when MAAS asks the BMC: because somebody asks, or because it is time."""
    machine.bmc.switch(Power.ON)
    assert client.get(path)["power_state"] == "off"
    assert client.get(path, op="query_power_state") == {"state": "on"}
    assert client.get(path)["power_state"] == "on"
    machine.bmc.switch(Power.OFF)
    maas.timings.power_s = 0
    assert client.get("machines/")[0]["power_state"] == "off"
    machine.bmc.fails = "gone"
    assert client.get(path)["power_state"] == "error"


def test_power_that_takes_its_time(maas: RunningRegion, client: Client, path: str, machine: Machine) -> None:
    """A guest that does not shut down stays on, and one that does is off later, which only the BMC knows."""
    deployed(maas, client, path)
    machine.bmc.ignores_soft = True
    client.post(path, "power_off", stop_mode="soft")
    assert client.get(path, op="query_power_state") == {"state": "on"}
    machine.bmc.obeys_after_s = 60
    client.post(path, "power_off")
    assert client.get(path, op="query_power_state") == {"state": "on"}
    machine.bmc.switch(Power.OFF)
    assert client.get(path)["power_state"] == "on"
    assert client.get(path, op="query_power_state") == {"state": "off"}


def test_broken_and_fixed(maas: RunningRegion, client: Client, path: str) -> None:
    """Only its owner may call a machine broken; it says why until it is fixed, and cannot be allocated."""
    assert client.refused(path, "mark_broken").status == 403
    deployed(maas, client, path)
    told = client.post(path, "mark_broken", comment="disk died")
    assert (told["status_name"], told["error_description"]) == ("Broken", "disk died")
    assert client.get(path)["power_state"] == "off"
    assert client.refused("machines/", "allocate", name=NAME).status == 409
    told = client.post(path, "mark_fixed")
    assert (told["status_name"], told["error_description"]) == ("Ready", "")
    assert client.refused(path, "mark_fixed").status == 409


def test_a_locked_machine_changes_for_nobody(maas: RunningRegion, client: Client, path: str) -> None:
    """It is 403 until it is unlocked; only what is deployed can be locked."""
    assert client.refused(path, "lock").status == 409
    deployed(maas, client, path)
    assert client.post(path, "lock")["locked"] is True
    for op in ("release", "power_off", "deploy", "mark_broken"):
        assert client.refused(path, op).status == 403
    assert client.refused(path, "lock").status == 409
    assert client.post(path, "unlock")["locked"] is False
    assert client.refused(path, "unlock").status == 409


@pytest.mark.parametrize("before", ["Deployed", "Ready"])
def test_rescue_mode_and_back(maas: RunningRegion, client: Client, path: str, machine: Machine, before: str) -> None:
    """A deployed machine comes back on, any other one off and without owner."""
    if before == "Deployed":
        deployed(maas, client, path)
    assert client.post(path, "rescue_mode")["status_name"] == "Entering rescue mode"
    maas.wait(NAME, NodeStatus.RESCUE_MODE)
    assert client.refused(path, "rescue_mode").text == "Invalid transition: Rescue mode -> Entering rescue mode."
    assert client.post(path, "exit_rescue_mode")["status_name"] == "Exiting rescue mode"
    maas.wait(NAME, NodeStatus[before.upper()])
    assert (machine.bmc.power, machine.owner) == (("on", "admin") if before == "Deployed" else ("off", None))


def test_events_are_told_in_pages(maas: RunningRegion, client: Client, path: str, machine: Machine) -> None:
    """Newest first, from a level on, before or after one."""
    deployed(maas, client, path)
    told = client.get("events/", op="query", id=machine.system_id)
    types = [one["type"] for one in told["events"]]
    assert types[:2] == ["Deployed", "Image Deployed"]
    assert types[-2:] == ["Performing PXE boot", "Deploying"]
    assert len(client.get("events/", op="query", level="DEBUG")["events"]) > told["count"]
    newest = told["events"][0]["id"]
    older = client.get("events/", op="query", before=newest, limit=2)["events"]
    assert [one["type"] for one in older] == types[1:3]
    newer = client.get("events/", op="query", after=older[-1]["id"], limit=1)["events"]
    assert newer == older[:1]
    assert client.call("GET", "events/", query={"op": "query", "limit": "1001"}).status == 400
    assert client.get("events/", op="query", hostname="node0002")["count"] == 0
