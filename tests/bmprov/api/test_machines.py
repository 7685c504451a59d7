"""Machines over the API."""

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest

from bmprov.allocation import Need
from bmprov.lifecycle import Kind, State
from bmprov.model import BackEnd, Bmc, Machine
from bmprov.services import Services
from bmprov.store import Store
from bmprov.store.reservations import Claimant, reserve
from tests.bmprov.api.caller import Api

NEW = {
    "name": "rack1-07",
    "bmc": {"address": "ipmi://10.1.0.7:623/", "user": "root", "password": "calvin", "cipher_suites": [17, 3]},
    "nics": [{"mac": "52-54-00-AA-BB-01", "tag": "front"}, {"mac": "525400aabb02", "netboot": True}],
    "cpus": 32,
    "memory_mib": 131072,
    "disk_gib": 960,
    "tags": ["ssd", "gpu"],
    "zone": "zone one",
}
URL = "/api/v1/machines"


def test_a_machine_is_enrolled_and_its_inspection_begins(admin: Api, services: Services) -> None:
    """202 with the machine and its first operation, which a worker has been told of."""
    answer = admin.post(URL, json=NEW)
    assert answer.status_code == HTTPStatus.ACCEPTED, answer.text
    told = answer.get_json()
    assert (told["machine"]["state"], told["operation"]["kind"]) == ("inspecting", "inspect")
    assert services.queue.waiting(["default"]) == {told["operation"]["id"]}
    alone = {"bond": "", "bond_mode": None, "cabling": None}
    assert told["machine"]["nics"] == [
        {"mac": "52:54:00:aa:bb:01", "position": 0, "tag": "front", "netboot": False} | alone,
        {"mac": "52:54:00:aa:bb:02", "position": 1, "tag": "", "netboot": True} | alone,
    ]
    assert told["machine"]["bmc"] == {
        "address": "ipmi://10.1.0.7:623",
        "cipher_suites": [17, 3],
        "trust": "",
        "privilege": "",
    }


def test_the_password_goes_in_and_never_comes_out(admin: Api, services: Services) -> None:
    """Neither the answer nor any list has it; the database has it encrypted."""
    texts = [admin.post(URL, json=NEW).text, admin.get(URL).text, admin.get(f"{URL}/rack1-07").text]
    texts.append(admin.get("/api/v1/events").text)
    assert not [text for text in texts if "calvin" in text]
    with services.store.read() as transaction:
        found = transaction.machines.named("rack1-07")
    assert found is not None
    assert b"calvin" not in found.bmc.sealed_password


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "../etc"}, "'name'"),
        ({"name": ""}, "'name'"),
        ({"nics": [{"mac": "52:54:00:aa:bb"}]}, "'nics.0.mac': a MAC has twelve hexadecimal digits"),
        ({"bmc": {"address": "http://10.0.0.1"}}, "'bmc.address': a BMC's address is a URL"),
        ({"bmc": {"address": "ipmi://u:p@10.0.0.1"}}, "stand in fields of their own"),
        ({"bmc": {"address": "ipmi://[::1"}}, "'bmc.address'"),
        ({"bmc": {"address": "ipmi://10.0.0.1:99999"}}, "'bmc.address'"),
        ({"cpus": -1}, "'cpus'"),
        ({"memory_mib": 2**63}, "'memory_mib'"),
        ({"zone": "a\nb"}, "'zone'"),
        ({"arch": "sparc"}, "'arch'"),
        ({"back_end": "fake"}, "'back_end'"),
        ({"boot_mode": "bios", "secure_boot": True}, "Secure Boot is a thing of UEFI"),
    ],
)
def test_a_wrong_field_is_named(admin: Api, change: dict[str, Any], says: str) -> None:
    """422 with the field and what it should be; nothing is enrolled."""
    answer = admin.post(URL, json=NEW | change)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert says in answer.get_json()["detail"]
    assert admin.get(URL).get_json()["machines"] == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [("ipmi://[fd00::7]:623", "ipmi://[fd00::7]:623"), ("IPMI://BMC7.example", "ipmi://bmc7.example")],
)
def test_an_address_is_kept_in_one_spelling(admin: Api, given: str, kept: str) -> None:
    """The same BMC is the same address, whoever writes it."""
    told = admin.post(URL, json=NEW | {"bmc": {"address": given}}).get_json()
    assert told["machine"]["bmc"]["address"] == kept


