"""The page of a machine: what it says, what it offers to whom, and what becomes of two people at one machine."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import update

from bmprov.lifecycle import Event, Kind, State
from bmprov.model import Machine, Nic, OperationState, PowerReading, Report, Role
from bmprov.orders import Caller
from bmprov.power import Power, PowerAction
from bmprov.services import Services
from bmprov.store import schema
from tests.bmprov.web.signing_in import Tab

MARKUP = "<script>alert(1)</script>"
TEXT = "&lt;script&gt;alert(1)&lt;/script&gt;"


@pytest.fixture
def ann(tab_as: Callable[..., Tab]) -> Tab:
    return tab_as(Role.OPERATOR, "ann")


@pytest.fixture
def ben(tab_as: Callable[..., Tab]) -> Tab:
    return tab_as(Role.OPERATOR, "ben")


def saw(client: Tab, path: str) -> str:
    """What the confirmation says that its reader sees."""
    found = re.search(r'name="saw" value="([^"]+)"', client.get(path).text)
    assert found
    return found[1]


def give(client: Tab, path: str, **fields: str) -> Any:  # noqa: ANN401 - werkzeug's test answer
    """Read the confirmation and answer it."""
    return client.post_form(path, saw=saw(client, path), **fields)


def change(services: Services, machine: Machine, **values: object) -> None:
    with services.store.write() as transaction:
        mine = update(schema.machines).where(schema.machines.c.id == machine.id)
        transaction.connection.execute(mine.values(**values))


@pytest.fixture
def machine(add_machine: Callable[..., Machine]) -> Machine:
    return add_machine(7)


@pytest.fixture
def deployed(services: Services, machine: Machine, payload: Callable[..., dict[str, Any]]) -> Machine:
    """The machine while instance i-2-1-VM runs on it."""
    cloud = Caller("acme", Role.CLOUD, "acme", asked_by=f"bob {MARKUP}")
    services.orders.prepare(_without_image(payload()), cloud)
    change(services, machine, state=State.ACTIVE, power=Power.ON, power_read_at=services.store.clock())
    return machine


def _without_image(payload: dict[str, Any]) -> dict[str, Any]:
    return payload | {"externaldetails": {"virtualmachine": {"deployvm": "true"}, "host": {}}}


def test_the_page_says_what_is_known(ann: Tab, deployed: Machine) -> None:
    text = ann.get(f"/machines/{deployed.name}").text
    for told in ("i-2-1-VM", "33333333-3333-4333-8333-000000000001", "fake://7", "52:54:00:00:01:07", "64 threads"):
        assert told in text
    assert "10.1.1.1/24" in text
    assert "vlan://1577" in text
    assert "256 GiB" in text


def test_it_is_found_by_its_id_too_and_nobody_else_is(ann: Tab, machine: Machine) -> None:
    assert ann.get(f"/machines/{machine.id}").status_code == 200
    answer = ann.get("/machines/rack9-99")
    assert (answer.status_code, "there is no machine" in answer.text.lower()) == (404, True)


def test_an_old_reading_is_not_told_as_the_power(ann: Tab, services: Services, machine: Machine) -> None:
    old = services.store.clock() - 200
    change(services, machine, power=Power.ON, power_read_at=old, power_error="BMC 10.0.0.1 did not answer")
    text = ann.get(f"/machines/{machine.name}").text
    assert "It cannot be told; it was <b>on</b>" in text
    assert "BMC 10.0.0.1 did not answer" in text
    assert "What to check" in text


def test_markup_is_text_wherever_people_write(ann: Tab, services: Services, deployed: Machine) -> None:
    """In notes, in a maintenance's reason, in the fault, in the account that asked CloudStack, in a NIC's tag."""
    services.orders.note(deployed.id, f"{MARKUP} note", _caller())
    services.orders.maintenance(deployed.id, f"{MARKUP} reason", _caller())
    change(services, deployed, fault=f"{MARKUP} fault", tags=[f"{MARKUP} tag"])
    with services.store.write() as transaction:
        found = transaction.machines.named(deployed.id)
        assert found
        transaction.machines.set_nics(found, [Nic("52:54:00:00:01:07", 0, tag=f"{MARKUP} nic")])
        cloud = replace(_caller(), asked_by=f"{MARKUP} asked")
    services.orders.power(deployed.id, PowerAction.ON, cloud)
    text = ann.get(f"/machines/{deployed.name}").text
    assert MARKUP not in text
    for what in ("note", "reason", "fault", "tag", "nic", "asked"):
        assert f"{TEXT} {what}" in text, what
    confirmation = ann.get(f"/machines/{deployed.name}/notes").text
    assert MARKUP not in confirmation
    assert TEXT in confirmation


def _caller() -> Caller:
    return Caller("ann", Role.OPERATOR)


@pytest.mark.parametrize("path", ["orders/power-off", "orders/release", "maintenance", "notes"])
def test_a_viewer_who_asks_or_posts_by_hand_is_refused(
    tab_as: Callable[..., Tab], services: Services, machine: Machine, path: str
) -> None:
    viewer = tab_as(Role.VIEWER, "eve")
    assert viewer.get(f"/machines/{machine.name}").status_code == 200
    assert viewer.get(f"/machines/{machine.name}/{path}").status_code == 403
    posted = viewer.post_form(f"/machines/{machine.name}/{path}", saw="available.0.")
    assert posted.status_code == 403
    with services.store.read() as transaction:
        assert transaction.operations.all() == []


def test_only_an_admin_removes_a_machine(
    tab_as: Callable[..., Tab], ann: Tab, services: Services, machine: Machine
) -> None:
    path = f"/machines/{machine.name}/orders/remove"
    assert ann.get(path).status_code == 403
    admin = tab_as(Role.ADMIN, "root")
    assert give(admin, path, name="rack1-70").status_code == 422
    assert give(admin, path, name=machine.name).status_code == 303
    with services.store.read() as transaction:
        assert transaction.machines.named(machine.id) is None


def test_orders_are_asked_then_given(ann: Tab, services: Services, machine: Machine) -> None:
    path = f"/machines/{machine.name}/orders/power-on"
    assert "Power on rack1-07?" in ann.get(path).text
    answer = give(ann, path)
    assert (answer.status_code, answer.location) == (303, f"/machines/{machine.id}")
    with services.store.read() as transaction:
        [operation] = transaction.operations.all()
    assert (operation.kind, operation.action, operation.requested_by) == (Kind.POWER, PowerAction.ON, "ann")
    assert "Power on of rack1-07 has begun." in ann.get(answer.location).text


def test_what_kills_an_instance_wants_the_name_typed(ann: Tab, deployed: Machine) -> None:
    path = f"/machines/{deployed.name}/orders/power-off"
    question = ann.get(path).text
    assert "i-2-1-VM" in question
    assert "dies at once" in question
    refused = give(ann, path, name="rack1-08")
    assert refused.status_code == 422
    assert "That is not its name" in refused.text
    assert give(ann, path, name="rack1-07").status_code == 303


def test_the_second_person_is_told_who_was_first(ann: Tab, ben: Tab, services: Services, machine: Machine) -> None:
    """Nothing is done; they see how it stands now, and may then go on with what is still possible."""
    path = f"/machines/{machine.name}/orders"
    seen_by_ben = saw(ben, f"{path}/power-off")
    assert give(ann, f"{path}/power-on").status_code == 303
    told = ben.post_form(f"{path}/power-off", saw=seen_by_ben)
    assert told.status_code == 409
    assert "Nothing was done" in told.text
    assert "<b>ann</b>: power on" in told.text
    assert "Power on is under way on it, asked for by ann" in told.text
    with services.store.read() as transaction:
        assert len(transaction.operations.all()) == 1


def test_after_being_told_one_may_go_on(ann: Tab, ben: Tab, machine: Machine) -> None:
    path = f"/machines/{machine.name}"
    seen_by_ben = saw(ben, f"{path}/orders/power-on")
    assert give(ann, f"{path}/maintenance", reason="a fan").status_code == 303
    told = ben.post_form(f"{path}/orders/power-on", saw=seen_by_ben)
    again = re.search(r'name="saw" value="([^"]+)"', told.text)
    assert again
    assert ben.post_form(f"{path}/orders/power-on", saw=again[1]).status_code == 303


def test_a_double_click_does_nothing_twice(ann: Tab, services: Services, machine: Machine) -> None:
    """The second press of the same person leads to the page and not to a complaint."""
    path = f"/machines/{machine.name}/orders/power-on"
    seen = saw(ann, path)
    assert [ann.post_form(path, saw=seen).status_code for _ in range(2)] == [303, 303]
    with services.store.read() as transaction:
        assert len(transaction.operations.all()) == 1


def test_a_form_from_nowhere_is_refused(ann: Tab, machine: Machine) -> None:
    assert ann.post_form(f"/machines/{machine.name}/orders/power-on").status_code == 422
    assert ann.get(f"/machines/{machine.name}/orders/explode").status_code == 404


def test_maintenance_needs_a_reason_and_ends(ann: Tab, services: Services, machine: Machine) -> None:
    path = f"/machines/{machine.name}/maintenance"
    assert give(ann, path, reason="  ").status_code == 422
    assert give(ann, path, reason=" left  PSU ").status_code == 303
    with services.store.read() as transaction:
        found = transaction.machines.get(machine.id)
        assert found
        assert (found.maintenance, found.maintenance_by) == ("left PSU", "ann")
    assert "Set by ann: left PSU." in ann.get(path).text
    assert give(ann, path).status_code == 303
    assert "In maintenance" not in ann.get(f"/machines/{machine.name}").text


def test_notes_typed_in_vain_are_not_lost(ann: Tab, ben: Tab, machine: Machine) -> None:
    """Who was second with a note finds their own words still in the form, and the first one's in the page."""
    path = f"/machines/{machine.name}/notes"
    seen_by_ben = saw(ben, path)
    give(ann, f"/machines/{machine.name}/maintenance", reason="a fan")  # another matter
    assert give(ann, path, notes="Ann was here").status_code == 303
    told = ben.post_form(path, saw=seen_by_ben, notes="Ben was here")
    assert told.status_code == 409
    assert "Ben was here" in told.text
    assert "Ann was here" in ann.get(f"/machines/{machine.name}").text


