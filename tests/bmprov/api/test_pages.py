"""Lists in pages, with filters and entity tags."""

import base64
import json
import random
from collections.abc import Callable, Iterator
from http import HTTPStatus
from itertools import product
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bmprov.api.shapes.base import moment
from bmprov.model import Machine, PowerReading
from bmprov.power import Power
from bmprov.store import Store
from tests.bmprov.api.caller import Api

API = "/api/v1"
BOTH = pytest.mark.parametrize("store", ["sqlite", "postgresql"], indirect=True)
LISTS = (
    "machines",
    "operations",
    "events",
    "instances",
    "images",
    "switches",
    "regions",
    "cables",
    "tokens",
    "webhooks",
)
SWITCH = {"address": "fake://x", "vlans": "100-1999", "provisioning_vlan": 10, "quarantine_vlan": 99}
GARBAGE = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def pages(api: Api, of: str, **query: str) -> Iterator[list[dict[str, Any]]]:
    """Every page of a list, by its cursors."""
    while True:
        answer = api.get(f"{API}/{of}", query_string=query)
        assert answer.status_code == HTTPStatus.OK, answer.text
        told = answer.get_json()
        yield told[of]
        if told["next"] is None:
            assert "Link" not in answer.headers
            return
        query = query | {"after": told["next"]}


@pytest.fixture
def furnished(
    admin: Api, add_machine: Callable[..., Machine], cloud: Api, image: str, payload: Callable[..., dict[str, Any]]
) -> None:
    """A service with at least two of everything that is listed."""
    assert image == "debian-12"
    for number in (1, 2, 3):
        machine = add_machine(number)
        switch = {"name": f"leaf{number}", **SWITCH, "address": f"fake://leaf{number}"}
        assert admin.post(f"{API}/switches", json=switch).status_code == HTTPStatus.CREATED
        for nic in ("0", "1"):
            cable = {"switch": f"leaf{number}", "port": f"Ethernet{nic}"}
            assert admin.put(f"{API}/cables/{machine.name}/{nic}", json=cable).status_code == HTTPStatus.OK
        region = {"name": f"lab{number}", "url": f"http://maas{number}.example:5240/MAAS", "key": "a:b:c"}
        assert admin.post(f"{API}/regions", json=region).status_code == HTTPStatus.CREATED
        hook = {"name": f"alerts{number}", "url": "https://alerts.example/"}
        assert admin.post(f"{API}/webhooks", json=hook).status_code == HTTPStatus.CREATED
        assert admin.put(f"{API}/images/again-{number}", data=b"a disk" * 1000).status_code == HTTPStatus.OK
        assert cloud.post(f"{API}/cloudstack/create", json=payload(number)).status_code == HTTPStatus.ACCEPTED


@BOTH
@pytest.mark.usefixtures("furnished")
def test_pages_are_the_list(admin: Api) -> None:
    """Pages of any size, one after another, are the whole list in its order, each entry once."""
    for of in LISTS:
        [whole] = pages(admin, of, limit="10000")
        assert len(whole) > 1
        for limit in ("1", "2"):
            parts = list(pages(admin, of, limit=limit))
            assert [entry for part in parts for entry in part] == whole
            assert all(len(part) == int(limit) for part in parts[:-1])


@pytest.mark.usefixtures("furnished")
def test_the_link_leads_to_the_next_page(admin: Api) -> None:
    """It keeps the filters, and is relative, so that it is right behind a proxy too."""
    for of in LISTS:
        first = admin.get(f"{API}/{of}", query_string={"limit": "1"})
        target, _, relation = first.headers["Link"].partition("; ")
        assert relation == 'rel="next"'
        url = urlsplit(target.strip("<>"))
        assert (url.scheme, url.netloc, url.path) == ("", "", f"{API}/{of}")
        assert dict(parse_qsl(url.query)) == {"limit": "1", "after": first.get_json()["next"]}
        assert admin.get(target.strip("<>")).get_json()[of] != first.get_json()[of]


@BOTH
def test_entries_that_come_and_go_move_no_other(viewer: Api, store: Store, add_machine: Callable[..., Machine]) -> None:
    """Whatever is there all the time appears once, in pages that are read while others come and go."""
    rnd, numbers = random.Random(7), list(range(1, 60))
    stay, come, leave = numbers[::3], numbers[1::3], [add_machine(number) for number in numbers[2::3]]
    for number in stay:
        add_machine(number)
    seen = list[str]()
    for page in pages(viewer, "machines", limit="5"):
        seen += [machine["name"] for machine in page]
        if come:
            add_machine(come.pop(rnd.randrange(len(come))))
        if leave:
            with store.write() as transaction:
                transaction.machines.remove(leave.pop(rnd.randrange(len(leave))))
    assert seen == sorted(set(seen))
    assert set(seen) >= {f"rack1-{number:02d}" for number in stay}


