"""The audit log passes one suite on both databases: what is looked for is found, page by page."""

import pytest

from bmprov.store import Store
from bmprov.store.events import EventSearch
from tests.contract.conftest import Clock


@pytest.fixture
def told(store: Store, clock: Clock) -> Store:
    """Sixty events, one a second: of two machines, by two people, every third about power."""
    names = ("power on", "enrol", "powerless")
    for number in range(60):
        clock.now = float(number)
        with store.write() as transaction:
            actor = "ann" if number % 2 else "bob"
            transaction.events.add(names[number % 3], actor=actor, machine=f"m{number % 2}", detail=f"{number}")
    return store


def found(
    store: Store, *, limit: int = 100, before: int | None = None, after: int | None = None, **for_: object
) -> list[int]:
    with store.read() as transaction:
        search = EventSearch(**for_)  # type: ignore[arg-type] # a test's own words
        return [int(event.detail) for event in transaction.events.page(search, limit=limit, before=before, after=after)]


def test_the_newest_come_first(told: Store) -> None:
    assert found(told, limit=3) == [59, 58, 57]


def test_paging_back_and_forth_shows_every_event_once(told: Store) -> None:
    """Whatever is added meanwhile: a page is named by its neighbour's id, not by its number."""
    with told.read() as transaction:
        ids = {int(event.detail): event.id for event in transaction.events.newest(60)}
    first = found(told, limit=25)
    with told.write() as transaction:
        transaction.events.add("enrol", actor="eve", detail="60")
    second = found(told, limit=25, before=ids[first[-1]])
    third = found(told, limit=25, before=ids[second[-1]])
    assert first + second + third == list(range(59, -1, -1))
    assert found(told, limit=25, after=ids[second[0]]) == first
    assert found(told, limit=5, after=ids[second[0]]) == first[-5:]


def test_filters_go_together(told: Store) -> None:
    assert found(told, machine="m1", actor="ann", since=50.0, until=56.0) == [55, 53, 51]
    assert found(told, machine="m1", actor="bob") == []


def test_a_kind_is_the_whole_words_that_a_name_begins_with(told: Store) -> None:
    """`power` finds `power on` and not `powerless`; what SQL would take for a pattern is text."""
    assert found(told, begins=("power",), since=54.0) == [57, 54]
    assert found(told, begins=("power", "enrol"), since=54.0) == [58, 57, 55, 54]
    assert found(told, begins=("po%",)) == []


def test_the_tail_changes_with_every_event(told: Store) -> None:
    with told.read() as transaction:
        before = transaction.events.tail()
    with told.write() as transaction:
        transaction.events.add("enrol", actor="eve")
    with told.read() as transaction:
        assert transaction.events.tail() != before
        assert transaction.events.tail().newest == transaction.events.newest(1)[0].id


def test_an_empty_log_has_a_tail_too(store: Store) -> None:
    with store.read() as transaction:
        assert transaction.events.tail().newest == 0
        assert transaction.events.page(EventSearch(), limit=10) == []


def test_who_and_what_lately(told: Store) -> None:
    with told.read() as transaction:
        assert transaction.events.recent_names() == (["m0", "m1"], ["ann", "bob"])
        assert transaction.events.recent_names(among=1) == (["m1"], ["ann"])