def test_a_note_does_not_mind_what_else_happens(ann: Tab, ben: Tab, machine: Machine) -> None:
    path = f"/machines/{machine.name}"
    seen_by_ben = saw(ben, f"{path}/notes")
    give(ann, f"{path}/orders/power-on")
    assert ben.post_form(f"{path}/notes", saw=seen_by_ben, notes="a\r\nb").status_code == 303


def test_what_a_ramdisk_found_stays_on_the_page(ann: Tab, services: Services, machine: Machine) -> None:
    """The newest deployment's inventory, though other operations came after it."""
    inventory = {
        "cpus": 64,
        "memory_mib": 262144,
        "disks": [{"name": "nvme0n1", "size_bytes": 960 * 10**9, "model": f"{MARKUP} disk", "rotational": False}],
        "nics": [{"mac": "52:54:00:00:01:07", "link": True}],
        "dmi": {"sys_vendor": "Dell Inc.", "product_name": "R650", "product_serial": "ABC1234"},
    }
    with services.store.write() as transaction:
        transaction.machines.apply(machine, Event.RESERVE)
        begun = transaction.operations.begin(Kind.DEPLOY, replace(machine, state=State.RESERVED), "acme")
        transaction.operations.signal(begun.id, lambda _: Report(booted=True, inventory=inventory))
        now = transaction.machines.get(machine.id)
        assert now
        transaction.operations.finish(begun, now, OperationState.FAILED, error="no power")
    services.orders.inspect(machine.id, _caller())
    text = ann.get(f"/machines/{machine.name}").text
    for told in ("Dell Inc. R650", "ABC1234", "nvme0n1", "894.1 GiB", f"{TEXT} disk"):
        assert told in text
    assert 'data-name="Link">up' in text