@BOTH
def test_machines_by_what_they_are(
    viewer: Api, operator: Api, store: Store, add_machine: Callable[..., Machine]
) -> None:
    """Each filter by itself, and all together."""
    one, *_ = [add_machine(number) for number in (1, 2, 3)]
    add_machine(4, site="basel")
    operator.put(f"{API}/machines/rack1-02/place", json={"zone": "z1", "rack": "r7"})
    operator.put(f"{API}/machines/rack1-03/maintenance", json={"reason": "a fan"})
    with store.write() as transaction:
        transaction.machines.swept(one, PowerReading(Power.ON, store.clock()))

    def names(**query: str) -> list[str]:
        return [machine["name"][-2:] for page in pages(viewer, "machines", **query) for machine in page]

    assert names(site="basel") == ["04"]
    assert names(zone="z1") == names(rack="r7") == names(zone="z1", rack="r7", state="available") == ["02"]
    assert names(zone="", site="default") == ["01", "03"]
    assert names(power="on") == ["01"]
    assert (names(maintenance="true"), names(maintenance="false")) == (["03"], ["01", "02", "04"])
    assert names(state="active") == names(tag="ssd") == []
    assert names(q="RACK1-0") == ["01", "02", "03", "04"]
    assert names(q="52-54-00-00-01-03") == names(q="5254.0000.0203") == names(q="0:02:03") == ["03"]
    assert names(q="fake://2") == ["02"]
    assert names(q="%") == names(q="_") == names(q="'") == []


@BOTH
@pytest.mark.usefixtures("furnished")
def test_a_piece_of_an_instance_finds_its_machine(viewer: Api) -> None:
    for piece in ("i-2-3-vm", "33333333-3333-4333-8333-000000000003"):
        [[found]] = pages(viewer, "machines", q=piece)
        assert found["instance"] == "33333333-3333-4333-8333-000000000003"


@BOTH
def test_tags(viewer: Api, admin: Api) -> None:
    """A tag is a whole one, and no piece of one."""
    for number, tags in ((1, ["ssd", "gpu"]), (2, ["ssd-fast"])):
        new = {"name": f"n{number}", "bmc": {"address": f"fake://n{number}"}, "tags": tags}
        assert admin.post(f"{API}/machines", json=new).status_code == HTTPStatus.ACCEPTED
    [[found]] = pages(viewer, "machines", tag="ssd")
    assert found["name"] == "n1"


@BOTH
@pytest.mark.usefixtures("furnished")
def test_operations_by_what_they_are(viewer: Api, operator: Api, add_machine: Callable[..., Machine]) -> None:
    add_machine(9)
    began = operator.post(f"{API}/machines/rack1-09/power", json={"action": "on"}).get_json()["operation"]

    def ids(**query: str) -> list[str]:
        return [operation["id"] for page in pages(viewer, "operations", **query) for operation in page]

    mine = [began["id"]]
    assert ids(kind="power") == ids(requested_by="the-operator") == ids(machine="rack1-09") == mine
    deployments = ids(kind="deploy", state="queued", requested_by="the-cloud", unfinished="true")
    assert set(deployments) == set(ids()) - set(mine)
    assert len(ids(instance="33333333-3333-4333-8333-000000000002")) == 1
    assert ids(since=began["created_at"]) == mine
    assert ids(until=began["created_at"]) == deployments
    assert ids(state="failed") == ids(asked_by="nobody") == []


@BOTH
@pytest.mark.usefixtures("furnished")
def test_events_by_what_they_are(viewer: Api, store: Store) -> None:
    with store.write() as transaction:
        transaction.events.add("out-of-band power off", actor="bmprov", machine="rack1-01")
        transaction.events.add("powerful", actor="ada")

    def whats(**query: str) -> list[str]:
        return [event["what"] for page in pages(viewer, "events", **query) for event in page]

    assert whats(out_of_band="true") == whats(actor="bmprov") == ["out-of-band power off"]
    assert whats(what="power") == []
    assert set(whats(actor="the-admin", what="switch")) == {"switch added"}
    assert whats(machine="rack1-01")[0] == "out-of-band power off"
    assert whats(since="2999-01-01T00:00:00Z") == whats(until="2001-01-01T00:00:00Z") == []
    refused = viewer.get(f"{API}/events", query_string={"out_of_band": "true", "what": "power"})
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


