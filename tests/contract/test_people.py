"""People, sessions and wall links on both databases."""

import pytest

from bmprov.errors import Conflict
from bmprov.model import Person, Role, Session, WallLink
from bmprov.store import Store
from tests.contract.conftest import Clock

IDLE_S = 600.0


def person(name: str, role: Role = Role.VIEWER, **more: str) -> Person:
    return Person(f"id-{name}", name, role, "a hash", **more)


def enter(store: Store, *people: Person) -> None:
    with store.write() as transaction:
        for one in people:
            transaction.people.add(one)


def session(number: int, of: str, now: float, lasts_s: float = 3600.0) -> Session:
    return Session(f"hash-{number}", f"id-{of}", now, now, now + lasts_s, "10.0.0.1", "Firefox")


def test_a_person_comes_back_as_they_were_entered(store: Store, clock: Clock) -> None:
    """By id, by name, and as a provider knows them; the list is by name."""
    local, far = person("zoe", Role.ADMIN), person("ann", issuer="https://idp", subject="42")
    enter(store, local, far)
    with store.read() as transaction:
        found = transaction.people.named("zoe")
        assert found is not None
        assert (found.role, found.password_hash, found.created_at) == (Role.ADMIN, "a hash", clock.now)
        assert transaction.people.get("id-zoe") == found
        assert [one.name for one in transaction.people.all()] == ["ann", "zoe"]
        assert transaction.people.known_as("https://idp", "42") == transaction.people.named("ann")
        assert transaction.people.known_as("https://other", "42") is None


def test_names_and_subjects_are_unique(store: Store) -> None:
    """The database refuses both; many may have no provider at all."""
    enter(store, person("ann"), person("bob"), person("cy", issuer="https://idp", subject="1"))
    with pytest.raises(Conflict, match="somebody named 'ann'"):
        enter(store, person("ann"))
    with pytest.raises(Conflict):
        enter(store, person("dan", issuer="https://idp", subject="1"))


def test_only_enabled_administrators_are_counted(store: Store, clock: Clock) -> None:
    """The last one who may sign in is guarded by this figure."""
    enter(store, person("ann", Role.ADMIN), person("bob", Role.ADMIN), person("cy", Role.OPERATOR))
    with store.write() as transaction:
        assert transaction.people.admins() == 2
        transaction.people.change("id-bob", disabled_at=clock.now)
        assert transaction.people.admins() == 1


def test_a_session_is_good_until_it_runs_out_or_lies_idle(store: Store, clock: Clock) -> None:
    """Use keeps it from lying idle, and nothing makes it last longer than it was given."""
    enter(store, person("ann"))
    with store.write() as transaction:
        transaction.sessions.add(session(1, "ann", clock.now, lasts_s=1000.0))
    clock.now += IDLE_S - 1
    with store.write() as transaction:
        found = transaction.sessions.live("hash-1", IDLE_S)
        assert found is not None
        assert (found[0].origin, found[1].name) == ("10.0.0.1", "ann")
        transaction.sessions.see("hash-1")
    clock.now += 400.0
    with store.read() as transaction:
        assert transaction.sessions.live("hash-1", IDLE_S) is not None
        assert transaction.sessions.live("hash-1", 300.0) is None
        assert transaction.sessions.live("hash-2", IDLE_S) is None
    clock.now += 2.0
    with store.read() as transaction:
        assert transaction.sessions.live("hash-1", IDLE_S) is None
        assert transaction.sessions.of("id-ann", IDLE_S) == []


def test_who_is_disabled_or_removed_has_no_session(store: Store, clock: Clock) -> None:
    """Even if nobody has ended it."""
    enter(store, person("ann"), person("bob"))
    with store.write() as transaction:
        transaction.sessions.add(session(1, "ann", clock.now))
        transaction.sessions.add(session(2, "bob", clock.now))
        transaction.people.change("id-ann", disabled_at=clock.now)
        transaction.people.remove("id-bob")
        assert transaction.sessions.live("hash-1", IDLE_S) is None
        assert transaction.sessions.live("hash-2", IDLE_S) is None
        assert transaction.sessions.of("id-bob", IDLE_S) == []


def test_sessions_are_ended_one_by_one_or_all_but_one(store: Store, clock: Clock) -> None:
    """Nobody else's are touched; a new session sweeps away those that have run out."""
    enter(store, person("ann"), person("bob"))
    with store.write() as transaction:
        for number in range(4):
            transaction.sessions.add(session(number, "ann", clock.now + number))
        transaction.sessions.add(session(9, "bob", clock.now, lasts_s=1.0))
        assert transaction.sessions.of("id-ann", IDLE_S)[0].sha256 == "hash-3"
        assert transaction.sessions.end("hash-0")
        assert not transaction.sessions.end("hash-0")
        assert transaction.sessions.end_all("id-ann", but="hash-2") == 2
        assert transaction.sessions.live("hash-2", IDLE_S) is not None
        assert transaction.sessions.live("hash-9", IDLE_S) is not None
    clock.now += 2.0
    with store.write() as transaction:
        transaction.sessions.add(session(5, "ann", clock.now))
        assert not transaction.sessions.end("hash-9")
        assert transaction.sessions.end_all("id-ann") == 2


def test_a_wall_link_is_live_until_it_is_revoked(store: Store, clock: Clock) -> None:
    """Once; it stays in the list."""
    link = WallLink("w1", "lobby", "hash", "ann", clock.now)
    with store.write() as transaction:
        transaction.wall_links.add(link)
        assert transaction.wall_links.get("w1") == link
        assert transaction.wall_links.get("w2") is None
        transaction.wall_links.see("w1")
        assert transaction.wall_links.revoke("w1")
        assert not transaction.wall_links.revoke("w1")
        (kept,) = transaction.wall_links.all()
        assert kept.seen_at == kept.revoked_at == clock.now


def test_events_of_one_kind_are_found_by_time_and_place(store: Store, clock: Clock) -> None:
    """What limits the guessing at passwords counts these."""
    with store.write() as transaction:
        transaction.events.add("sign-in failed", actor="ann", origin="10.0.0.1")
        transaction.events.add("signed in", actor="ann", origin="10.0.0.1")
    then, clock.now = clock.now, clock.now + 10.0
    with store.write() as transaction:
        transaction.events.add("sign-in failed", actor="bob", origin="10.0.0.2")
    with store.read() as transaction:
        assert transaction.events.since("sign-in failed", then - 1) == [
            (then, "ann", "10.0.0.1"),
            (then + 10.0, "bob", "10.0.0.2"),
        ]
        assert transaction.events.since("sign-in failed", then) == [(then + 10.0, "bob", "10.0.0.2")]
        assert transaction.events.has_done("signed in", "ann", "10.0.0.1", then - 1)
        assert not transaction.events.has_done("signed in", "ann", "10.0.0.2", then - 1)
        assert not transaction.events.has_done("signed in", "ann", "10.0.0.1", then)
