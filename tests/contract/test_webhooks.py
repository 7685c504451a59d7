"""Webhooks and their deliveries in both databases: written with the change, told once, by one sender at a time."""

import threading
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from bmprov.errors import Conflict
from bmprov.lifecycle import Event, Kind, State
from bmprov.model import Bmc, Machine, OperationState
from bmprov.power import PowerAction
from bmprov.store import Store, Transaction
from bmprov.store.deliveries import Call, Tally
from bmprov.webhook import SUBSCRIBED, Delivery, DeliveryState, Notice, NoticeKind, SealedSecret, Webhook
from tests.contract.conftest import Clock

LEASE_S = 30.0
HOOK = Webhook(
    id=str(uuid.UUID(int=1)),
    name="alerts",
    url="https://alerts.example/bmprov",
    secrets=(SealedSecret(b"new \x00\xff"), SealedSecret(b"old", until=2_000_000.5)),
    kinds=SUBSCRIBED,
    trust="/etc/ca.pem",
    created_by="admin",
)


def hook(number: int, **changes: object) -> Webhook:
    return replace(HOOK, id=str(uuid.UUID(int=number)), name=f"hook-{number}", **changes)  # type: ignore[arg-type] # any


def notice(cause: str, kind: NoticeKind = NoticeKind.PING) -> Notice:
    return Notice(kind, cause, 1.0, {"cause": cause})


def enter(store: Store, *webhooks: Webhook) -> None:
    with store.write() as transaction:
        for one in webhooks:
            transaction.webhooks.add(one)


def tell(store: Store, *causes: str, webhook: Webhook = HOOK) -> None:
    with store.write() as transaction:
        for cause in causes:
            transaction.outbox.tell_one(notice(cause), webhook.id)


def told(store: Store, webhook: Webhook = HOOK) -> list[Delivery]:
    """Oldest first."""
    with store.read() as transaction:
        return transaction.deliveries.newest(webhook.id)[::-1]


def take(store: Store, webhook: Webhook = HOOK) -> Call | None:
    with store.write() as transaction:
        return transaction.deliveries.take(webhook.id, LEASE_S)


def taken(store: Store, webhook: Webhook = HOOK) -> Call:
    call = take(store, webhook)
    assert call is not None
    return call


def end(store: Store, call: Call, status: int | None = 204, error: str = "") -> None:
    with store.write() as transaction:
        transaction.deliveries.end(call, status, error)


def put_off(store: Store, call: Call, after_s: float, hold_s: float = 0.0, status: int | None = None) -> None:
    with store.write() as transaction:
        hold_until = transaction.now + hold_s
        transaction.deliveries.put_off(call, transaction.now + after_s, status, "no answer", hold_until=hold_until)


def machine(store: Store, state: State = State.AVAILABLE) -> Machine:
    made = Machine("m-1", "rack1-01", Bmc("ipmi://b", "u", b""), (), state=state)
    with store.write() as transaction:
        transaction.machines.add(made)
    return made


def begin(store: Store, on: Machine, kind: Kind = Kind.POWER) -> str:
    with store.write() as transaction:
        action = PowerAction.ON if kind is Kind.POWER else None
        return transaction.operations.begin(kind, on, "tester", action=action).id


def finish(store: Store, operation_id: str, state: OperationState = OperationState.SUCCEEDED, error: str = "") -> None:
    with store.write() as transaction:
        finish_in(transaction, operation_id, state, error)


def finish_in(
    transaction: Transaction, operation_id: str, state: OperationState = OperationState.SUCCEEDED, error: str = ""
) -> None:
    operation, on = transaction.operations.get(operation_id), transaction.machines.get("m-1")
    assert operation is not None
    assert on is not None
    transaction.operations.finish(operation, on, state, error=error)


def causes(deliveries: Iterable[Delivery]) -> list[str]:
    return [one.cause for one in deliveries]


