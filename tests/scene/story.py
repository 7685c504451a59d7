"""What has happened in the hall since yesterday, and what is happening now."""

import time
from dataclasses import replace
from http import HTTPStatus

from sqlalchemy import delete, insert, select, update

from bmprov.bmc_seen import REFUSALS, SILENCES, Seen, note_name
from bmprov.heartbeat import note_sweep
from bmprov.lifecycle import Event, Kind
from bmprov.model import Instance, Machine, Operation, OperationState, PowerReading, StepRun
from bmprov.power import Power, PowerAction
from bmprov.signs import Sweep
from bmprov.store import Transaction, schema
from tests.scene.hall import CLOUD, DESK, Scene, furnish

DEPLOYING, FAILED = "a1-09", "a2-31"
"""The machines with the most to see: one's image is being written, one's deployment has failed."""

_DEAF = "night-shift"
_GIB = 2**30
_HOUR_S = 3600.0
_ANNA, _JON = "anna@ROOT/web (User)", "jon@ROOT (RootAdmin)"
_WRITING, _BOOTING, _INSPECTED, _RELEASED, _RESERVED = "b2-16", "a1-14", "b1-03", "a3-22", "a2-14"
_BROKEN, _DONE, _OFF, _ON = "b3-13", "a2-05", "b1-20", "b3-36"
_SILENT, _REFUSING = ("a3-24", "b2-31"), "b2-32"
_PLANNED = frozenset(
    {DEPLOYING, FAILED, _WRITING, _BOOTING, _INSPECTED, _RELEASED, _RESERVED, _BROKEN, _DONE, _ON, _REFUSING}
)
_BOOT = (
    ("allocate", 0.1, "a machine of 64 cpus, 262144 MiB"),
    ("boot device: network, once", 1.2, ""),
    ("power cycle", 6.8, ""),
)
_CALLED = ("wait for the ramdisk", 148.0, "")


def play(scene: Scene) -> None:
    """Furnish the hall and let the day happen."""
    scene.free = _PLANNED
    furnish(scene)
    _yesterday(scene)
    _today(scene)
    _now(scene)
    _wrong(scene)
    _told(scene)
    _in_order(scene)
    go_on(scene)


def _yesterday(scene: Scene) -> None:
    for hours, what, who, origin, detail in (
        (26, "signed in", "bob", DESK, "with a password"),
        (25, "cable", "bob", DESK, "NIC 0c:c4:7a:00:00:2a: tor-a3 Ethernet12"),
        (21, "sign-in failed", "root", "198.51.100.7", ""),
        (9, "signed in", "ann", DESK, "with a password"),
    ):
        with scene.ago(hours * _HOUR_S) as transaction:
            transaction.events.add(what, actor=who, origin=origin, detail=detail)
    _deploy(scene, _DONE, "kube-control-1", 20 * _HOUR_S, _ANNA, 530)
    machine = _machine(scene, "a2-07")
    for hours, action in ((18, PowerAction.OFF), (17, PowerAction.ON)):
        one = _begin(scene, machine.name, Kind.POWER, hours * _HOUR_S, by="bob", action=action)
        _end(scene, one, hours * _HOUR_S - 5, message=f"power is {action}")


def _today(scene: Scene) -> None:
    failed = _reserve_and_begin(scene, FAILED, "db-replica-4", 52 * 60, _ANNA)
    _ran(scene, failed, *_BOOT, ("DHCP", 0.0, "0c:c4:7a:00:00:23 was given 10.30.0.87, to the loader snponly.efi"))
    _failed(scene, failed, "wait for the ramdisk", 900.0)
    error = "the ramdisk did not call within 15 min"
    check = "look at the machine's console: it got an address and never fetched its loader, so check TFTP on its VLAN"
    _end(scene, failed, 36 * 60, error, check)
    with scene.ago(36 * 60) as transaction:
        machine = _of(transaction, FAILED)
        transaction.machines.set_maintenance(machine, f"quarantined: {error}", "bmprov")
        transaction.events.add("quarantined", actor="bmprov", machine=FAILED, detail=error)
    broken = _begin(scene, _BROKEN, Kind.INSPECT, 31 * 60, by="bob")
    _end(scene, broken, 30 * 60, "BMC 10.20.0.115 refused user 'bmprov' or its password", "check both")
    with scene.ago(3 * _HOUR_S) as transaction:
        machine = _of(transaction, _ON)
        transaction.machines.set_maintenance(machine, "fan 3 rattles; a spare comes on Thursday", "bob")
        transaction.machines.set_notes(machine, "PSU 1 was changed in May.\nThe rail sticks: pull it straight.")
        transaction.events.add("maintenance", actor="bob", origin=DESK, machine=_ON, detail="fan 3 rattles")
    for minutes, name, power in ((47, _OFF, Power.OFF), (12, _ON, Power.ON)):
        with scene.ago(minutes * 60) as transaction:
            machine = _of(transaction, name)
            transaction.events.add(
                f"out-of-band power {power}", actor="bmprov", machine=name, instance_id=machine.instance_id
            )
            transaction.machines.observe(machine.id, power)


