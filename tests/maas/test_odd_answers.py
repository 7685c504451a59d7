"""What MAAS answers otherwise than one would think, asked with curl."""

import base64
from collections.abc import Callable

import pytest

from tests.maas.client import Client, Said, curl, oauth
from tests.maas.running import RunningRegion
from tests.maas.status import NodeStatus

Ask = Callable[..., Said]


@pytest.fixture
def ask(maas: RunningRegion) -> Ask:
    """A call as the administrator."""
    return lambda path, *options: curl(f"{maas.url}/api/2.0/{path}", *options, header=oauth(maas.key))


def test_nobody_asks_for_what_is_unknown(maas: RunningRegion) -> None:
    """Without a key, machines are an unknown operation (400), zones are 401, and the version is told."""
    said = curl(f"{maas.url}/api/2.0/machines/")
    assert (said.status, said.text) == (400, "Unrecognised signature: method=GET op=None")
    assert said.content_type.startswith("text/plain")
    assert curl(f"{maas.url}/api/2.0/zones/").status == 401
    assert curl(f"{maas.url}/api/2.0/version/").status == 200


def test_allocate_that_cannot_be(ask: Ask) -> None:
    """No match is 409 in plain text; an unknown tag, place or constraint is 400 in JSON."""
    said = ask("machines/?op=allocate", "--data", "cpu_count=1000")
    assert (said.status, said.content_type) == (409, "text/plain; charset=utf-8")
    assert "No available machine matches constraints: [('cpu_count', ['1000'])]" in said.text
    said = ask("machines/?op=allocate", "--data", "system_id=absent")
    assert (said.status, said.text) == (409, "No machine with system ID absent available.")
    said = ask("machines/?op=allocate", "--data", "tags=none")
    assert (said.status, said.json) == (400, {"tags": ["No such tag(s): 'none'."]})
    for wrong in ("zone=nowhere", "pool=none", "arch=vax", "mem=much", "colour=blue", "interfaces=x:colour=blue"):
        said = ask("machines/?op=allocate", "--data", wrong)
        assert (said.status, list(said.json)) == (400, [wrong.partition("=")[0]])


def test_deploy_that_cannot_be(ask: Ask, maas: RunningRegion) -> None:
    """A wrong state is 409, an unknown series 400 in JSON, no network 400 in JSON."""
    machine = maas.machine("node0001")
    path = f"machines/{machine.system_id}/?op=deploy"
    said = ask(path, "--data", "distro_series=dapper")
    assert (said.status, list(said.json)) == (400, ["distro_series"])
    nic = machine.boot_nic
    assert ask(f"nodes/{machine.system_id}/interfaces/{nic.id}/?op=disconnect", "--data", "").status == 200
    said = ask(path, "--data", "")
    assert (said.status, said.json) == (400, {"network": ["Node must be configured to use a network"]})
    assert machine.status is NodeStatus.READY
    machine.status = NodeStatus.DEPLOYED
    said = ask(path, "--data", "")
    assert (said.status, said.text) == (409, "Can't deploy a machine that is in the 'Deployed' state")


def test_what_deploy_does_not_take_is_passed_over(ask: Ask, maas: RunningRegion) -> None:
    """`osystem` is none of its parameters: the system is part of `distro_series`."""
    machine = maas.machine("node0001")
    ask(f"machines/{machine.system_id}/?op=deploy", "--data", "osystem=custom")
    assert (machine.osystem, machine.distro_series) == ("ubuntu", "noble")
    other = maas.machine("node0002")
    ask(f"machines/{other.system_id}/?op=deploy", "--data", "distro_series=custom/debian12")
    assert (other.osystem, other.distro_series) == ("custom", "debian12")


def test_power_answers_tell_the_state_from_before(ask: Ask, maas: RunningRegion, client: Client) -> None:
    """`power_on` says off and `power_off` says on; the next reading is true."""
    machine = maas.machine("node0001")
    machine.status, machine.owner = NodeStatus.DEPLOYED, "admin"
    path = f"machines/{machine.system_id}/"
    for op, before, then in (("power_on", "off", "on"), ("power_off", "on", "off")):
        assert ask(f"{path}?op={op}", "--data", "").json["power_state"] == before
        assert client.get(path)["power_state"] == then


def test_power_on_of_an_allocated_machine_deploys_it(ask: Ask, client: Client, maas: RunningRegion) -> None:
    """With the default system, and the user data that came."""
    machine = client.post("machines/", "allocate", name="node0002")
    data = base64.b64encode(b"#cloud-config\n").decode()
    said = ask(f"machines/{machine['system_id']}/?op=power_on", "--data-urlencode", f"user_data={data}")
    assert said.json["status_name"] == "Deploying"
    assert maas.wait("node0002", NodeStatus.DEPLOYED).distro_series == "noble"
    assert maas.user_data("node0002") == b"#cloud-config\n"


def test_power_on_of_a_machine_that_nobody_has(ask: Ask, maas: RunningRegion) -> None:
    """It is 409."""
    assert ask(f"machines/{maas.machine('node0001').system_id}/?op=power_on", "--data", "").status == 409


def test_release_by_status(ask: Ask, maas: RunningRegion) -> None:
    """Ready is released already (200), New cannot be (409), a machine that is off is Ready at once."""
    machine = maas.machine("node0001")
    path = f"machines/{machine.system_id}/?op=release"
    assert ask(path, "--data", "").status == 200
    machine.status = NodeStatus.NEW
    assert ask(path, "--data", "").status == 409
    machine.status, machine.owner = NodeStatus.DEPLOYED, "admin"
    said = ask(path, "--data", "").json
    assert (said["status_name"], said["owner"]) == ("Ready", None)


def test_a_failing_bmc_is_500_in_plain_text(ask: Ask, client: Client, maas: RunningRegion) -> None:
    """Of power, not of `deploy`: that says 200, and later that it failed."""
    machine = maas.machine("node0001")
    machine.status, machine.owner, machine.bmc.fails = NodeStatus.DEPLOYED, "admin", "connection timed out"
    path = f"machines/{machine.system_id}/"
    for op, options in (("power_on", ("--data", "")), ("power_off", ("--data", "")), ("query_power_state", ())):
        said = ask(f"{path}?op={op}", *options)
        assert (said.status, said.content_type) == (500, "text/plain; charset=utf-8")
        assert "connection timed out" in said.text
    machine.status = NodeStatus.ALLOCATED
    assert client.post(path, "deploy")["status_name"] == "Deploying"
    assert "connection timed out" in maas.wait("node0001", NodeStatus.FAILED_DEPLOYMENT).error_description


def test_who_is_not_there(ask: Ask) -> None:
    """An unknown machine is 404, an unknown operation 400."""
    assert ask("machines/absent/").status == 404
    said = ask("machines/?op=explode")
    assert (said.status, said.text) == (400, "Unrecognised signature: method=GET op=explode")
    assert ask("nothing/").status == 404


def test_both_kinds_of_form(ask: Ask, maas: RunningRegion) -> None:
    """A form may be urlencoded or multipart."""
    path = f"machines/{maas.machine('node0001').system_id}/"
    for index, option in enumerate(("--data-urlencode", "--form")):
        said = ask(path, "--request", "PUT", option, f"description=of {index} & more")
        assert said.json["description"] == f"of {index} & more"