def test_a_webhook_comes_back_as_it_was_entered(store: Store, clock: Clock) -> None:
    """With all its secrets and the time until which each signs, by name and by id."""
    enter(store, HOOK, hook(2, kinds=(NoticeKind.POWER,), secrets=(SealedSecret(b"s"),)))
    entered = replace(HOOK, created_at=clock.now)
    with store.read() as transaction:
        assert transaction.webhooks.named("alerts") == transaction.webhooks.named(HOOK.id) == entered
        assert [one.name for one in transaction.webhooks.all()] == ["alerts", "hook-2"]
        assert transaction.webhooks.named("hook") is None


def test_a_name_is_given_once(store: Store) -> None:
    """Two receivers of one name could not be told apart; the transaction that tried goes on."""
    enter(store, HOOK)
    with store.write() as transaction:
        with pytest.raises(Conflict, match="already"):
            transaction.webhooks.add(replace(hook(2), name="alerts"))
        assert [one.id for one in transaction.webhooks.all()] == [HOOK.id]


def test_a_webhook_is_changed_and_goes_with_its_deliveries(store: Store) -> None:
    """What is not named stays; what was to be told to it is forgotten with it."""
    enter(store, HOOK, hook(2))
    tell(store, "a")
    tell(store, "a", webhook=hook(2))
    with store.write() as transaction:
        new = (SealedSecret(b"newest"),)
        transaction.webhooks.change(HOOK.id, url="https://other.example", kinds=(NoticeKind.POWER,), secrets=new)
        changed = transaction.webhooks.named("alerts")
        assert changed is not None
        assert (changed.url, changed.kinds, changed.secrets) == ("https://other.example", (NoticeKind.POWER,), new)
        assert changed.trust == HOOK.trust
        transaction.webhooks.remove(changed)
    assert told(store) == []
    assert causes(told(store, hook(2))) == ["a"]


def test_it_is_told_once_of_a_cause(store: Store, clock: Clock) -> None:
    """A step that runs twice finds the same thing twice."""
    enter(store, HOOK, hook(2))
    for _ in range(3):
        with store.write() as transaction:
            transaction.outbox.tell(notice("x", NoticeKind.POWER))
    [delivery] = told(store)
    assert (delivery.kind, delivery.attempts, delivery.due_at) == (NoticeKind.POWER, 0, clock.now)
    assert delivery.body == notice("x", NoticeKind.POWER).body
    assert causes(told(store, hook(2))) == ["x"]
    assert told(store, hook(2))[0].message_id != delivery.message_id


def test_only_who_has_subscribed_and_is_on_is_told(store: Store) -> None:
    """Of each webhook its kinds are told."""
    enter(store, HOOK, hook(2, kinds=(NoticeKind.MACHINE_ERROR,)), hook(3, off_because="410"))
    with store.write() as transaction:
        transaction.outbox.tell(notice("x", NoticeKind.POWER))
    assert [len(told(store, one)) for one in (HOOK, hook(2), hook(3))] == [1, 0, 0]


def test_what_is_undone_is_told_to_nobody(store: Store) -> None:
    """The delivery is written in the transaction of the change itself."""
    enter(store, HOOK)
    operation_id = begin(store, machine(store))

    def fail() -> None:
        with store.write() as transaction:
            finish_in(transaction, operation_id)
            transaction.webhooks.add(replace(hook(2), name="alerts"))

    with pytest.raises(Conflict, match="alerts"):
        fail()
    assert told(store) == []
    finish(store, operation_id)
    assert causes(told(store)) == [f"operation.ended {operation_id}"]


def test_a_failed_deployment_is_told_as_an_operation_and_as_a_machine(store: Store) -> None:
    """Each for those who have subscribed to it; the cause stands in both."""
    enter(store, HOOK, hook(2, kinds=(NoticeKind.MACHINE_ERROR,)))
    finish(store, begin(store, machine(store, State.RESERVED), Kind.DEPLOY), OperationState.FAILED, "no disk")
    assert sorted(one.kind for one in told(store)) == ["machine.error", "operation.ended"]
    [failed] = told(store, hook(2))
    assert '"state":"error","cause":"no disk"' in failed.body
    assert all('"no disk"' in one.body for one in told(store))