def test_operations_are_paged(ann: Tab, services: Services, machine: Machine) -> None:
    begun = []
    for _ in range(60):
        with services.store.write() as transaction:
            found = transaction.machines.get(machine.id)
            assert found
            operation = transaction.operations.begin(Kind.BMC, found, "ann", command="sensors")
            transaction.operations.finish(operation, found, OperationState.SUCCEEDED)
            begun.append(operation.id)
    first = ann.get(f"/machines/{machine.name}/operations").text
    assert begun[59] in first
    assert begun[9] not in first
    older = re.search(r"\?before=([0-9a-f-]+)", first)
    assert older
    second = ann.get(f"/machines/{machine.name}/operations?before={older[1]}").text
    assert all(one in second for one in begun[:10])
    assert "?before=" not in second


def test_without_redis_the_page_is_shown(tab_as: Callable[..., Tab], services: Services, machine: Machine) -> None:
    ann = tab_as(Role.OPERATOR, "ann")
    services.orders.power(machine.id, PowerAction.ON, _caller())
    services.queue.redis = Redis.from_url("redis://127.0.0.1:1")  # where nobody listens
    assert ann.get(f"/machines/{machine.name}").status_code == 200


def test_a_machine_without_readings_nics_or_past_is_shown(ann: Tab, services: Services, machine: Machine) -> None:
    with services.store.write() as transaction:
        transaction.machines.add(
            replace(
                machine,
                id="bare",
                name="bare",
                nics=(),
                reading=PowerReading(),
                bmc=replace(machine.bmc, address="fake://b"),
            )
        )
    text = ann.get("/machines/bare").text
    assert "its BMC was never read" in text
    assert "bmprov machine set bare --nic" in text
    assert "Nothing has been done to it" in text
