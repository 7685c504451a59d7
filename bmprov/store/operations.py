"""Operations and their steps: begun, claimed by one worker at a time, advanced, signalled, cancelled, finished.

Every write of a worker asks for the worker's own lease in its WHERE clause: a worker that was thought dead and comes
back cannot overwrite what its successor has done (`LeaseLost`).
"""

import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from bmprov.errors import Conflict, Retryable
from bmprov.lifecycle import COURSES, Event, Kind
from bmprov.model import Instance, Machine, Operation, OperationState, Report, StepRun
from bmprov.notice import operation_ended
from bmprov.power import PowerAction
from bmprov.store import schema
from bmprov.store.machines import Machines
from bmprov.store.operation_search import OperationSearch
from bmprov.store.outbox import Outbox
from bmprov.store.rows import from_operation, from_report, to_operation, to_step_run

_O = schema.operations.c
_IDLE = {"lease_owner": None, "lease_until": None}
_BUSY_RETRY_S = 0.5
_GET = select(schema.operations).where(_O.id == bindparam("whose"))  # made once: every call of a ramdisk asks this
_SET_BOOT_IP = update(schema.operations).where(_O.id == bindparam("whose")).values(boot_ip=bindparam("ip"))


class LeaseLost(Retryable):
    """Another worker has taken over, or the operation was finished under us."""


