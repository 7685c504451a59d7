"""Switches and cables over the API."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest

from bmprov.cabling import Neighbour
from bmprov.model import Machine
from bmprov.services import Services
from tests.bmprov.api.caller import Api

SWITCHES, CABLES = "/api/v1/switches", "/api/v1/cables"
NEW = {
    "name": "leaf-1",
    "address": "cisco-ios://10.1.0.2:22/",
    "vlans": "100-199, 1577",
    "provisioning_vlan": 10,
    "quarantine_vlan": 4000,
    "user": "bmprov",
    "password": "geheim",
    "enable": "streng geheim",
    "key": "-----BEGIN geheim",
    "uplinks": ["GigabitEthernet1/0/48"],
}
PORT = "GigabitEthernet1/0/7"
PLACE = {"switch": "leaf-1", "port": PORT, "aggregate": None}


@pytest.fixture
def leaf(admin: Api) -> dict[str, Any]:
    answer = admin.post(SWITCHES, json=NEW)
    assert answer.status_code == HTTPStatus.CREATED
    made: dict[str, Any] = answer.get_json()
    return made


def hear(services: Services, *neighbours: Neighbour) -> None:
    with services.store.write() as transaction:
        transaction.cabling.hear(neighbours)


def test_a_switch_is_added_and_shown(leaf: dict[str, Any], viewer: Api) -> None:
    """By name and by id, to whoever may read; it was never heard yet."""
    known = {"address": "cisco-ios://10.1.0.2", "vlans": "100-199,1577", "user": "bmprov", "host_key": "", "cables": 0}
    plain = {"create_vlans": True, "save": False, "site": "default", "heard_at": None, "error": None, "known_as": []}
    assert (known | plain).items() <= leaf.items()
    for name in ("leaf-1", leaf["id"]):
        assert viewer.get(f"{SWITCHES}/{name}").get_json() == leaf
    assert viewer.get(SWITCHES).get_json()["switches"] == [leaf]


def test_a_password_never_comes_out(leaf: dict[str, Any], admin: Api) -> None:
    """Not in an answer, not in a refusal, not in an event."""
    change = {"password": "x geheim", "enable": "y geheim", "key": "z geheim"}
    answers = [admin.get(SWITCHES), admin.put(f"{SWITCHES}/{leaf['id']}", json=change), admin.post(SWITCHES, json=NEW)]
    for wrong in ("cisco-ios://bmprov:geheim@10.1.0.2", "cisco-ios://bmprov:geheim@10.1.0.2:99999", "x://u:geheim@h"):
        answers += [admin.put(f"{SWITCHES}/leaf-1", json={"address": wrong})]
    answers += [admin.post(SWITCHES, json=NEW | {"password": 7}), admin.get("/api/v1/events")]
    assert [answer.status_code for answer in answers] == [200, 200, 409, 422, 422, 422, 422, 200]
    assert [answer.text for answer in answers if "geheim" in answer.text] == []


def test_what_is_left_out_of_a_change_stays(leaf: dict[str, Any], admin: Api) -> None:
    """So does what is null; an empty list takes back."""
    told = {"save": True, "create_vlans": False, "vlans": "7", "uplinks": [], "known_as": ["00:1c:73:00:00:01"]}
    assert admin.put(f"{SWITCHES}/leaf-1", json=told).get_json() == leaf | told
    assert admin.put(f"{SWITCHES}/leaf-1", json={"save": None, "known_as": []}).get_json() == leaf | told | {
        "known_as": []
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a/b"},
        {"address": "telnet://10.1.0.2"},
        {"vlans": "1-4094"},
        {"provisioning_vlan": 0},
        {"quarantine_vlan": None},
        {"uplinks": ["Gi1/0/48"]},
        {"uplinks": [""]},
        {"host_key": "abc"},
        {"mode": "x"},
    ],
)
def test_a_wrong_switch_is_refused(admin: Api, wrong: dict[str, object]) -> None:
    """And nothing is kept of it."""
    assert admin.post(SWITCHES, json=NEW | wrong).status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert admin.get(SWITCHES).get_json()["switches"] == []


@pytest.mark.usefixtures("leaf")
def test_a_cable_is_set_shown_and_removed(operator: Api, viewer: Api, machine: Machine) -> None:
    """Each fact is told with its source, its time and its author, and the port that holds beside them."""
    mac = machine.nics[0].mac
    path = f"{CABLES}/{machine.name}/{mac.upper().replace(':', '-')}"
    told = operator.put(path, json={"switch": "leaf-1", "port": PORT}).get_json()
    [fact] = told["facts"]
    assert (fact["source"], fact["by"], fact["place"]) == ("hand", "the-operator", PLACE)
    assert (told["machine"], told["mac"], told["position"], told["conflicts"]) == (machine.name, mac, 0, [])
    assert told["place"] == PLACE
    assert viewer.get(f"{CABLES}/{machine.name}/0").get_json() == told
    assert viewer.get(CABLES).get_json()["cables"] == [told]
    assert viewer.get(f"{SWITCHES}/leaf-1").get_json()["cables"] == 1
    nics = viewer.get(f"/api/v1/machines/{machine.name}").get_json()["nics"]
    assert nics[0]["cabling"] == {name: told[name] for name in ("place", "conflicts", "facts")}
    assert nics[1]["cabling"] == {"place": None, "conflicts": [], "facts": []}
    assert viewer.get("/api/v1/machines").get_json()["machines"][0]["nics"][0]["cabling"] is None
    assert operator.delete(f"{SWITCHES}/leaf-1").status_code == HTTPStatus.FORBIDDEN
    assert operator.delete(path).status_code == HTTPStatus.NO_CONTENT
    assert operator.delete(path).status_code == HTTPStatus.NOT_FOUND
    assert viewer.get(f"{CABLES}/{machine.name}/2").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.usefixtures("leaf")
def test_cables_are_listed_by_machine_by_switch_and_by_conflict(
    admin: Api, add_machine: Callable[..., Machine], services: Services
) -> None:
    """A machine's are all of its NICs, known or not; else only those of which something is said."""
    first, second = add_machine(1), add_machine(2)
    admin.post(SWITCHES, json=NEW | {"name": "leaf-2", "address": "cisco-ios://10.1.0.3"})
    admin.put(f"{CABLES}/{first.name}/0", json={"switch": "leaf-1", "port": PORT})
    admin.put(f"{CABLES}/{second.name}/0", json={"switch": "leaf-2", "port": PORT})
    hear(services, Neighbour(second.nics[0].mac, "leaf-1", "", "Gi1/0/9"), Neighbour(second.nics[1].mac, "x", "", "1"))

    def listed(query: str = "") -> list[tuple[str, int]]:
        found = admin.get(f"{CABLES}{query}").get_json()["cables"]
        return [(one["machine"], one["position"]) for one in found]

    assert listed() == [(first.name, 0), (second.name, 0), (second.name, 1)]
    assert listed(f"?machine={first.name}") == [(first.name, 0), (first.name, 1)]
    assert listed("?switch=leaf-2") == [(second.name, 0)]
    assert listed("?switch=leaf-1") == [(first.name, 0), (second.name, 0)]
    assert listed("?conflicts=true") == [(second.name, 0)]
    assert admin.get(f"{CABLES}?switch=leaf-9").status_code == HTTPStatus.NOT_FOUND
    assert admin.get(f"{CABLES}?conflicts=perhaps").status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    [told] = admin.get(f"{CABLES}?conflicts=true").get_json()["cables"]
    assert (told["place"], told["conflicts"]) == (None, ["LLDP says leaf-1 GigabitEthernet1/0/9"])
    assert [fact["source"] for fact in told["facts"]] == ["hand", "lldp"]