@given(st.floats(1.7e9, 2.1e9))
def test_a_time_that_was_told_finds_what_it_was_told_of(at: float) -> None:
    """`since` is inclusive: it is to be what was stored or, where RFC 3339 has no word for that, a little before."""
    told = moment(at).timestamp()
    assert told <= at < told + 2e-6


def test_times_need_a_zone(viewer: Api) -> None:
    """Without one it would be anybody's guess."""
    for text in ("2026-01-01T00:00:00", "yesterday", "1e999", ""):
        answer = viewer.get(f"{API}/events", query_string={"since": text})
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY, text
        assert "'since'" in answer.get_json()["detail"]


def packed(*told: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode()


CURSORS = [
    *(
        "",
        "x",
        "!!!",
        "bnVsbA",
        "[" * 900,
        packed(),
        packed("machines"),
        packed("machines", 1),
        packed("machines", "a", "b"),
    ),
    *(packed("events", "1"), packed("operations", 1, "x"), packed("operations", float("inf"), "x"), packed([[]])),
    *(packed("machines", "a\0b"), packed("events", 2**70), packed("events", True)),
]


@BOTH
def test_a_cursor_that_no_list_gave_is_refused(viewer: Api) -> None:
    """With a sentence, by every list; also one of another list."""
    for of, after in product(("machines", "operations", "events", "regions", "instances"), CURSORS):
        answer = viewer.get(f"{API}/{of}", query_string={"after": after})
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY, (of, after, answer.text)
        assert "'after' is not a cursor" in answer.get_json()["detail"]


@GARBAGE
@given(st.dictionaries(st.sampled_from(["after", "limit", "q", "tag", "zone", "rack", "power", "state"]), st.text()))
def test_no_query_of_machines_breaks_anything(viewer: Api, query: dict[str, str]) -> None:
    answer = viewer.get(f"{API}/machines", query_string=query)
    assert answer.status_code in (HTTPStatus.OK, HTTPStatus.UNPROCESSABLE_ENTITY)


@BOTH
@GARBAGE
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists))
def test_no_cursor_breaks_anything(viewer: Api, told: object) -> None:
    for of in ("machines", "operations", "events"):
        after = packed(of, *(told if isinstance(told, list) else [told]))
        answer = viewer.get(f"{API}/{of}", query_string={"after": after})
        assert answer.status_code in (HTTPStatus.OK, HTTPStatus.UNPROCESSABLE_ENTITY)


@pytest.mark.usefixtures("furnished")
def test_what_has_not_changed_is_not_sent_again(admin: Api) -> None:
    """304, without a body, for who has it already; whatever else he has."""
    for path in (*LISTS, "machines/rack1-01", "openapi.json"):
        first = admin.get(f"{API}/{path}")
        tag = first.headers["ETag"]
        assert tag.startswith('"')
        assert first.headers["Cache-Control"] == "private, no-cache"
        for known in (tag, f'"other", W/{tag}', "*"):
            again = admin.get(f"{API}/{path}", headers={"If-None-Match": known})
            assert (again.status_code, again.data, again.headers["ETag"]) == (HTTPStatus.NOT_MODIFIED, b"", tag)
            assert "Content-Type" not in again.headers
        assert admin.get(f"{API}/{path}", headers={"If-None-Match": '"other"'}).data == first.data


def test_a_change_changes_the_tag(viewer: Api, operator: Api, machine: Machine) -> None:
    path = f"{API}/machines/{machine.name}"
    tag = viewer.get(path).headers["ETag"]
    operator.put(f"{path}/maintenance", json={"reason": "a fan"})
    changed = viewer.get(path, headers={"If-None-Match": tag})
    assert changed.status_code == HTTPStatus.OK
    assert changed.headers["ETag"] != tag


def test_what_must_be_looked_at_anew_has_no_tag(nobody: Api, admin: Api) -> None:
    """Neither what a load balancer asks, nor an error, nor an answer to an order."""
    for answer in (nobody.get("/healthz"), nobody.get("/readyz"), admin.get(f"{API}/machines/none")):
        assert "ETag" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
    made = admin.post(f"{API}/tokens", json={"name": "ci", "role": "viewer"})
    assert "ETag" not in made.headers
    assert made.headers["Cache-Control"] == "no-store"
