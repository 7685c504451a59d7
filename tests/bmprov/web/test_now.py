"""The page of what is being done."""

import re
from collections.abc import Callable
from pathlib import Path

from flask import Flask

from bmprov.health import Checkup, Watched
from bmprov.lifecycle import Kind, State
from bmprov.model import Instance, Machine, Operation, OperationState, StepRun
from bmprov.power import PowerAction
from bmprov.queue import JobQueue
from bmprov.services import Services
from bmprov.step_words import STEP_WORDS
from bmprov.store import Store
from bmprov.web.now.topic import NowTopic
from bmprov.web.written import Written
from tests.bmprov.web.signing_in import Tab, words

MARKUP = '<img src=x onerror=alert(1)>"'
ROOT = Path(__file__).parent.parent.parent.parent


def begin(store: Store, machine: Machine, kind: Kind = Kind.DEPLOY, asked_by: str = "acme/ann") -> Operation:
    with store.write() as transaction:
        instance = transaction.instances.get("33")
        action = PowerAction.OFF if kind is Kind.POWER else None
        return transaction.operations.begin(
            kind, machine, "cloud1", asked_by=asked_by, instance=instance, action=action
        )


def let_wait(store: Store, operation: Operation, step: str, why: str) -> None:
    with store.write() as transaction:
        mine = transaction.operations.claim(operation.id, "worker-1", 20)
        assert mine is not None
        run = StepRun(step, 0, transaction.now, transaction.now, "wait", why)
        transaction.operations.wait(mine, run, transaction.now + 900, transaction.now + 60)


def finish(store: Store, operation: Operation, **told: str) -> None:
    with store.write() as transaction:
        machine = transaction.machines.get(operation.machine_id)
        assert machine is not None
        state = OperationState.FAILED if told else OperationState.SUCCEEDED
        transaction.operations.finish(operation, machine, state, **told)


def with_instance(store: Store, machine: Machine, name: str = "i-2-33-VM") -> None:
    with store.write() as transaction:
        transaction.instances.add(Instance("33", name, "c1", "h", machine.id, b""))


def test_who_asked_what_of_which_machine_and_how_far_it_is(
    viewer: Tab, store: Store, services: Services, add_machine: Callable[..., Machine]
) -> None:
    """The account of CloudStack and its cloud; the step in plain words; bytes as they are."""
    machine = add_machine(1, State.RESERVED)
    with_instance(store, machine)
    operation = begin(store, machine)
    let_wait(store, operation, "wait for the image to be written", "the image to be written")
    services.queue.set_progress(operation.id, 2**30, 4 * 2**30)
    page = viewer.get("/now")
    told = words(page)
    assert "rack1-01 i-2-33-VM deploy : writing the image to its disk" in told
    assert "25 % 1.0 GiB of 4.0 GiB" in told
    assert "acme/ann in c1" in told
    assert f'href="/operations/{operation.id}"' in page.text
    assert re.search(
        r'<progress id="[^"]+" max="4294967296" value="1073741824" aria-label="Image of rack1-01', page.text
    )


def test_the_oldest_stands_first(viewer: Tab, store: Store, add_machine: Callable[..., Machine]) -> None:
    for number in (3, 1, 2):
        begin(store, add_machine(number), Kind.POWER)
    assert re.findall(r'id="r-m-[^>]*><b>([^<]*)', viewer.get("/now").text) == ["rack1-03", "rack1-01", "rack1-02"]


def test_a_try_that_failed_says_why(viewer: Tab, store: Store, add_machine: Callable[..., Machine]) -> None:
    operation = begin(store, add_machine(1), Kind.POWER, asked_by="")
    with store.write() as transaction:
        mine = transaction.operations.claim(operation.id, "worker-1", 20)
        assert mine is not None
        run = StepRun("power off", 1, transaction.now, transaction.now, "retry", "the BMC was busy: try later")
        transaction.operations.retry(mine, run, transaction.now + 60)
    told = words(viewer.get("/now"))
    assert "power off : switching it off Try 2: the BMC was busy: try later" in told
    assert "cloud1" in told


def test_what_failed_says_what_to_check(viewer: Tab, store: Store, add_machine: Callable[..., Machine]) -> None:
    finish(store, begin(store, add_machine(1), Kind.POWER), error="the BMC is silent", check="its cable")
    finish(store, begin(store, add_machine(2), Kind.POWER))
    told = words(viewer.get("/now"))
    assert "The BMC is silent. What to check: its cable." in told
    assert "Ended in the last hour 2, 1 failed" in told
    assert "Nothing is being done" in told


def test_with_nothing_at_all_it_says_what_to_do(viewer: Tab) -> None:
    told = words(viewer.get("/now"))
    assert "bmprov machine power NAME on" in told
    assert "Nothing has ended in the last hour" in told


def test_markup_in_any_name_is_text(viewer: Tab, store: Store, add_machine: Callable[..., Machine]) -> None:
    """The instance, the account, the cause and what it waits for."""
    machine = add_machine(1, State.RESERVED)
    with_instance(store, machine, MARKUP)
    let_wait(store, begin(store, machine, asked_by=MARKUP), MARKUP, MARKUP)
    finish(store, begin(store, add_machine(2), Kind.POWER, MARKUP), error=MARKUP, check=MARKUP)
    page = viewer.get("/now").text
    assert "<img" not in page
    assert page.count("&lt;img src=x") >= 6


def test_without_redis_the_database_is_shown_and_that_is_said(
    app: Flask, store: Store, add_machine: Callable[..., Machine]
) -> None:
    begin(store, add_machine(1), Kind.POWER)
    queue = JobQueue("redis://127.0.0.1:1")
    topic = NowTopic(Written(queue), Checkup(store, queue.hasty, Watched()))
    with app.app_context(), store.read() as transaction:
        regions = topic.look(transaction)
    assert "rack1-01" in regions["now-running"]
    assert "Redis does not answer" in regions["now-staff"]
    assert "1 operation waits for a worker" in regions["now-staff"]


def test_a_site_without_workers_says_so(viewer: Tab, add_machine: Callable[..., Machine]) -> None:
    add_machine(1, site="far")
    told = words(viewer.get("/now"))
    assert "Site far" in told
    assert "none alive. What to check: bmprov worker of this site" in told


def test_a_long_list_is_cut_and_says_so(viewer: Tab, store: Store, add_machine: Callable[..., Machine]) -> None:
    for number in range(103):
        begin(store, add_machine(number), Kind.POWER)
    told = words(viewer.get("/now"))
    assert "Under way 103" in told
    assert "And 3 more, younger ones" in told


def test_every_step_has_plain_words() -> None:
    """One that is added to a flow is added to the list, and one that is gone is taken away."""
    sources = "".join(path.read_text() for path in (ROOT / "worker" / "flows").glob("*.py"))
    assert set(re.findall(r'Step\(\s*"([^"]+)"', sources)) == STEP_WORDS.keys()