def test_a_machine_is_enrolled_once(admin: Api) -> None:
    """409 for the same machine again."""
    admin.post(URL, json=NEW)
    assert admin.post(URL, json=NEW).status_code == HTTPStatus.CONFLICT


def test_lists_are_by_site_and_state(viewer: Api, add_machine: Callable[..., Machine]) -> None:
    """A filter that matches nothing gives an empty list."""
    add_machine(1)
    add_machine(2, State.ERROR)
    add_machine(3, site="far")

    def names(query: str) -> list[str]:
        return [one["name"] for one in viewer.get(f"{URL}?{query}").get_json()["machines"]]

    assert names("") == ["rack1-01", "rack1-02", "rack1-03"]
    assert names("state=error") == ["rack1-02"]
    assert names("site=far") == ["rack1-03"]
    assert names("site=far&state=error") == []
    assert viewer.get(f"{URL}?state=broken").status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_a_machine_shows_what_is_being_done_to_it(operator: Api, machine: Machine) -> None:
    """By name or by id, alone and in the list."""
    begun = operator.post(f"{URL}/{machine.name}/power", json={"action": "soft-off"})
    assert begun.status_code == HTTPStatus.ACCEPTED
    operation = begun.get_json()["operation"]
    assert (operation["kind"], operation["action"], operation["requested_by"]) == ("power", "soft-off", "the-operator")
    assert operator.get(f"{URL}/{machine.id}").get_json()["operation"] == operation
    assert operator.get(URL).get_json()["machines"][0]["operation"] == operation


def test_asking_again_gives_the_operation_that_runs(operator: Api, machine: Machine) -> None:
    """Two clicks are one operation; something else in between is refused."""
    first = operator.post(f"{URL}/{machine.name}/power", json={"action": "on"}).get_json()
    assert operator.post(f"{URL}/{machine.name}/power", json={"action": "on"}).get_json() == first
    other = operator.post(f"{URL}/{machine.name}/power", json={"action": "off"})
    assert (other.status_code, other.headers["Retry-After"]) == (HTTPStatus.CONFLICT, "1")


def test_notes_are_kept(operator: Api, machine: Machine) -> None:
    """Several lines, without the control characters that a terminal would obey."""
    told = operator.put(f"{URL}/{machine.name}/notes", json={"notes": "left PSU\nchanged <b>"}).get_json()
    assert told["notes"] == "left PSU\nchanged <b>"
    for refused in ("\x1b[2J", "x" * 4001):
        assert operator.put(f"{URL}/{machine.name}/notes", json={"notes": refused}).status_code == 422
    assert operator.get(f"{URL}/{machine.name}").get_json()["notes"] == "left PSU\nchanged <b>"


def test_maintenance_is_set_and_ended(operator: Api, machine: Machine) -> None:
    """With a reason and who set it; an empty reason ends it."""
    told = operator.put(f"{URL}/{machine.name}/maintenance", json={"reason": " new fan "}).get_json()
    assert (told["maintenance"], told["maintenance_by"]) == ("new fan", "the-operator")
    told = operator.put(f"{URL}/{machine.name}/maintenance", json={"reason": ""}).get_json()
    assert (told["maintenance"], told["maintenance_by"]) == (None, None)


def test_an_illegal_order_is_refused_and_changes_nothing(operator: Api, machine: Machine) -> None:
    """409 with what the machine can take; `available` has nothing to release."""
    answer = operator.post(f"{URL}/{machine.name}/release")
    assert answer.status_code == HTTPStatus.CONFLICT
    assert answer.get_json()["check"] == "what it can take: inspect, reserve"
    assert operator.get(f"{URL}/{machine.name}").get_json()["operation"] is None


def test_a_machine_is_removed(admin: Api, machine: Machine) -> None:
    """204, and it is gone; its removal is an event."""
    assert admin.delete(f"{URL}/{machine.name}").status_code == HTTPStatus.NO_CONTENT
    assert admin.get(f"{URL}/{machine.name}").status_code == HTTPStatus.NOT_FOUND
    event = admin.get(f"/api/v1/events?machine={machine.name}").get_json()["events"][0]
    assert (event["what"], event["actor"], event["origin"]) == ("remove", "the-admin", "127.0.0.1")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("DELETE", "", None),
        ("PUT", "/maintenance", {"reason": "x"}),
        ("PUT", "/notes", {"notes": "x"}),
        ("POST", "/power", {"action": "on"}),
        ("POST", "/inspect", None),
        ("POST", "/release", None),
    ],
)
def test_a_machine_that_is_not_there(admin: Api, method: str, path: str, body: dict[str, str] | None) -> None:
    """404 with its name, from every route."""
    url = f"{URL}/nope{path}"
    answer = admin(method, url, json=body) if body else admin(method, url)
    assert (answer.status_code, answer.get_json()["detail"]) == (HTTPStatus.NOT_FOUND, "there is no machine 'nope'")