def _now(scene: Scene) -> None:
    writing = _reserve_and_begin(scene, DEPLOYING, "web-shop-7", 212, _ANNA)
    _ran(scene, writing, *_BOOT, ("DHCP", 0.0, "0c:c4:7a:00:00:05 was given 10.30.0.91"), _CALLED)
    _wait(scene, writing, "wait for the image to be written", "the image to be written", 55, 3545)
    scene.services.queue.set_progress(writing.id, int(1.31 * _GIB), 2 * _GIB)
    other = _reserve_and_begin(scene, _WRITING, "build-agent-12", 188, _JON)
    _ran(scene, other, *_BOOT, _CALLED)
    _wait(scene, other, "wait for the image to be written", "the image to be written", 31, 3569)
    scene.services.queue.set_progress(other.id, int(0.42 * _GIB), 2 * _GIB)
    booting = _reserve_and_begin(scene, _BOOTING, "cache-3", 96, _JON)
    _ran(scene, booting, *_BOOT)
    _wait(scene, booting, "wait for the ramdisk", "the ramdisk", 88, 812)
    with scene.store.write() as transaction:
        for started in (writing, other, booting):
            transaction.machines.observe(started.machine_id, Power.ON)
    _reserve(scene, _RESERVED, "mail-2", 40)
    inspected = _begin(scene, _INSPECTED, Kind.INSPECT, 3, by="bob")
    with scene.store.write() as transaction:
        transaction.operations.claim(inspected.id, "worker-2", 60.0)
    _deploy(scene, _RELEASED, "ci-44", 5 * _HOUR_S, _ANNA, 505)
    released = _begin(scene, _RELEASED, Kind.RELEASE, 9, _ANNA)
    _wait(scene, released, "power off", "another look", 6, 20)
    cycled = _begin(scene, "a1-05", Kind.POWER, 14, by="bob", action=PowerAction.CYCLE)
    with scene.store.write() as transaction:
        mine = transaction.operations.claim(cycled.id, "worker-2", 60.0)
        assert mine is not None
        why = "BMC 10.20.0.12 did not answer for 5 s"
        run = StepRun("cycle", 2, transaction.now - 5, transaction.now, "retry", why)
        transaction.operations.retry(mine, run, transaction.now + 20)


def _wrong(scene: Scene) -> None:
    """BMCs that do not answer, and what the sweep says of it."""
    now, queue = scene.clock(), scene.services.queue
    for number, name in enumerate(_SILENT):
        with scene.store.write() as transaction:
            machine = _of(transaction, name)
            address = machine.bmc.address.removeprefix("ipmi://")
            why = f"BMC {address} did not answer for 5 s: check its cable, its address, its VLAN and its port"
            _unread(transaction, machine, 3000 * (number + 1), why)
        seen = Seen(silences=SILENCES + 4, silent_at=now - 20, pause_s=240.0)
        assert seen.note
        queue.keep(note_name(machine.bmc.address), seen.note, 3600)
    with scene.store.write() as transaction:
        machine = _of(transaction, _REFUSING)
        _unread(
            transaction, machine, 7200, f"BMC {machine.bmc.address} refused user 'bmprov' or its password: check both"
        )
    seen = Seen(refusals=REFUSALS, refused="bmprov")
    assert seen.note
    queue.keep(note_name(machine.bmc.address), seen.note, 3600)


def _told(scene: Scene) -> None:
    """Who listens has heard all, but for the last that one of them was to hear."""
    with scene.store.write() as transaction:
        deliveries, now = transaction.deliveries, transaction.now
        for webhook in transaction.webhooks.all():
            last = deliveries.newest(webhook.id, 1)[0]
            while call := deliveries.take(webhook.id, lease_s=20):
                if call.delivery.id == last.id and webhook.name == _DEAF:
                    deliveries.put_off(call, now + 60, None, "it did not answer for 10 s", hold_until=None)
                else:
                    deliveries.end(call, HTTPStatus.NO_CONTENT)


def _in_order(scene: Scene) -> None:
    """Number the events by their time: here they were not written as they happened."""
    with scene.store.write() as transaction:
        rows = transaction.connection.execute(select(schema.events).order_by(schema.events.c.at)).mappings().all()
        transaction.connection.execute(delete(schema.events))
        numbered = [{**row, "id": number} for number, row in enumerate(rows, 1)]
        transaction.connection.execute(insert(schema.events), numbered)


def go_on(scene: Scene) -> None:
    """Let the sweep, the workers and the region be there still: nobody reads machines that there are not."""
    now = scene.clock.now = time.time()
    machines, operations = schema.machines.c, schema.operations.c
    running = operations.finished_at.is_(None)
    with scene.store.write() as transaction:
        told = transaction.connection.execute
        told(update(schema.machines).where(machines.power_error == "").values(power_read_at=now - 6))
        told(update(schema.operations).where(running, operations.due_at < now + 20).values(due_at=now + 20))
        told(update(schema.operations).where(running, operations.lease_until > 0).values(lease_until=now + 30))
        told(update(schema.regions).values(read_at=now - 4))
        told(update(schema.switches).values(heard_at=now - 4))
    note_sweep(scene.services.queue.redis, Sweep("default", now - 13, now - 6.5, 120, 117))


