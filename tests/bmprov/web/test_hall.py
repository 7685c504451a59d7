"""The hall's page."""

import re
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from urllib.parse import unquote

import pytest
from flask import Flask

from bmprov.lifecycle import Event, Kind, State
from bmprov.model import Image, Instance, Machine, Role
from bmprov.place import Place
from bmprov.queue import JobQueue
from bmprov.services import Services
from bmprov.store import Store
from bmprov.web.hall.topic import COUNTED, HallTopic
from bmprov.web.live.etag import Checksums
from bmprov.web.written import Written
from tests.bmprov.web.signing_in import Tab, words

MARKUP = "<img src=x onerror=alert(1)>\"'&"


@pytest.fixture
def topic(services: Services) -> HallTopic:
    return HallTopic(Written(services.queue), 90.0)


def look(app: Flask, store: Store, topic: HallTopic) -> dict[str, str]:
    with app.app_context(), store.read() as transaction:
        return dict(topic.look(transaction))


def etag(page: str) -> str:
    found = re.search(r'data-etag="([^"]+)"', page)
    assert found
    return found[1]


def put(store: Store, machine: Machine, place: Place) -> None:
    with store.write() as transaction:
        transaction.places.put(machine, place)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.ADMIN])
def test_everybody_who_may_read_sees_the_hall(
    tab_as: Callable[..., Tab], add_machine: Callable[..., Machine], store: Store, role: Role
) -> None:
    put(store, add_machine(1), Place("zone one", "", "r07", 12, 2))
    page = tab_as(role).get("/").text
    assert "Zone zone one" in page
    assert re.search(r'<a id="m-[^"]+" class="m s-available w-off u12 h2" href="/machines/rack1-01"', page)


def test_a_stranger_sees_nothing(stranger: Tab, add_machine: Callable[..., Machine]) -> None:
    add_machine(1)
    assert "rack1-01" not in stranger.get("/").text


def test_an_empty_hall_says_what_to_do_and_ticks_off_what_is_done(viewer: Tab, store: Store) -> None:
    empty = words(viewer.get("/"))
    for command in ("bmprov machine enroll rack1-07", "bmprov image add debian-12", "bmprov cloudstack actions"):
        assert command in empty
    with store.write() as transaction:
        transaction.images.add(Image("i", "debian-12", "raw", "0" * 64, 1, "", 1))
    later = viewer.get("/").text
    assert "bmprov image add" not in later
    assert later.count('aria-label="done"') == 1


def test_once_all_steps_are_done_nothing_is_said_of_them(
    viewer: Tab, store: Store, add_machine: Callable[..., Machine]
) -> None:
    machine = add_machine(1)
    assert "Before CloudStack can deploy here: add an image, and register it there" in words(viewer.get("/"))
    with store.write() as transaction:
        transaction.images.add(Image("i", "debian-12", "raw", "0" * 64, 1, "", 1))
        transaction.instances.add(Instance("33", "web", "c1", "h", machine.id, b""))
        transaction.operations.begin(Kind.POWER, machine, "c1", instance=transaction.instances.get("33"))
    page = viewer.get("/").text
    assert '<section id="first-steps" hidden>' in page
    assert "bmprov cloudstack" not in page


def test_markup_in_any_name_is_text(viewer: Tab, store: Store, add_machine: Callable[..., Machine]) -> None:
    """Zone, pod, rack, the reason of a maintenance, and the instance's name, which a tenant has chosen."""
    machine = add_machine(1)
    put(store, machine, Place(MARKUP, MARKUP, MARKUP, 1))
    with store.write() as transaction:
        transaction.machines.set_maintenance(machine, MARKUP, "ann")
        transaction.machines.set_fault(machine, MARKUP)
        transaction.instances.add(Instance("33", MARKUP, "c1", "h", machine.id, b""))
        transaction.machines.apply(machine, Event.RESERVE, instance_id="33")
    page = viewer.get("/").text
    assert "<img" not in page
    assert page.count("&lt;img src=x") >= 5


def test_a_change_of_one_machine_is_one_region_and_its_counts(
    app: Flask, store: Store, topic: HallTopic, add_machine: Callable[..., Machine]
) -> None:
    one, _ = add_machine(1), add_machine(2)
    before = look(app, store, topic)
    with store.write() as transaction:
        transaction.machines.apply(one, Event.RESERVE)
    after = look(app, store, topic)
    changed = {region for region in after if after[region] != before.get(region)}
    assert changed == {f"m-{one.id}", "n-s-available", "n-s-reserved"}
    assert after.keys() == before.keys()