def test_a_firmware_that_was_set_up_anew_is_noted(admin: Api, operator: Api, machine: Machine) -> None:
    """With who said so; what no firmware can be is refused."""
    url = f"{URL}/{machine.name}/firmware"
    told = admin.put(url, json={"boot_mode": "uefi", "secure_boot": True}).get_json()
    assert (told["boot_mode"], told["secure_boot"]) == ("uefi", True)
    assert admin.get("/api/v1/events").get_json()["events"][0]["detail"] == "uefi, Secure Boot on, ramdisk from network"
    wrong = admin.put(url, json={"boot_mode": "bios", "secure_boot": True})
    assert wrong.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert operator.put(url, json={"boot_mode": "bios"}).status_code == HTTPStatus.FORBIDDEN


def test_a_machine_boots_from_virtual_media_where_its_bmc_may_have_them(
    admin: Api, store: Store, machine: Machine
) -> None:
    """IPMI has none; where it boots from is not changed in the middle of a deployment, and all else may be."""
    url, media = f"{URL}/{machine.name}/firmware", {"boot_from": "virtual-media"}
    admin.put(f"{URL}/{machine.name}/bmcs", json={"bmc": {"address": "ipmi://10.1.0.9"}})
    refused = admin.put(url, json=media)
    assert (refused.status_code, "IPMI has none" in refused.get_json()["detail"]) == (422, True)
    assert admin.post(URL, json=NEW | media).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    bmcs = {"bmc": {"address": "ipmi://10.1.0.7"}, "second_bmc": {"address": "redfish://10.1.0.7"}}
    admin.put(f"{URL}/{machine.name}/bmcs", json=bmcs)
    assert admin.put(url, json=media).get_json()["boot_from"] == "virtual-media"
    with store.write() as transaction:
        instance, reserved = reserve(transaction, Claimant("u", "i-1", "c", "h", (), b"", None), Need(), 60)
        transaction.operations.begin(Kind.DEPLOY, reserved, "test", instance=instance)
    assert admin.put(url, json={"boot_from": "network"}).status_code == HTTPStatus.CONFLICT
    assert admin.put(url, json=media | {"boot_mode": "bios"}).get_json()["boot_mode"] == "bios"


def test_the_nics_of_a_machine_are_told_anew(admin: Api, machine: Machine, add_machine: Callable[..., Machine]) -> None:
    """With the bonds that they form and who said so; another machine's MAC is refused, and nothing changes then."""
    url, other = f"{URL}/{machine.name}/nics", add_machine(2)
    old, bond = machine.nics[1].mac, {"bond": "bond0", "bond_mode": "lacp"}
    told = admin.put(url, json={"nics": [{"mac": old, "tag": "front"} | bond, {"mac": "5254.00aa.bb09"} | bond]})
    nics = told.get_json()["nics"]
    assert [(nic["mac"], nic["bond"], nic["bond_mode"]) for nic in nics] == [
        (old, "bond0", "lacp"),
        ("52:54:00:aa:bb:09", "bond0", "lacp"),
    ]
    event = admin.get("/api/v1/events").get_json()["events"][0]
    assert (event["what"], event["detail"]) == ("NICs", f"{old}, 52:54:00:aa:bb:09")
    refused = admin.put(url, json={"nics": [{"mac": other.nics[0].mac}]})
    assert (refused.status_code, "another machine has" in refused.text) == (HTTPStatus.CONFLICT, True)
    assert admin.get(f"{URL}/{machine.name}").get_json()["nics"] == nics


