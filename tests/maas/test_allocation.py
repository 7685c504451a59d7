"""Which machine `allocate` gives, and that it gives it once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.maas.client import Client
from tests.maas.running import RunningRegion, region
from tests.maas.status import NodeStatus


@pytest.fixture
def maas() -> Iterator[RunningRegion]:
    with region() as running:
        running.add_machine("small", cpu_count=4, memory_mib=8192)
        running.add_machine("arm", architecture="arm64/generic", cpu_count=32, memory_mib=65536, zone="east")
        running.add_machine("big", cpu_count=64, memory_mib=262144, tags=frozenset({"ssd", "gpu"}), pool="gold")
        running.add_machine("medium", cpu_count=16, memory_mib=65536, tags=frozenset({"ssd"}))
        running.machine("small").status = NodeStatus.BROKEN
        yield running


@pytest.mark.parametrize(
    ("constraints", "gets"),
    [
        ({}, "medium"),
        ({"cpu_count": "17", "arch": "amd64"}, "big"),
        ({"mem": "70000"}, "big"),
        ({"arch": "arm64/generic"}, "arm"),
        ({"tags": "ssd"}, "medium"),
        ({"tags": ["ssd", "gpu"]}, "big"),
        ({"tags": "ssd,gpu"}, "big"),
        ({"tags": "ssd", "not_tags": "gpu"}, "medium"),
        ({"zone": "east"}, "arm"),
        ({"not_in_zone": "east", "cpu_count": "32"}, "big"),
        ({"pool": "gold"}, "big"),
        ({"not_in_pool": ["gold"], "tags": "ssd"}, "medium"),
        ({"name": "big.maas"}, "big"),
        ({"interfaces": "first:name=eth0,fabric=fabric-0"}, "medium"),
        ({"interfaces": "first:name=eth7"}, None),
        ({"name": "small"}, None),
        ({"pool": "gold", "zone": "east"}, None),
    ],
)
def test_constraints(client: Client, constraints: dict[str, str], gets: str | None) -> None:
    """All must hold; of those that fit the smallest is given; what is not Ready is given to nobody."""
    if gets is None:
        assert client.refused("machines/", "allocate", **constraints).status == 409
    else:
        assert client.post("machines/", "allocate", **constraints)["hostname"] == gets


def test_a_machine_by_its_id(maas: RunningRegion, client: Client) -> None:
    """It is given, with the NICs that the constraint's labels mean, and not a second time."""
    machine = maas.machine("arm")
    told = client.post("machines/", "allocate", system_id=machine.system_id, interfaces="lan:name=eth1")
    assert (told["hostname"], told["constraints_by_type"]) == ("arm", {"interfaces": {"lan": [machine.nics[1].id]}})
    assert client.refused("machines/", "allocate", system_id=machine.system_id).status == 409
    assert [one["hostname"] for one in client.get("machines/", op="list_allocated")] == ["arm"]


def test_a_dry_run_takes_nothing(maas: RunningRegion, client: Client) -> None:
    """It tells what would be given."""
    assert client.post("machines/", "allocate", dry_run="true")["status_name"] == "Ready"
    assert maas.machine("medium").owner is None


def test_no_two_get_one_machine() -> None:
    """Twenty at once over ten machines: ten have one each, ten are refused."""
    with region(machines=10) as maas:

        def take(number: int) -> tuple[int, str]:
            with Client(maas.url, maas.new_key(f"user{number}")) as client:
                said = client.call("POST", "machines/", query={"op": "allocate"}, agent_name=f"instance-{number}")
                return said.status, said.json["system_id"] if said.status == 200 else ""

        with ThreadPoolExecutor(20) as pool:
            said = list(pool.map(take, range(20)))
        assert sorted(status for status, _ in said) == [200] * 10 + [409] * 10
        assert {one for _, one in said if one} == maas.model.machines.keys()


def test_the_list_is_filtered(maas: RunningRegion, client: Client) -> None:
    """By what a machine is, where it is, and a MAC; several values of a filter mean either."""

    def names(**query: object) -> list[str]:
        return [one["hostname"] for one in client.get("machines/", **query)]

    assert names() == ["small", "arm", "big", "medium"]
    assert names(hostname=["big", "small"]) == ["small", "big"]
    assert names(id=maas.machine("arm").system_id) == ["arm"]
    assert names(mac_address=maas.machine("big").nics[1].mac.upper()) == ["big"]
    assert names(zone="east") == names(pool="default", mem=65536, cpu_count=20) == ["arm"]
    assert names(status="broken") == ["small"]
    assert names(zone="nowhere") == []
    for query in ({"status": "well"}, {"mac_address": "here"}, {"mem": "much"}):
        assert client.call("GET", "machines/", query=query).status == 400


def test_users_see_their_own(maas: RunningRegion, client: Client) -> None:
    """Who is no administrator sees what is free and what is his, and may change nothing of the network."""
    client.post("machines/", "allocate", name="big")
    path = f"machines/{maas.machine('big').system_id}/"
    with Client(maas.url, maas.new_key("guest", is_admin=False)) as guest:
        assert [one["hostname"] for one in guest.get("machines/")] == ["small", "arm", "medium"]
        assert guest.refused(path, "release").status == 403
        machine = guest.post("machines/", "allocate")
        nic = f"nodes/{machine['system_id']}/interfaces/{machine['boot_interface']['id']}/"
        assert guest.refused(nic, "disconnect").status == 403
        assert guest.call("POST", "fabrics/0/vlans/", vid=7).status == 403
        assert guest.get("users/", op="whoami")["is_superuser"] is False
