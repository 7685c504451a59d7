"""Which region's machines an instance gets, and regions that come from CloudStack's details."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from bmprov.errors import Conflict, Invalid, NoCapacity
from bmprov.lifecycle import State
from bmprov.model import BackEnd, Image, Role
from bmprov.orders import Caller, NewRegion
from bmprov.store.reservations import expire
from tests.maas.running import RunningRegion, region
from tests.maas.status import NodeStatus
from tests.worker.maas.house import ADMIN, CLOUD, MaasHouse, payload, uuid_of

OTHER = Caller("other", Role.CLOUD, "c2")


@pytest.fixture
def second() -> Iterator[RunningRegion]:
    with region() as running:
        running.model._numbers = itertools.count(500)  # so that its MACs are others
        for number in range(2):
            running.add_machine(f"second{number}", zone="north", cpu_count=4)
        yield running


def by_details(maas: RunningRegion, number: int = 1, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    asked = payload(number, **more)
    asked["externaldetails"]["host"] = {"maas_url": maas.url, "maas_key": maas.key}
    return asked


def follow_all(lab: MaasHouse) -> None:
    with lab.store.read() as transaction:
        regions = transaction.regions.all()
    for one in regions:
        lab.follower.follow(one)


def test_a_region_of_the_details_is_met_and_its_machines_are_taken(lab: MaasHouse, second: RunningRegion) -> None:
    with pytest.raises(Conflict, match="not been listed yet") as caught:
        lab.orders.prepare(by_details(second), CLOUD)
    assert caught.value.retry_after_s
    follow_all(lab)
    lab.succeed(lab.orders.prepare(by_details(second), CLOUD))
    assert lab.of().name == "second0"
    assert second.machine("second0").agent_name == uuid_of(1)


def test_a_region_of_the_details_is_its_clouds_alone(lab: MaasHouse, second: RunningRegion) -> None:
    with pytest.raises(Conflict):
        lab.orders.prepare(by_details(second), CLOUD)
    follow_all(lab)
    with pytest.raises(Conflict, match="another cloud's"):
        lab.orders.prepare(by_details(second, 2), OTHER)
    with pytest.raises(NoCapacity) as caught:
        lab.orders.prepare(payload(2, zone="north"), OTHER)
    assert "second" not in str(caught.value)


def test_a_new_key_in_the_details_is_used_and_an_operators_is_kept(lab: MaasHouse, second: RunningRegion) -> None:
    with pytest.raises(Conflict):
        lab.orders.prepare(by_details(second), CLOUD)
    old, second_key = by_details(second), second.new_key("renewed")
    second.revoke(second.key)
    with lab.store.read() as transaction:
        met = next(one for one in transaction.regions.all() if one.url == second.url)
    lab.follower.follow(met)
    with pytest.raises(NoCapacity, match="does not take its key"):
        lab.orders.prepare(old, CLOUD)
    old["externaldetails"]["host"]["maas_key"] = second_key
    with pytest.raises(Conflict, match="not been listed yet"):
        lab.orders.prepare(old, CLOUD)
    follow_all(lab)
    lab.succeed(lab.orders.prepare(old, CLOUD))
    entered = by_details(lab.maas)
    entered["externaldetails"]["host"]["maas_key"] = "a:b:c"
    lab.succeed(lab.orders.prepare(entered | {"virtualmachineid": uuid_of(5)}, CLOUD))


def test_a_region_that_cannot_be_listed_says_why(lab: MaasHouse, second: RunningRegion) -> None:
    second.stop()
    with pytest.raises(Conflict):
        lab.orders.prepare(by_details(second), CLOUD)
    follow_all(lab)
    with pytest.raises(NoCapacity, match=r"does not tell of its machines: .*is not there"):
        lab.orders.prepare(by_details(second), CLOUD)


def test_a_zone_leads_to_the_region_that_has_it(lab: MaasHouse, second: RunningRegion) -> None:
    lab.orders.add_region(NewRegion(second.url, second.key, "north-maas"), ADMIN)
    follow_all(lab)
    asked = payload(1, zone="north")
    asked["externaldetails"]["host"] = {}
    lab.succeed(lab.orders.prepare(asked, CLOUD))
    assert lab.of().name == "second0"


def test_nobody_gets_a_maas_machine_who_has_not_asked_for_one(lab: MaasHouse) -> None:
    asked = payload()
    asked["externaldetails"]["host"] = {}
    with pytest.raises(NoCapacity, match="no machine is available at all"):
        lab.orders.prepare(asked, CLOUD)


@pytest.mark.parametrize(
    ("details", "words"),
    [
        ({"tags": "gpu"}, "tag gpu missing"),
        ({"not_tags": "old"}, "tag old is not wanted"),
        ({"pool": "gold"}, "pod default instead of gold"),
        ({"zone": "south"}, "zone default instead of south"),
        ({"maas_system_id": "zzzzzz"}, "MAAS system id .* instead of zzzzzz"),
        ({"cpus_min": "64"}, "8 of 64 cpus"),
        ({"memory_mib_min": "999999"}, "16384 of 999999 MiB"),
        ({"nic_tags": "fast"}, "NIC with tag fast missing"),
        ({"backend": "direct"}, "no machine is available at all"),
        ({"mac": "impose"}, "the machine is MAAS's, which imposes no MAC"),
    ],
)
def test_it_is_said_which_constraint_no_machine_meets(lab: MaasHouse, details: dict[str, str], words: str) -> None:
    for machine in lab.maas.machines:
        machine.tags = frozenset({"old"})
    lab.follow()
    with pytest.raises(NoCapacity, match=words):
        lab.orders.prepare(payload(1, **details), CLOUD)


def test_one_machine_can_be_asked_for_by_its_system_id(lab: MaasHouse) -> None:
    wanted = lab.maas.machine("node0003").system_id
    lab.succeed(lab.orders.prepare(payload(1, maas_system_id=wanted), CLOUD))
    assert lab.of().name == "node0003"


def test_the_mac_that_cloudstack_issued_names_its_machine(lab: MaasHouse) -> None:
    asked = payload()
    asked["cloudstack.vm.details"]["nics"][0]["mac"] = lab.maas.machine("node0002").nics[1].mac
    done = lab.succeed(lab.orders.prepare(asked, CLOUD))
    assert lab.of().name == "node0002"
    assert done.answer["nics"][0]["mac"] == lab.maas.machine("node0002").nics[1].mac


def test_an_image_of_the_catalogue_is_not_for_a_machine_of_maas(lab: MaasHouse) -> None:
    with lab.store.write() as transaction:
        transaction.images.add(Image("img", "debian", "raw", "00", 1, "00", 1))
    asked = payload(1, zone="default", image="debian")
    asked["externaldetails"]["host"] = {}
    with pytest.raises(NoCapacity, match="the details name no `distro_series`"):
        lab.orders.prepare(asked, CLOUD)
    asked["externaldetails"]["virtualmachine"]["distro_series"] = "jammy"
    lab.succeed(lab.orders.prepare(asked, CLOUD))
    assert lab.of().back_end is BackEnd.MAAS


def test_a_reservation_that_nobody_uses_is_given_back_to_maas(lab: MaasHouse) -> None:
    lab.succeed(lab.orders.prepare(payload(), CLOUD))
    name = lab.of().name
    lab.ahead_s += 1900
    with lab.store.write() as transaction:
        expire(transaction)
    with lab.store.read() as transaction:
        (operation,) = transaction.operations.all(unfinished=True)
    lab.succeed(operation)
    lab.maas.wait(name, NodeStatus.READY)
    assert lab.machine(name).state is State.AVAILABLE


def test_delete_of_a_reserved_machine_gives_it_back(lab: MaasHouse) -> None:
    lab.succeed(lab.orders.prepare(payload(), CLOUD))
    name = lab.of().name
    lab.succeed(lab.orders.delete(payload(), CLOUD))
    assert lab.maas.machine(name).owner is None


def test_an_image_of_maas_is_asking_for_a_machine_of_maas(lab: MaasHouse) -> None:
    asked = payload(1, distro_series="jammy")
    asked["externaldetails"]["host"] = {}
    lab.succeed(lab.orders.prepare(asked, CLOUD))
    assert lab.of().back_end is BackEnd.MAAS


def test_a_catalogue_image_for_a_machine_of_maas_is_refused(lab: MaasHouse) -> None:
    with pytest.raises(Invalid, match="image 'debian' is not for a machine of MAAS: name MAAS's own"):
        lab.orders.prepare(payload(1, image="debian"), CLOUD)


def test_details_do_not_change_the_key_that_an_operator_gave(lab: MaasHouse, second: RunningRegion) -> None:
    lab.orders.add_region(NewRegion(second.url, second.key, "mine", cloud="c1"), ADMIN)
    follow_all(lab)
    asked = by_details(second)
    asked["externaldetails"]["host"]["maas_key"] = "a:b:c"
    lab.succeed(lab.orders.prepare(asked, CLOUD))
    assert lab.of().name == "second0"