def test_the_nics_of_a_machine_in_use_stay(admin: Api, store: Store, machine: Machine) -> None:
    """An instance's network hangs on them, and so does what is under way."""
    url, told = f"{URL}/{machine.name}/nics", {"nics": [{"mac": "52:54:00:aa:bb:09"}]}
    with store.write() as transaction:
        operation = transaction.operations.begin(Kind.POWER, machine, "test")
    refused = admin.put(url, json=told)
    assert (refused.status_code, "an operation is under way" in refused.text) == (HTTPStatus.CONFLICT, True)
    with store.write() as transaction:
        transaction.operations.cancel(operation, machine, "test")
        reserve(transaction, Claimant("u", "i-1", "c", "h", (), b"", None), Need(), 60)
    refused = admin.put(url, json=told)
    assert (refused.status_code, "belongs to instance u" in refused.text) == (HTTPStatus.CONFLICT, True)


@pytest.mark.parametrize(
    ("nics", "why"),
    [
        ([("bond0", "lacp"), (None, None)], "bond0 has one NIC: a bond has at least two"),
        ([("bond0", "lacp"), ("bond0", "active-backup")], "bond0 has two modes"),
        ([("bond0", None), ("bond0", None)], "has no mode"),
        ([(None, "lacp"), (None, "lacp")], "has a mode and no name"),
        ([("team0", "lacp"), ("team0", "lacp")], "a bond's name is like `bond0`"),
        ([("bond0", "balance-rr"), ("bond0", "balance-rr")], "'lacp' or 'active-backup'"),
    ],
)
def test_what_is_no_bond_is_refused(admin: Api, nics: list[tuple[str | None, str | None]], why: str) -> None:
    """Enrolled or told anew, in the words of the same rule."""
    told = [{"mac": f"52:54:00:aa:bb:0{n}", "bond": bond, "bond_mode": mode} for n, (bond, mode) in enumerate(nics)]
    for answer in (admin.post(URL, json=NEW | {"nics": told}), admin.put(f"{URL}/any/nics", json={"nics": told})):
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert why in answer.text


def test_a_machine_keeps_a_nic(admin: Api, machine: Machine) -> None:
    """To tell of none would be a mistake."""
    assert admin.put(f"{URL}/{machine.name}/nics", json={"nics": []}).status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_a_bmc_gets_another_address_and_password(admin: Api, store: Store, services: Services) -> None:
    """Both BMCs are told anew; a second that is not told is gone."""
    admin.post(URL, json=NEW)
    redfish = {"address": "redfish://10.1.0.7", "user": "root", "password": "new", "trust": "/etc/ca.pem"}
    told = admin.put(f"{URL}/{NEW['name']}/bmcs", json={"bmc": redfish, "second_bmc": NEW["bmc"]}).get_json()
    assert told["bmc"] == {
        "address": "redfish://10.1.0.7",
        "cipher_suites": [],
        "trust": "/etc/ca.pem",
        "privilege": "",
    }
    assert told["second_bmc"]["address"] == "ipmi://10.1.0.7:623"
    with store.read() as transaction:
        found = transaction.machines.named(str(NEW["name"]))
    assert found is not None
    assert services.orders._vault.open(found.bmc.sealed_password) == b"new"
    told = admin.put(f"{URL}/{NEW['name']}/bmcs", json={"bmc": redfish}).get_json()
    assert told["second_bmc"] is None


def test_a_bmc_is_one_machines_own(admin: Api) -> None:
    """Whether it is first or second there."""
    admin.post(URL, json=NEW | {"second_bmc": {"address": "redfish://10.1.0.7"}})
    other = {"name": "rack9-99", "bmc": {"address": "redfish://10.1.0.7"}}
    assert admin.post(URL, json=other).status_code == HTTPStatus.CONFLICT
    other["bmc"] = {"address": "redfish://10.1.0.9"}
    assert admin.post(URL, json=other).status_code == HTTPStatus.ACCEPTED
    for bmcs in (
        {"bmc": {"address": "ipmi://10.1.0.7:623"}},
        {"bmc": {"address": "redfish://10.1.0.7"}},
        {"bmc": other["bmc"], "second_bmc": {"address": "redfish://10.1.0.7"}},
        {"bmc": other["bmc"], "second_bmc": {"address": "ipmi://10.1.0.7:623"}},
    ):
        answer = admin.put(f"{URL}/rack9-99/bmcs", json=bmcs)
        assert answer.status_code == HTTPStatus.CONFLICT, bmcs
        assert "another machine has BMC" in answer.get_json()["title"] + answer.get_json().get("detail", "")
    assert admin.get(f"{URL}/rack9-99").get_json()["second_bmc"] is None