class Operations:
    """The operations of one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now
        self._machines = Machines(connection, now)
        self._outbox = Outbox(connection, now)

    def begin(  # noqa: PLR0913 - what an operation is begun with, each by its name
        self,
        kind: Kind,
        machine: Machine,
        requested_by: str,
        *,
        asked_by: str = "",
        instance: Instance | None = None,
        action: PowerAction | None = None,
        command: str = "",
        parameters: Mapping[str, Any] | None = None,
    ) -> Operation:
        """Begin an operation and move its machine to the state that goes with it.

        Raises:
            IllegalEvent: the machine's state does not allow it.
            Conflict: another operation is under way on the machine.
        """
        operation = Operation(
            id=str(uuid.uuid4()),
            kind=kind,
            machine_id=machine.id,
            machine_name=machine.name,
            site=machine.site,
            requested_by=requested_by,
            asked_by=asked_by,
            instance_id=instance.id if instance else None,
            cloud=instance.cloud if instance else "",
            action=action,
            command=command,
            parameters=parameters or {},
            due_at=self._now,
            created_at=self._now,
        )
        try:
            self._connection.execute(insert(schema.operations), from_operation(operation))
        except IntegrityError as error:
            raise Conflict(
                f"another operation is under way on machine '{machine.name}'",
                "ask again in a moment",
                retry_after_s=_BUSY_RETRY_S,
            ) from error
        self._move(machine, COURSES[kind].begin, fault="", reserved_until=None)
        return operation

    def get(self, operation_id: str) -> Operation | None:
        """The operation with this id."""
        row = self._connection.execute(_GET, {"whose": operation_id}).mappings().first()
        return to_operation(row) if row else None

    def find(self, prefix: str) -> list[Operation]:
        """Operations whose id begins with `prefix`, at most ten."""
        query = select(schema.operations).where(_O.id.startswith(prefix, autoescape=True)).limit(10)
        return [to_operation(row) for row in self._connection.execute(query).mappings()]

    def lock(self, operation_id: str) -> Operation | None:
        """The operation, held so that nothing else changes it until the transaction ends."""
        query = select(schema.operations).where(_O.id == operation_id).with_for_update()
        row = self._connection.execute(query).mappings().first()
        return to_operation(row) if row else None

    def unfinished_of(self, machine_id: str) -> Operation | None:
        """What is being done to a machine, if anything."""
        return self._one(_O.machine_id == machine_id, _O.finished_at.is_(None))

    def all(self, limit: int = 100, machine_id: str = "", *, unfinished: bool = False) -> list[Operation]:
        """The newest operations, newest first."""
        return self.search(OperationSearch(machine_id=machine_id, unfinished=unfinished, limit=limit))

    def search(self, search: OperationSearch) -> list[Operation]:
        """The operations that are looked for, newest first."""
        return [to_operation(row) for row in self._connection.execute(search.query()).mappings()]

    def under_way(self, machine_ids: Collection[str] | None = None) -> dict[str, Operation]:
        """What is being done to these machines, or to any, by the machine's id."""
        query = select(schema.operations).where(_O.finished_at.is_(None))
        query = query if machine_ids is None else query.where(_O.machine_id.in_(machine_ids))
        return {row["machine_id"]: to_operation(row) for row in self._connection.execute(query).mappings()}

    def any_for_cloudstack(self) -> bool:
        """Whether CloudStack has ever ordered anything."""
        query = select(_O.id).where(_O.cloud != "").limit(1)
        return self._connection.execute(query).first() is not None

    def steps_of(self, operation_id: str) -> list[StepRun]:
        """The timeline of an operation."""
        query = select(schema.steps).where(schema.steps.c.operation_id == operation_id).order_by(schema.steps.c.id)
        return [to_step_run(row) for row in self._connection.execute(query).mappings()]

    def due(self, sites: list[str] | None = None) -> list[Operation]:
        """Unfinished operations that a worker should look at now and none does."""
        query = select(schema.operations).where(_O.finished_at.is_(None), _O.due_at <= self._now, self._unleased())
        query = query.where(_O.site.in_(sites)) if sites else query
        return [to_operation(row) for row in self._connection.execute(query.order_by(_O.due_at)).mappings()]

    def claim(self, operation_id: str, owner: str, lease_s: float) -> Operation | None:
        """Take an operation that is due; None when it is not, or another worker has it."""
        free = (_O.id == operation_id, _O.finished_at.is_(None), _O.due_at <= self._now, self._unleased())
        return self._change(free, state=OperationState.RUNNING, lease_owner=owner, lease_until=self._now + lease_s)

    def release_leases(self, owner: str) -> int:
        """Give back what a worker of this name held when it died."""
        return self._connection.execute(update(schema.operations).where(_O.lease_owner == owner).values(_IDLE)).rowcount

    def proceed(
        self, operation: Operation, run: StepRun, next_step: str, lease_s: float, *, netboot: bool
    ) -> Operation:
        """A step is done; the same worker goes on with `next_step`."""
        self.record(operation, run)
        return self._mine(
            operation,
            step=next_step,
            attempt=0,
            waiting_for="",
            wait_until=None,
            netboot=netboot,
            lease_until=self._now + lease_s,
        )

    def prolong(self, operation: Operation, lease_s: float) -> Operation:
        """The step takes longer than others."""
        return self._mine(operation, lease_until=self._now + lease_s)

    def wait(self, operation: Operation, run: StepRun, until: float, due_at: float) -> Operation | None:
        """Let the operation sleep until `due_at` or a signal.

        None when a signal came while the step ran: the step must look again.
        """
        unsignalled = (*self._held(operation), _O.signals == operation.signals)
        values = {
            "state": OperationState.WAITING,
            "waiting_for": run.detail,
            "wait_until": until,
            "due_at": due_at,
            **_IDLE,
        }
        asleep = self._change(unsignalled, step=run.step, **values)
        if asleep and operation.waiting_for != run.detail:
            self.record(operation, run)
        return asleep

    def retry(self, operation: Operation, run: StepRun, due_at: float) -> Operation:
        """Let the operation sleep, then run the same step again."""
        self.record(operation, run)
        values = {"state": OperationState.QUEUED, "attempt": run.attempt, "due_at": due_at, **_IDLE}
        return self._mine(operation, step=run.step, waiting_for=f"another try: {run.detail}", **values)

    def finish(
        self,
        operation: Operation,
        machine: Machine,
        state: OperationState,
        *,
        message: str = "",
        error: str = "",
        check: str = "",
        answer: object = None,
    ) -> Operation:
        """End the operation and move its machine to where that leaves it. Webhooks are told."""
        course = COURSES[operation.kind]
        ends = {
            OperationState.SUCCEEDED: course.succeed,
            OperationState.FAILED: course.fail,
            OperationState.CANCELLED: course.cancel,
        }
        fault = f"{error}: {check}" if check else error
        self._move(machine, ends[state], fault=fault if ends[state] in (Event.FAIL, Event.CANCEL) else "")
        words = {
            "message": message,
            "error": error,
            "check": check,
            "waiting_for": "",
            "wait_until": None,
            "netboot": False,
            "answer": answer,
        }
        done = self._change(
            (_O.id == operation.id, _O.finished_at.is_(None)), state=state, finished_at=self._now, **words, **_IDLE
        )
        if done is None:
            raise LeaseLost(f"operation {operation.id} had ended already")
        self._outbox.tell(operation_ended(done))
        return done

    def hold(self, operation: Operation) -> Operation:
        """The operation as it stands, locked, provided that the worker still holds it.

        Raises:
            LeaseLost: it does not.
        """
        current = self.lock(operation.id)
        if current is None or current.finished or current.lease_owner != operation.lease_owner:
            raise LeaseLost(f"operation {operation.id} is no longer this worker's")
        return current

    def signal(self, operation_id: str, change: Callable[[Report], Report]) -> Operation | None:
        """Change what the ramdisk has reported and wake the operation; None when it is finished."""
        current = self.lock(operation_id)
        if current is None or current.finished:
            return None
        told = change(current.report)
        if told == current.report:
            return current
        values = {"report": from_report(told), "signals": current.signals + 1, "due_at": self._now}
        return self._change((_O.id == operation_id, _O.finished_at.is_(None)), **values)

    def wake(self, operation: Operation) -> None:
        """Let a step that waits look at once."""
        waiting = (_O.id == operation.id, _O.state == OperationState.WAITING, _O.due_at > self._now)
        self._change(waiting, due_at=self._now)

    def set_boot_ip(self, operation_id: str, ip: str) -> None:
        """Remember which address DHCP gave; the operation's token is good from there alone."""
        self._connection.execute(_SET_BOOT_IP, {"whose": operation_id, "ip": ip})

    def cancel(self, operation: Operation, machine: Machine, who: str) -> Operation:
        """End an operation between two steps: at once when no worker has it, else as soon as its worker looks up.

        A deployment that has begun is always ended by a worker, which has to clear up.
        """
        if operation.finished:
            return operation
        is_held = operation.lease_until is not None and operation.lease_until > self._now
        if is_held or (operation.kind is Kind.DEPLOY and operation.step is not None):
            due = {} if is_held else {"due_at": self._now}
            asked = self._change((_O.id == operation.id, _O.finished_at.is_(None)), cancelled_by=who, **due)
            return asked or operation
        return self.finish(operation, machine, OperationState.CANCELLED, error=f"cancelled by {who}")

    def record(self, operation: Operation, run: StepRun) -> None:
        """Write a run of a step into the timeline."""
        self._connection.execute(insert(schema.steps), vars(run) | {"operation_id": operation.id})

    def _unleased(self) -> ColumnElement[bool]:
        return or_(_O.lease_until.is_(None), _O.lease_until < self._now)

    def _held(self, operation: Operation) -> tuple[ColumnElement[bool], ...]:
        return (_O.id == operation.id, _O.finished_at.is_(None), _O.lease_owner == operation.lease_owner)

    def _mine(self, operation: Operation, **values: Any) -> Operation:  # noqa: ANN401 - columns of operations
        changed = self._change(self._held(operation), **values)
        if changed is None:
            raise LeaseLost(f"operation {operation.id} is no longer this worker's")
        return changed

    def _change(self, where: tuple[ColumnElement[bool], ...], **values: Any) -> Operation | None:  # noqa: ANN401 - columns
        row = self._connection.execute(
            update(schema.operations).where(*where).values(**values).returning(schema.operations)
        )
        found = row.mappings().first()
        return to_operation(found) if found else None

    def _one(self, *wanted: ColumnElement[bool]) -> Operation | None:
        row = self._connection.execute(select(schema.operations).where(*wanted)).mappings().first()
        return to_operation(row) if row else None

    def _move(self, machine: Machine, event: Event | None, **changes: Any) -> None:  # noqa: ANN401 - columns of machines
        if event is None:
            self._machines.touch(machine.id)
        else:
            self._machines.apply(machine, event, **changes)
