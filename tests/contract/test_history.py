"""What was done to a machine before, as every database tells it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bmprov.lifecycle import Kind, State
from bmprov.model import NOTE, Bmc, Machine, Operation, OperationState, Report, StepRun
from bmprov.store import Store
from tests.contract.conftest import Clock

Do = Callable[..., Operation]


@pytest.fixture
def do(store: Store) -> Do:
    """Does something to the machine, from its beginning to its end; `report` is what a ramdisk tells meanwhile."""
    with store.write() as transaction:
        transaction.machines.add(Machine("m", "rack1-07", Bmc("ipmi://m", "", b""), (), state=State.RESERVED))

    def do(kind: Kind = Kind.BMC, report: Report | None = None, ip: str = "", *, ends: bool = True) -> Operation:
        with store.write() as transaction:
            machine = transaction.machines.get("m")
            assert machine
            begun = transaction.operations.begin(kind, machine, "ann")
            if report:
                transaction.operations.signal(begun.id, lambda _: report)
            if ip:
                transaction.operations.set_boot_ip(begun.id, ip)
            now = transaction.machines.get("m")
            assert now
            if ends:
                transaction.operations.finish(begun, now, OperationState.FAILED, error="x")
        return begun

    return do


def test_pages_follow_one_another_without_a_gap(store: Store, clock: Clock, do: Do) -> None:
    """Also among operations that have begun in the same moment."""
    done = []
    for number in range(9):
        clock.now += number % 2
        done.append(do().id)
    seen: list[str] = []
    while True:
        with store.read() as transaction:
            listed = transaction.history.older("m", seen[-1] if seen else "", 2)
        if not listed:
            break
        seen += [one.id for one in listed]
    assert sorted(seen) == sorted(done)
    assert len(set(seen)) == 9


def test_the_newest_inventory_outlives_what_came_after(store: Store, clock: Clock, do: Do) -> None:
    with store.read() as transaction:
        assert transaction.history.newest_inventory("m") is None
    do(Kind.DEPLOY, Report(booted=True, inventory={"cpus": 4}))
    began = clock.now
    clock.now += 5
    do(Kind.DEPLOY)  # its ramdisk has never called
    do()
    with store.read() as transaction:
        assert transaction.history.newest_inventory("m") == ({"cpus": 4}, began)


def test_an_address_is_of_the_operation_that_had_it_last(store: Store, clock: Clock, do: Do) -> None:
    """Under way or ended a moment ago, at this site; an address of long ago is nobody's."""
    do(ip="10.0.0.5")
    clock.now += 5
    second = do(ip="10.0.0.5", ends=False)
    with store.read() as transaction:
        assert transaction.history.booted_from("default", ["10.0.0.5", "10.0.0.6"], 60) == {"10.0.0.5": second.id}
        assert transaction.history.booted_from("elsewhere", ["10.0.0.5"], 60) == {}
    with store.write() as transaction:
        machine = transaction.machines.get("m")
        assert machine
        transaction.operations.finish(second, machine, OperationState.SUCCEEDED)
    clock.now += 61
    with store.read() as transaction:
        assert transaction.history.booted_from("default", ["10.0.0.5"], 60) == {}


def test_a_note_is_kept_after_the_end_and_not_without_an_operation(store: Store, clock: Clock, do: Do) -> None:
    run = StepRun("HTTP", 3, clock.now, clock.now, NOTE, "image")
    done = do()
    with store.write() as transaction:
        transaction.history.note(done.id, run)
        transaction.history.note("gone", replace(run, detail="nobody's"))
    with store.read() as transaction:
        assert transaction.operations.steps_of(done.id) == [run]