@pytest.mark.parametrize("trust", ["sha256:12", "ca.pem", "sha256:" + "g" * 64])
def test_what_cannot_be_trusted_is_told(admin: Api, trust: str) -> None:
    """A fingerprint has 64 digits, a CA file a path from the root."""
    answer = admin.post(URL, json=NEW | {"bmc": {"address": "redfish://h", "trust": trust}})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "64 hexadecimal digits, or the path of a CA file" in answer.text


PLACE = {"zone": "z1", "pod": "", "rack": "r01", "rack_position": 12, "height_u": 2}


def test_an_operator_tells_where_a_machine_stands(operator: Api, machine: Machine) -> None:
    answer = operator.put(f"{URL}/{machine.name}/place", json=PLACE)
    assert answer.status_code == HTTPStatus.OK, answer.text
    assert {key: answer.get_json()[key] for key in PLACE} == PLACE
    event = operator.get("/api/v1/events").get_json()["events"][0]
    assert (event["what"], event["machine"], event["detail"]) == ("place", machine.name, "z1 / r01 / U12-U13")


@pytest.mark.parametrize(("position", "height", "status"), [(11, 1, 200), (11, 2, 409), (13, 1, 409), (14, 4, 200)])
def test_no_two_machines_fill_one_unit(
    operator: Api, add_machine: Callable[..., Machine], position: int, height: int, status: int
) -> None:
    """The second is told who is there, and stays where it was."""
    first, second = add_machine(1), add_machine(2)
    operator.put(f"{URL}/{first.name}/place", json=PLACE)
    answer = operator.put(f"{URL}/{second.name}/place", json=PLACE | {"rack_position": position, "height_u": height})
    assert answer.status_code == status
    if status == HTTPStatus.CONFLICT:
        assert f"machine '{first.name}' is at z1 / r01 / U12-U13" in answer.text
        assert operator.get(f"{URL}/{second.name}").get_json()["rack_position"] is None


def test_the_same_unit_of_another_rack_or_site_is_another_place(
    operator: Api, add_machine: Callable[..., Machine]
) -> None:
    for number, (rack, site) in enumerate([("r01", "default"), ("r02", "default"), ("r01", "far")]):
        one = add_machine(number, site=site)
        assert operator.put(f"{URL}/{one.name}/place", json=PLACE | {"rack": rack}).status_code == HTTPStatus.OK


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"rack_position": 60}, "2 units from unit 60 are not in a rack"),
        ({"rack": ""}, "unit 12 of which rack?"),
        ({"rack_position": 0}, "rack_position"),
        ({"height_u": 61}, "height_u"),
        ({"rack_position": "top"}, "rack_position"),
    ],
)
def test_a_place_that_cannot_be_is_refused_in_words(
    operator: Api, machine: Machine, wrong: dict[str, object], words: str
) -> None:
    answer = operator.put(f"{URL}/{machine.name}/place", json=PLACE | wrong)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert words in answer.text


def test_a_machine_is_enrolled_at_its_place_unless_another_is_there(admin: Api) -> None:
    told = admin.post(URL, json=NEW | PLACE).get_json()["machine"]
    assert {key: told[key] for key in PLACE} == PLACE
    other = NEW | PLACE | {"name": "rack1-08", "bmc": {"address": "fake://8"}, "nics": []}
    answer = admin.post(URL, json=other)
    assert answer.status_code == HTTPStatus.CONFLICT
    assert "rack1-07" in answer.text
    assert admin.get(f"{URL}/rack1-08").status_code == HTTPStatus.NOT_FOUND


def test_a_viewer_moves_no_machine(viewer: Api, machine: Machine) -> None:
    assert viewer.put(f"{URL}/{machine.name}/place", json=PLACE).status_code == HTTPStatus.FORBIDDEN


def test_the_zone_of_a_machine_of_maas_is_told_in_maas(operator: Api, store: Store, machine: Machine) -> None:
    """Its rack and unit are not known to MAAS, and are people's to tell."""
    theirs = replace(machine, id="m", name="m", bmc=Bmc("maas://r/abc", "", b""), nics=(), back_end=BackEnd.MAAS)
    with store.write() as transaction:
        transaction.machines.add(theirs)
    assert "are MAAS's" in operator.put(f"{URL}/m/place", json=PLACE).text
    assert operator.put(f"{URL}/m/place", json=PLACE | {"zone": ""}).status_code == HTTPStatus.OK