# --- How it is written ---


def _of(transaction: Transaction, name: str) -> Machine:
    found = transaction.machines.named(name)
    assert found is not None, name
    return found


def _machine(scene: Scene, name: str) -> Machine:
    with scene.store.read() as transaction:
        return _of(transaction, name)


def _unread(transaction: Transaction, machine: Machine, for_s: float, why: str) -> None:
    transaction.machines.swept(machine, PowerReading(machine.reading.power, transaction.now - for_s))
    transaction.machines.swept(_of(transaction, machine.name), PowerReading(error=why))


def _reserve(scene: Scene, name: str, instance: str, ago_s: float) -> None:
    """A machine that an instance has got."""
    with scene.ago(ago_s) as transaction:
        machine, image = _of(transaction, name), transaction.images.named("debian-12")
        assert image is not None
        asked = scene.asked(len(instance))
        made = Instance(scene.id(), instance, "fra", "host-1", machine.id, asked, image.id, transaction.now)
        until = transaction.now + 1800
        transaction.machines.apply(machine, Event.RESERVE, instance_id=made.id, reserved_until=until)
        transaction.instances.add(made)
        transaction.events.add("reserve", actor="cloudstack", origin=CLOUD, machine=name, instance_id=made.id)


def _begin(
    scene: Scene,
    name: str,
    kind: Kind,
    ago_s: float,
    asked_by: str = "",
    *,
    by: str = "cloudstack",
    action: PowerAction | None = None,
) -> Operation:
    """An operation that was begun so long ago, and the event of it."""
    with scene.ago(ago_s) as transaction:
        machine = _of(transaction, name)
        instance = transaction.instances.get(machine.instance_id) if machine.instance_id else None
        begun = transaction.operations.begin(kind, machine, by, asked_by=asked_by, instance=instance, action=action)
        transaction.events.add(
            f"{kind} {action or ''}".strip(),
            actor=by,
            origin=DESK if by != "cloudstack" else CLOUD,
            machine=name,
            instance_id=machine.instance_id,
            operation_id=begun.id,
        )
    return begun


def _reserve_and_begin(scene: Scene, name: str, instance: str, ago_s: float, asked_by: str) -> Operation:
    _reserve(scene, name, instance, ago_s + 2)
    return _begin(scene, name, Kind.DEPLOY, ago_s, asked_by)


def _deploy(scene: Scene, name: str, instance: str, ago_s: float, asked_by: str, took_s: float) -> None:
    """A deployment that has succeeded."""
    done = _reserve_and_begin(scene, name, instance, ago_s, asked_by)
    writing = took_s - 156 - 120
    _ran(
        scene, done, *_BOOT, _CALLED, ("wait for the image to be written", writing, ""), ("boot device: disk", 1.1, "")
    )
    _ran(scene, done, ("reboot", 5.2, ""), ("verify", 0.1, f"{name} is deployed"))
    with scene.ago(ago_s - took_s) as transaction:
        transaction.machines.observe(done.machine_id, Power.ON)
    _end(scene, done, ago_s - took_s, message=f"{name} is deployed")


def _ran(scene: Scene, operation: Operation, *steps: tuple[str, float, str]) -> None:
    """Steps that are done, each with its seconds, after those that are recorded already."""
    with scene.store.write() as transaction:
        before = transaction.operations.steps_of(operation.id)
        at = before[-1].ended_at if before else operation.created_at + 0.3
        for name, took_s, detail in steps:
            outcome = "note" if name == "DHCP" else "done"
            transaction.operations.record(operation, StepRun(name, 1, at, at + took_s, outcome, detail))
            at += took_s


def _failed(scene: Scene, operation: Operation, step: str, took_s: float) -> None:
    """The step that it failed in."""
    with scene.store.write() as transaction:
        at = transaction.operations.steps_of(operation.id)[-1].ended_at
        transaction.operations.record(operation, StepRun(step, 1, at, at + took_s, "fail", ""))


def _wait(scene: Scene, operation: Operation, step: str, what: str, since_s: float, left_s: float) -> None:
    """It waits in a step now."""
    now = scene.clock()
    with scene.store.write() as transaction:
        mine = transaction.operations.claim(operation.id, "worker-1", 60.0)
        assert mine is not None
        run = StepRun(step, 1, now - since_s, now - since_s + 0.2, "wait", what)
        transaction.operations.wait(replace(mine, step=step), run, now + left_s, now + left_s)


def _end(
    scene: Scene, operation: Operation, ago_s: float, error: str = "", check: str = "", *, message: str = ""
) -> None:
    """It ended so long ago."""
    with scene.ago(ago_s) as transaction:
        machine = transaction.machines.get(operation.machine_id)
        assert machine is not None
        state = OperationState.FAILED if error else OperationState.SUCCEEDED
        transaction.operations.finish(operation, machine, state, error=error, check=check, message=message)
