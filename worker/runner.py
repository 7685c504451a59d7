"""The flow runner: takes one operation as far as it goes without waiting.

Claim, run a step, store its outcome and the machine's new state in one transaction, go straight on with the next step.
It leaves the operation when a step must wait or be tried again, and when it has ended. It never sleeps.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import assert_never

import structlog

from bmprov.deadline import Deadline
from bmprov.errors import BmprovError, Fatal, Retryable
from bmprov.lifecycle import COURSES, Event
from bmprov.model import Machine, Operation, OperationState, StepRun
from bmprov.notice import machine_failed
from bmprov.payload import InstanceRequest
from bmprov.settings import WorkerSettings
from bmprov.store import Store, Transaction
from bmprov.store.operations import LeaseLost
from worker.flow import Context, Done, Fail, Flow, MachineDrivers, Outcome, Retry, Step, Wait
from worker.flows import flow_of
from worker.ports import MachinePorts

log = structlog.get_logger()

CLEAR_UP_S = 60.0
"""How long clearing up may take after a failure: its BMC and its switches share it."""


@dataclass(frozen=True)
class Runner:
    """Runs operations in the name of one worker.

    `drivers_of` gives a machine's drivers; `jitter` gives a factor (about 1) that spreads retries; `cd_url_of` tells
    where a BMC fetches the ramdisk's CD for an operation, `request_of` what the instance of an operation asked for,
    `ports_of` which switch ports a machine has.
    """

    store: Store
    drivers_of: Callable[[Machine], MachineDrivers]
    limits: WorkerSettings
    owner: str
    jitter: Callable[[], float]
    cd_url_of: Callable[[Operation], str]
    request_of: Callable[[Operation], InstanceRequest]
    ports_of: Callable[[Machine], MachinePorts]

    def advance(self, operation_id: str) -> None:
        """Take the operation as far as it goes; nothing when it is not due or another worker has it."""
        with self.store.write() as transaction:
            operation = transaction.operations.claim(operation_id, self.owner, self.limits.lease_s)
            machine = transaction.machines.get(operation.machine_id) if operation else None
        try:
            while operation is not None and machine is not None:
                operation, machine = self._step(operation, machine)
        except LeaseLost as lost:
            log.info("operation left to another worker", operation=operation_id, why=lost.why)

    def _step(self, operation: Operation, machine: Machine) -> tuple[Operation | None, Machine]:
        """Run one step; the operation to go on with, or None when it sleeps or has ended."""
        ports_of = cache(partial(self.ports_of, machine))  # read once for a step, if at all
        flow = _flow(operation, machine, ports_of)
        step = flow.at(operation.step)
        began = self.store.clock()
        if step.limit_s:
            operation = self._prolonged(operation, step.limit_s)
        context, outcome = self._run(step, operation, machine, began, ports_of)
        if isinstance(outcome, Fail) and context is not None and flow.clear_up is not None and not step.harmless:
            operation = self._prolonged(operation, CLEAR_UP_S)
            outcome = self._cleared_up(flow.clear_up, context, outcome)
        with self.store.write() as transaction:
            settlement = _Settlement(self, transaction, operation, flow, step, began)
            goes_on, machine = settlement.settle(outcome, context)
        _log_outcome(operation, machine, step, outcome, self.store.clock() - began)
        return goes_on, machine

    def _prolonged(self, operation: Operation, step_s: float) -> Operation:
        with self.store.write() as transaction:
            return transaction.operations.prolong(operation, step_s + self.limits.lease_s)

    def _run(
        self, step: Step, operation: Operation, machine: Machine, now: float, ports_of: Callable[[], MachinePorts]
    ) -> tuple[Context | None, Outcome]:
        try:
            context = self._context(step, operation, machine, now, ports_of)
        except Fatal as error:
            return None, Fail(error.why, error.check)
        if operation.cancelled_by:
            return context, Fail(f"cancelled by {operation.cancelled_by}")
        outcome = self._outcome(step, context)
        tried = operation.attempt + 1
        if isinstance(outcome, Retry) and tried >= self.limits.tries:
            return context, Fail(f"{outcome.why}; {tried} tries", outcome.check)
        return context, outcome

    def _context(
        self, step: Step, operation: Operation, machine: Machine, now: float, ports_of: Callable[[], MachinePorts]
    ) -> Context:
        return Context(
            operation=operation,
            machine=machine,
            drivers=self.drivers_of(machine),
            limits=self.limits,
            by=Deadline.after(max(step.limit_s, self.limits.step_s)),
            now=now,
            cd_url=self.cd_url_of(operation),
            request_of=partial(self.request_of, operation),
            ports_of=ports_of,
        )

    def _outcome(self, step: Step, context: Context) -> Outcome:
        try:
            return step.run(context)
        except Retryable as error:
            return Retry(error.why, error.check, self.asked_s(error))
        except BmprovError as error:
            return Fail(error.why, error.check)
        except Exception:  # the outermost loop of a step: a fault of ours must not strand the machine
            log.exception("step raised", operation=context.operation.id, machine=context.machine.name, step=step.name)
            return Retry(f"step '{step.name}' met a fault in bmprov", "its traceback is in the worker's log")

    @staticmethod
    def _cleared_up(clear_up: Callable[[Context, Fail], Fail], context: Context, fail: Fail) -> Fail:
        context.by = Deadline.after(CLEAR_UP_S)
        try:
            return clear_up(context, fail)
        except Exception:  # as above; the failure itself must be told
            log.exception("clearing up raised", operation=context.operation.id, machine=context.machine.name)
            return fail.also(f"{context.machine.name} may still be on, and its switch ports open")

    def asked_s(self, error: Retryable) -> float | None:
        """Seconds that the other side has asked us to wait for, as far as we let it."""
        return None if error.retry_after_s is None else min(error.retry_after_s, self.limits.retry_cap_s)

    def backoff_s(self, attempt: int) -> float:
        """Seconds before try number `attempt` + 1: doubling, capped, spread by the jitter."""
        return min(self.limits.retry_cap_s, self.limits.retry_first_s * 2.0 ** (attempt - 1)) * self.jitter()


@dataclass(frozen=True)
class _Settlement:
    """Stores one outcome, with all that changes with it, in one transaction."""

    runner: Runner
    transaction: Transaction
    operation: Operation
    flow: Flow
    step: Step
    began: float

    def settle(self, outcome: Outcome, context: Context | None) -> tuple[Operation | None, Machine]:
        operations, machines = self.transaction.operations, self.transaction.machines
        current = operations.hold(self.operation)
        if context is not None and context.observed is not None:
            machines.observe(current.machine_id, context.observed)
        if context is not None and context.console is not None:
            self.transaction.consoles.keep(current.machine_id, context.console)
        machine = machines.get(current.machine_id)
        if machine is None:
            raise LeaseLost(f"the machine of operation {current.id} was removed")
        if current.cancelled_by and not self.operation.cancelled_by and self._clears_up:
            return current, machine  # once more, and only to clear up
        if current.cancelled_by:
            check = outcome.check if isinstance(outcome, Fail) else ""
            why = f"cancelled by {current.cancelled_by}"
            operations.finish(current, machine, OperationState.CANCELLED, error=why, check=check)
            return None, machine
        return self._store(outcome, current, machine), machine

    @property
    def _clears_up(self) -> bool:
        return self.flow.clear_up is not None and not self.step.harmless

    def _store(self, outcome: Outcome, current: Operation, machine: Machine) -> Operation | None:
        match outcome:
            case Done():
                return self._done(outcome, current, machine)
            case Wait():
                return self._wait(outcome, current)
            case Retry():
                return self._retry(outcome, current)
            case Fail():
                self._fail(outcome, current, machine)
                return None
            case _:
                assert_never(outcome)

    def _done(self, done: Done, current: Operation, machine: Machine) -> Operation | None:
        if done.event is not None:
            self.transaction.machines.apply(machine, done.event)
        if done.forget and machine.instance_id is not None:
            self.transaction.instances.forget(machine)
        following = self.flow.after(self.step)
        run = self._ran("done", done.detail)
        if following is not None:
            netboot = current.netboot if done.netboot is None else done.netboot
            return self.transaction.operations.proceed(
                current, run, following.name, self.runner.limits.lease_s, netboot=netboot
            )
        self.transaction.operations.record(current, run)
        moved = self.transaction.machines.get(machine.id) or machine
        self.transaction.operations.finish(
            current, moved, OperationState.SUCCEEDED, message=done.message or done.detail, answer=done.answer
        )
        return None

    def _wait(self, wait: Wait, current: Operation) -> Operation | None:
        until = current.wait_until if current.wait_until is not None else self.transaction.now + wait.for_s
        due_at = until if wait.poll_s is None else min(until, self.transaction.now + wait.poll_s)
        seen = replace(current, signals=self.operation.signals)
        asleep = self.transaction.operations.wait(seen, self._ran("wait", wait.for_what), until, due_at)
        return None if asleep else current

    def _retry(self, retry: Retry, current: Operation) -> Operation | None:
        attempt = current.attempt + 1
        after_s = self.runner.backoff_s(attempt) if retry.after_s is None else retry.after_s
        self.transaction.operations.retry(
            current, self._ran("retry", retry.why, attempt), self.transaction.now + after_s
        )
        return None

    def _fail(self, fail: Fail, current: Operation, machine: Machine) -> None:
        self.transaction.operations.record(current, self._ran("fail", fail.why))
        if fail.quarantine and not machine.maintenance:
            machine = self._quarantined(current, machine, fail.why)
        answer = {"again": True} if fail.taken else None
        self.transaction.operations.finish(
            current, machine, OperationState.FAILED, error=fail.why, check=fail.check, answer=answer
        )
        if fail.taken:
            self.transaction.instances.forget(machine)
            self.transaction.machines.apply(machine, Event.WITHDRAW, fault=fail.why)

    def _quarantined(self, current: Operation, machine: Machine, why: str) -> Machine:
        """The machine, kept from being reserved. Webhooks are told of it when they are told that it is in `error`."""
        reason = f"quarantined: {why}"
        self.transaction.machines.set_maintenance(machine, reason, "bmprov")
        self.transaction.events.add(
            "quarantined", actor="bmprov", machine=machine.name, instance_id=machine.instance_id, detail=why
        )
        kept = replace(machine, maintenance=reason, maintenance_by="bmprov")
        if COURSES[current.kind].fail is None:
            self.transaction.outbox.tell(machine_failed(kept, kept.state, kept.version, why, self.transaction.now))
        return kept

    def _ran(self, outcome: str, detail: str, attempt: int | None = None) -> StepRun:
        tried = self.operation.attempt + 1 if attempt is None else attempt
        return StepRun(self.step.name, tried, self.began, self.transaction.now, outcome, detail)


def _flow(operation: Operation, machine: Machine, ports_of: Callable[[], MachinePorts]) -> Flow:
    """The operation's flow; without the steps about switch ports where bmprov sets none."""
    flow = flow_of(operation, machine)
    has_ports = any(step.ports for step in flow.steps) and ports_of().managed
    return flow if has_ports else flow.without_ports


def _log_outcome(operation: Operation, machine: Machine, step: Step, outcome: Outcome, seconds: float) -> None:
    words = {"outcome": type(outcome).__name__.lower(), "ms": round(seconds * 1000, 1)}
    why = getattr(outcome, "why", "") or getattr(outcome, "for_what", "") or getattr(outcome, "detail", "")
    log.info("step", operation=operation.id, machine=machine.name, step=step.name, detail=why, **words)
