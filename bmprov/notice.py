"""What webhooks are told of each kind of event. Pure.

The words are those of the REST API. Nothing of an instance's payload is told: no user data, no password, no key.
"""

import uuid

from bmprov.lifecycle import State
from bmprov.model import Machine, Operation, PowerReading
from bmprov.webhook import Notice, NoticeKind, Webhook, rfc3339


def operation_ended(operation: Operation) -> Notice:
    """An operation has succeeded, failed or been cancelled."""
    ended_at = operation.created_at if operation.finished_at is None else operation.finished_at
    data = {
        "operation": operation.id,
        "kind": operation.kind,
        "action": operation.action,
        "command": operation.command or None,
        "state": operation.state,
        "machine": operation.machine_name,
        "site": operation.site,
        "instance": operation.instance_id,
        "requested_by": operation.requested_by,
        "asked_by": operation.asked_by or None,
        "step": operation.step,
        "error": operation.error or None,
        "check": operation.check or None,
        "created_at": rfc3339(operation.created_at),
        "finished_at": rfc3339(ended_at),
        "duration_s": round(ended_at - operation.created_at, 3),
    }
    return Notice(NoticeKind.OPERATION_ENDED, f"{NoticeKind.OPERATION_ENDED} {operation.id}", ended_at, data)


def power_changed(machine: Machine, reading: PowerReading, now: float) -> Notice:
    """A machine's power is not what it was at the last reading, and nobody has ordered it."""
    before, read_at = machine.reading, now if reading.read_at is None else reading.read_at
    data = _which(machine) | {"from": before.power, "to": reading.power, "read_at": rfc3339(read_at)}
    return Notice(NoticeKind.POWER, f"{NoticeKind.POWER} {machine.id} {before.read_at}", read_at, data)


def machine_failed(machine: Machine, state: State, version: int, fault: str, now: float) -> Notice:
    """A machine has come into `state`, which is `error`, or was quarantined in it; `version` is its row's by then."""
    data = _which(machine) | {"state": state, "cause": fault, "maintenance": machine.maintenance or None}
    return Notice(NoticeKind.MACHINE_ERROR, f"{NoticeKind.MACHINE_ERROR} {machine.id} {version}", now, data)


def ping(webhook: Webhook, now: float) -> Notice:
    """Somebody wants to see whether the webhook works."""
    return Notice(NoticeKind.PING, f"{NoticeKind.PING} {uuid.uuid4()}", now, {"webhook": webhook.name})


def _which(machine: Machine) -> dict[str, object]:
    return {
        "machine": machine.name,
        "instance": machine.instance_id,
        "site": machine.site,
        "zone": machine.zone or None,
        "rack": machine.rack or None,
        "rack_position": machine.rack_position,
    }