@pytest.mark.usefixtures("leaf")
def test_a_file_of_cables_is_entered_as_a_whole(operator: Api, machine: Machine) -> None:
    """A wrong line is named, and leaves nothing."""
    cable = {"machine": machine.name, "nic": "0", "switch": "leaf-1", "port": PORT}
    other = cable | {"nic": machine.nics[1].mac.upper(), "port": "GigabitEthernet1/0/8", "aggregate": "Port-channel1"}
    wrong = operator.post(CABLES, json={"cables": [cable, other | {"port": "Gi1/0/8"}]})
    assert wrong.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "cable 2 (" in wrong.get_json()["detail"]
    assert operator.get(CABLES).get_json()["cables"] == []
    assert operator.post(CABLES, json={"cables": [cable, other]}).get_json() == {"entered": 2, "unchanged": 0}
    assert operator.post(CABLES, json={"cables": [cable]}).get_json() == {"entered": 0, "unchanged": 1}
    assert operator.post(CABLES, json={"cables": []}).status_code == HTTPStatus.UNPROCESSABLE_ENTITY


@pytest.mark.usefixtures("leaf")
def test_a_machine_is_enrolled_with_its_cables(admin: Api) -> None:
    """In one transaction: with a switch that nobody knows it is not enrolled at all."""
    nic = {"mac": "02:00:00:00:77:01", "switch": "leaf-1", "port": PORT, "aggregate": "Port-channel7"}
    new = {"name": "rack7-01", "bmc": {"address": "fake://77"}, "nics": [nic, {"mac": "02:00:00:00:77:02"}]}
    for wrong in ({"switch": None}, {"port": None}, {"switch": None, "port": None}, {"port": "Gi1/0/7"}):
        refused = admin.post("/api/v1/machines", json=new | {"nics": [nic | wrong]})
        assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY, refused.text
    unknown = admin.post("/api/v1/machines", json=new | {"nics": [nic | {"switch": "leaf-9"}]})
    assert (unknown.status_code, unknown.get_json()["detail"]) == (HTTPStatus.NOT_FOUND, "there is no switch 'leaf-9'")
    assert admin.get("/api/v1/machines").get_json()["machines"] == []
    assert admin.post("/api/v1/machines", json=new).status_code == HTTPStatus.ACCEPTED
    [told] = admin.get(CABLES).get_json()["cables"]
    assert (told["facts"][0]["source"], told["place"]) == ("file", PLACE | {"aggregate": "Port-channel7"})


@pytest.mark.usefixtures("leaf")
def test_a_machine_of_many_is_listed_with_its_own_cables(
    admin: Api, add_machine: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are read at once."""
    monkeypatch.setattr("bmprov.api.resources.cables._MACHINES_AT_ONCE", 2)
    names = sorted(add_machine(number).name for number in range(5))
    lines = [
        {"machine": name, "nic": "0", "switch": "leaf-1", "port": f"GigabitEthernet1/0/{n}"}
        for n, name in enumerate(names)
    ]
    admin.post(CABLES, json={"cables": lines})
    told = admin.get(CABLES).get_json()["cables"]
    assert [(one["machine"], one["place"]["port"]) for one in told] == [(one["machine"], one["port"]) for one in lines]
