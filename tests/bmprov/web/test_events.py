"""The Events page: what happened, found again by kind, machine and person, page by page."""

from collections.abc import Callable

import pytest

from bmprov.lifecycle import Kind
from bmprov.model import Machine
from bmprov.services import Services
from bmprov.store import Store
from tests.bmprov.web.signing_in import Tab, words

EVIL = "<script>alert(1)</script>"


def tell(store: Store, what: str, times: int = 1, **more: str) -> None:
    with store.write() as transaction:
        for _ in range(times):
            transaction.events.add(what, **{"actor": "ann", **more})


def test_power_that_nobody_ordered_stands_out_without_colour(viewer: Tab, store: Store) -> None:
    """By a mark that is read aloud, and by its words."""
    tell(store, "out-of-band power off", actor="bmprov", machine="rack1-01")
    answer = viewer.get("/events")
    assert 'class="loud"' in answer.text
    assert 'aria-label="attention"' in answer.text
    assert "power went off, and nobody had ordered it" in answer.text


def test_filters_stand_in_the_address_and_go_together(viewer: Tab, store: Store) -> None:
    tell(store, "power on", machine="rack1-01", origin="10.0.0.9")
    tell(store, "enrol", machine="rack1-01", actor="bob")
    tell(store, "power off", machine="rack1-02")
    shown = words(viewer.get("/events?kind=power&machine=rack1-01&who=ann"))
    assert "power on ordered" in shown
    assert "from 10.0.0.9" in shown
    assert "machine enrolled" not in shown
    assert "power off ordered" not in shown


def test_older_and_newer_pages_show_each_event_once(viewer: Tab, store: Store) -> None:
    for number in range(120):
        tell(store, "enrol", detail=f"the number {number}.")
    first, second = words(viewer.get("/events")), viewer.get("/events").text
    older = second.partition('id="events-older"')[0].rpartition('href="')[2].partition('"')[0]
    then = viewer.get(older)
    assert "the number 119." in first
    assert "the number 70." in first
    assert "the number 69." not in first
    assert "the number 69." in words(then)
    assert "data-topic" not in then.text  # what is long past is not followed
    newer = then.text.partition('rel="prev" href="')[2].partition('"')[0]
    assert words(viewer.get(newer)).count("the number") == 50


@pytest.mark.parametrize("query", ["kind=nonsense", "before=x", "after=99999999999999999999", "before=-1"])
def test_an_address_that_makes_no_sense_is_said_to(viewer: Tab, query: str) -> None:
    assert viewer.get(f"/events?{query}").status_code == 422


def test_what_people_write_is_text(viewer: Tab, store: Store) -> None:
    tell(store, EVIL, actor=EVIL, origin=EVIL, machine=EVIL, detail=EVIL, instance_id=EVIL, operation_id=EVIL)
    for path in ("/events", "/events/rows", f"/events?machine={EVIL}&who={EVIL}"):
        answer = viewer.get(path)
        assert "<script>alert" not in answer.text
        assert "&lt;script&gt;" in answer.text


def test_an_empty_log_says_what_to_do(viewer: Tab) -> None:
    assert "No event is like that" in viewer.get("/events?kind=images").text


def test_an_open_page_follows_and_fetches_its_own_rows(viewer: Tab, store: Store) -> None:
    tell(store, "power on", machine="rack1-01")
    tell(store, "image added", detail="debian-12")
    assert 'data-topic="events"' in viewer.get("/events").text
    rows = viewer.get("/events/rows?kind=images").text
    assert "image added" in rows
    assert "power on" not in rows
    assert "<html" not in rows


def test_links_lead_to_machine_and_operation(
    viewer: Tab, services: Services, add_machine: Callable[..., Machine]
) -> None:
    machine = add_machine(1)
    with services.store.write() as transaction:
        operation = transaction.operations.begin(Kind.INSPECT, machine, "ann")
        transaction.events.add("inspect", actor="ann", machine=machine.name, operation_id=operation.id)
    text = viewer.get("/events").text
    assert f'href="/machines/{machine.name}"' in text
    assert f'href="/operations/{operation.id}"' in text
    assert viewer.get(f"/operations/{operation.id}").status_code == 200


def test_strangers_are_sent_to_sign_in(stranger: Tab) -> None:
    assert stranger.get("/events").status_code == 303
    assert stranger.get("/events/rows").status_code in (303, 401)