def test_a_reading_that_says_what_was_known_changes_nothing(
    app: Flask, store: Store, topic: HallTopic, add_machine: Callable[..., Machine]
) -> None:
    """Else a hall of ten thousand would be sent anew with each sweep."""
    one = add_machine(1)
    before = look(app, store, topic)
    with store.write() as transaction:
        transaction.machines.swept_again([(one, replace(one.reading, read_at=transaction.now + 1))])
    assert look(app, store, topic) == before


def test_a_machine_that_is_moved_makes_pages_fetch_themselves(
    app: Flask, store: Store, topic: HallTopic, add_machine: Callable[..., Machine]
) -> None:
    """Its regions could be swapped where they are, and would then stand in the wrong rack."""
    one = add_machine(1)
    before = look(app, store, topic)
    put(store, one, Place("", "", "r2", 3))
    assert look(app, store, topic).keys() != before.keys()


def test_the_page_is_painted_from_the_state_that_its_etag_names(
    app: Flask, viewer: Tab, store: Store, topic: HallTopic, add_machine: Callable[..., Machine]
) -> None:
    """So that another process, which has looked by itself, need not send anything."""
    add_machine(1)
    assert etag(viewer.get("/").text) == Checksums.of(look(app, store, topic)).etag


def test_every_count_is_right(app: Flask, store: Store, topic: HallTopic, add_machine: Callable[..., Machine]) -> None:
    for number, state in enumerate([State.ACTIVE, State.ACTIVE, State.ERROR]):
        add_machine(number, state)
    regions = look(app, store, topic)
    counts = {token: int(re.sub("<[^>]*>", "", regions[f"n-{token}"])) for token in COUNTED}
    wanted = {"s-active": 2, "s-error": 1, "w-off": 3, "k-problem": 1}
    assert {token: number for token, number in counts.items() if number} == wanted


def test_the_bytes_of_a_deployment_are_a_bar_on_its_machine(
    app: Flask, store: Store, services: Services, topic: HallTopic, add_machine: Callable[..., Machine]
) -> None:
    one = add_machine(1, State.RESERVED)
    with store.write() as transaction:
        operation = transaction.operations.begin(Kind.DEPLOY, one, "c1")
    services.queue.set_progress(operation.id, 30, 120)
    assert '<progress max="100" value="25"' in look(app, store, topic)[f"m-{one.id}"]


def test_the_hall_is_shown_without_redis(app: Flask, store: Store, add_machine: Callable[..., Machine]) -> None:
    """Without the bytes; and Redis is not waited for each time."""
    one = add_machine(1, State.RESERVED)
    with store.write() as transaction:
        transaction.operations.begin(Kind.DEPLOY, one, "c1")
    silent = HallTopic(Written(JobQueue("redis://127.0.0.1:1")), 90.0)
    assert "k-busy" in look(app, store, silent)[f"m-{one.id}"]
    assert "<progress" not in look(app, store, silent)[f"m-{one.id}"]


def test_a_page_that_is_known_is_not_sent_again(viewer: Tab, add_machine: Callable[..., Machine]) -> None:
    """Although the token of its forms looks different in each answer."""
    add_machine(1)
    first, second = viewer.get("/"), viewer.get("/")
    assert first.data != second.data
    assert first.headers["ETag"] == second.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    known = viewer.get("/", headers={"If-None-Match": first.headers["ETag"]})
    assert (known.status_code, known.data) == (304, b"")


def test_a_page_is_packed_as_the_browser_takes_it(viewer: Tab, add_machine: Callable[..., Machine]) -> None:
    import gzip

    import zstandard

    add_machine(1)
    plain = viewer.get("/", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    zstd = viewer.get("/", headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
    assert zstd.headers["Content-Encoding"] == "zstd"
    assert "Accept-Encoding" in zstd.headers["Vary"]
    assert b"rack1-01" in zstandard.ZstdDecompressor().decompressobj().decompress(zstd.data)
    packed = viewer.get("/", headers={"Accept-Encoding": "gzip"})
    assert b"rack1-01" in gzip.decompress(packed.data)
    assert len(packed.data) < len(plain.data) / 3


def test_the_marks_of_the_hall_are_those_of_all_pages() -> None:
    """They are masks there, because thousands of them must be light; their shapes are drawn in marks.html."""
    web = files("bmprov.web")
    drawn = unquote(web.joinpath("static", "hall.css").read_text())
    marks = web.joinpath("templates", "marks.html").read_text()
    shapes = dict(re.findall(r'<symbol id="([^"]+)" viewBox="0 0 16 16">(.*?)</symbol>', marks))
    used = {name: shapes[name] for name in shapes if name.startswith(("s-", "p-"))}
    missing = [name for name, shape in used.items() if set(re.findall(r' d="([^"]+)"', shape)) - set(_paths(drawn))]
    assert len(used) >= len(State) + 4
    assert not missing


def _paths(css: str) -> list[str]:
    return re.findall(r" d='([^']+)'", css)