def test_each_time_a_machine_comes_into_error_is_told(store: Store) -> None:
    """It may fail, be brought back and fail again."""
    enter(store, HOOK)
    machine(store, State.ACTIVE)
    for number in range(2):
        with store.write() as transaction:
            on = transaction.machines.get("m-1")
            assert on is not None
            transaction.machines.apply(on, Event.LOSE, fault=f"gone {number}")
            lost = transaction.machines.get("m-1")
            assert lost is not None
            transaction.machines.apply(lost, Event.DEPLOY, fault="")
        with store.write() as transaction:
            on = transaction.machines.get("m-1")
            assert on is not None
            transaction.machines.apply(on, Event.DEPLOYED)
        assert f'"cause":"gone {number}"' in told(store)[-1].body
    assert [one.kind for one in told(store)] == [NoticeKind.MACHINE_ERROR] * 2


def test_one_sender_at_a_time_calls_a_webhook(store: Store, clock: Clock) -> None:
    """The next message waits for the answer to the first; another webhook does not."""
    enter(store, HOOK, hook(2))
    tell(store, "a", "b")
    tell(store, "a", webhook=hook(2))
    first = taken(store)
    assert (first.webhook, first.delivery.cause, first.delivery.attempts) == (
        replace(HOOK, created_at=clock.now),
        "a",
        1,
    )
    assert take(store) is None
    with store.read() as transaction:
        assert transaction.deliveries.callable() == [hook(2).id]
    assert taken(store, hook(2)).delivery.cause == "a"
    end(store, first)
    assert taken(store).delivery.cause == "b"


def test_a_dead_senders_message_is_sent_again(store: Store, clock: Clock) -> None:
    """When its hold has run out; what the dead one says afterwards changes nothing."""
    enter(store, HOOK)
    tell(store, "a")
    dead = taken(store)
    clock.now += LEASE_S - 1
    assert take(store) is None
    clock.now += 1
    again = taken(store)
    assert (again.delivery.message_id, again.delivery.attempts) == (dead.delivery.message_id, 2)
    put_off(store, dead, 3600)
    assert take(store) is None, "the second sender was forgotten"
    assert told(store)[0].due_at != clock.now + 3600
    end(store, again)
    assert told(store)[0].state is DeliveryState.DELIVERED


def test_nothing_due_holds_nothing(store: Store, clock: Clock) -> None:
    """A sender that finds nothing to do is in nobody's way."""
    enter(store, HOOK)
    assert take(store) is None
    tell(store, "a")
    end(store, taken(store))
    clock.now += 1e6
    assert take(store) is None
    with store.read() as transaction:
        assert transaction.deliveries.callable() == []


def test_concurrent_senders_have_one_winner(store: Store) -> None:
    """Two watches look at the same moment."""
    enter(store, HOOK)
    tell(store, "a", "b")
    barrier = threading.Barrier(8)

    def attempt(_: int) -> Call | None:
        barrier.wait()
        return take(store)

    with ThreadPoolExecutor(8) as pool:
        calls = [call for call in pool.map(attempt, range(8)) if call]
    assert [call.delivery.cause for call in calls] == ["a"]


def test_a_message_that_is_put_off_lets_others_by(store: Store, clock: Clock) -> None:
    """What a receiver refuses for its own sake does not hold up the next; with a hold, everything waits."""
    enter(store, HOOK)
    tell(store, "a", "b", "c")
    put_off(store, taken(store), after_s=100, status=500)
    second = taken(store)
    assert second.delivery.cause == "b"
    put_off(store, second, after_s=100, hold_s=50)
    assert take(store) is None
    clock.now += 50
    assert taken(store).delivery.cause == "c"


def test_what_nobody_was_there_for_goes_when_one_arrives(store: Store, clock: Clock) -> None:
    """The receiver is back; what it has refused waits on."""
    enter(store, HOOK)
    tell(store, "refused", "unheard", "new")
    put_off(store, taken(store), after_s=1000, status=500)
    put_off(store, taken(store), after_s=2000)
    end(store, taken(store))
    assert [(one.cause, one.due_at) for one in told(store)] == [
        ("refused", clock.now + 1000),
        ("unheard", clock.now),
        ("new", None),
    ]


def test_deliveries_are_listed_by_how_they_stand(store: Store, clock: Clock) -> None:
    """A redirect is no success, and neither is silence."""
    enter(store, HOOK, hook(2))
    tell(store, "good", "redirected", "silent", "pending")
    for status in (204, 302, None):
        end(store, taken(store), status, "" if status == 204 else "why")
    with store.read() as transaction:
        listed = {state: causes(transaction.deliveries.newest(HOOK.id, state=state)) for state in DeliveryState}
        assert transaction.deliveries.tallies() == {HOOK.id: Tally(pending=1, failed=2)}
        assert causes(transaction.deliveries.newest(HOOK.id, limit=2)) == ["pending", "silent"]
    assert listed == {
        DeliveryState.PENDING: ["pending"],
        DeliveryState.DELIVERED: ["good"],
        DeliveryState.FAILED: ["silent", "redirected"],
    }
    assert {one.cause: one.state for one in told(store)} == {
        cause: state for state, found in listed.items() for cause in found
    }
    assert told(store)[1].ended_at == clock.now


def test_a_delivery_is_sent_anew(store: Store, clock: Clock) -> None:
    """As if it were new, under the id by which the receiver knows it."""
    enter(store, HOOK, hook(2))
    tell(store, "a")
    end(store, taken(store), 500, "it answered 500")
    clock.now += 90_000
    before = told(store)[0]
    with store.write() as transaction:
        assert transaction.deliveries.get(hook(2).id, before.id) is None
        transaction.deliveries.send_anew(before)
    call = taken(store)
    assert (call.delivery.attempts, call.delivery.created_at) == (1, clock.now)
    assert call.delivery.message_id == before.message_id


def test_what_is_pending_can_be_hastened_and_dropped(store: Store, clock: Clock) -> None:
    """A new address is tried at once; a webhook that is off tells nothing late."""
    enter(store, HOOK, hook(2))
    tell(store, "a", "b")
    tell(store, "a", webhook=hook(2))
    put_off(store, taken(store), after_s=1000, status=500)
    with store.write() as transaction:
        transaction.deliveries.hasten(HOOK.id)
    assert [one.due_at for one in told(store)] == [clock.now, clock.now]
    with store.write() as transaction:
        transaction.deliveries.drop(HOOK.id, "it is off")
    assert [(one.state, one.error, one.due_at) for one in told(store)] == [
        (DeliveryState.FAILED, "it is off", None)
    ] * 2
    assert told(store, hook(2))[0].state is DeliveryState.PENDING


def test_what_has_ended_is_forgotten_after_a_while(store: Store, clock: Clock) -> None:
    """What is pending stays, however old it is."""
    enter(store, HOOK)
    tell(store, "a", "b")
    end(store, taken(store))
    clock.now += 100
    with store.write() as transaction:
        assert transaction.deliveries.prune(100) == 0
    clock.now += 1
    with store.write() as transaction:
        assert transaction.deliveries.prune(100) == 1
    assert causes(told(store)) == ["b"]


def test_a_webhook_that_is_removed_breaks_no_change(store: Store) -> None:
    """Whoever removes it waits for the changes that are being told to it."""
    enter(store, HOOK)
    operation_id = begin(store, machine(store))
    telling, removing = threading.Event(), threading.Event()

    def remove() -> None:
        telling.wait(10)
        removing.set()
        with store.write() as transaction:
            transaction.webhooks.remove(HOOK)

    with ThreadPoolExecutor(1) as pool:
        removed = pool.submit(remove)
        with store.write() as transaction:
            transaction.outbox.tell(notice("x", NoticeKind.POWER))
            telling.set()
            assert removing.wait(10)
            finish_in(transaction, operation_id)
        removed.result(30)
    with store.read() as transaction:
        ended = transaction.operations.get(operation_id)
        assert ended is not None
        assert ended.finished
        assert transaction.webhooks.all() == transaction.deliveries.newest(HOOK.id) == []
