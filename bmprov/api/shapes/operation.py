"""Operations and their timelines."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from bmprov.api.shapes.base import Key, Label, Line, Moment, Reply, moment, moment_or_none, seconds
from bmprov.api.shapes.page import MOST, PageOut, PageQuery, one_more
from bmprov.lifecycle import Kind
from bmprov.model import Operation, OperationState, StepRun
from bmprov.power import PowerAction
from bmprov.store.operation_search import OperationSearch

OPERATIONS = "operations"
"""The list, in its cursors."""


class Progress(Reply):
    """How much of the image the machine has written."""

    done_bytes: int
    total_bytes: int


class OperationOut(Reply):
    """Something that is being, or was, done to a machine."""

    id: str
    kind: Kind
    action: PowerAction | None
    command: str | None = Field(description="the custom action that it carries out")
    state: OperationState
    step: str | None
    attempt: int
    machine: str
    site: str
    instance: str | None
    requested_by: str
    asked_by: str | None = Field(description="the account that asked CloudStack, with its role")
    waiting_for: str
    wait_until: datetime | None
    message: str | None
    error: str | None
    check: str | None
    answer: Any = Field(None, description="what a custom action has to tell: an object, or a list of them")
    progress: Progress | None = Field(description="while the image is written; told in lists of what is under way")
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, operation: Operation, progress: tuple[int, int] | None = None) -> Self:
        """An operation as the API shows it."""
        return cls(**_fields(operation), progress=_progress(progress))


class StepOut(Reply):
    """One run of one step."""

    name: str
    attempt: int
    started_at: datetime
    ended_at: datetime
    outcome: str = Field(description="done, wait, retry or fail; note for what was seen meanwhile")
    detail: str


class OperationDetail(OperationOut):
    """An operation with its timeline, and how far the image is written while it is being written."""

    ramdisk_log: str | None = Field(description="the end of the ramdisk's log, when it has given up")
    steps: list[StepOut]

    @classmethod
    def with_steps(cls, operation: Operation, steps: list[StepRun], progress: tuple[int, int] | None) -> Self:
        """An operation with everything that is known about it."""
        log, told = operation.report.log or None, _progress(progress)
        return cls(**_fields(operation), progress=told, ramdisk_log=log, steps=[_step(run) for run in steps])


class OperationBegun(Reply):
    """The operation that a request began, or found under way already: to be polled."""

    operation: OperationOut

    @classmethod
    def of(cls, operation: Operation) -> Self:
        """The answer to a request that began an operation."""
        return cls(operation=OperationOut.of(operation))


class OperationList(PageOut):
    """Operations, newest first."""

    operations: list[OperationOut]


class OperationFilter(PageQuery):
    """Which operations to list. The span, of when they were begun, is from `since` to just before `until`."""

    machine: Label | None = Field(None, description="only those of this machine")
    id: str | None = Field(None, pattern="^[0-9a-f-]{1,36}$", description="only those whose id begins so, at most ten")
    unfinished: bool = Field(False, description="only those under way")
    kind: Kind | None = None
    state: OperationState | None = None
    instance: Key | None = Field(None, description="the id of an instance, which may be gone")
    requested_by: Line = Field("", description="the person or token that asked bmprov")
    asked_by: Line = Field("", description="the account that asked CloudStack, with its role")
    since: Moment | None = None
    until: Moment | None = None
    limit: int = Field(100, ge=1, le=MOST)

    def to_search(self, machine_id: str) -> OperationSearch:
        """The operations as they are looked for; `machine_id` is that of `machine`."""
        begin = self.key(OPERATIONS, float, str)
        return OperationSearch(
            kind=self.kind,
            state=self.state,
            machine_id=machine_id,
            instance_id=self.instance or "",
            requested_by=self.requested_by,
            asked_by=self.asked_by,
            since=seconds(self.since),
            until=seconds(self.until),
            unfinished=self.unfinished,
            before=(float(begin[0]), str(begin[1])) if begin else None,
            limit=one_more(self.limit),
        )


def _progress(told: tuple[int, int] | None) -> Progress | None:
    return Progress(done_bytes=told[0], total_bytes=told[1]) if told else None


def _fields(operation: Operation) -> dict[str, Any]:
    return {
        "id": operation.id,
        "kind": operation.kind,
        "action": operation.action,
        "command": operation.command or None,
        "state": operation.state,
        "step": operation.step,
        "attempt": operation.attempt,
        "machine": operation.machine_name,
        "site": operation.site,
        "instance": operation.instance_id,
        "requested_by": operation.requested_by,
        "asked_by": operation.asked_by or None,
        "waiting_for": operation.waiting_for,
        "wait_until": moment_or_none(operation.wait_until),
        "message": operation.message or None,
        "error": operation.error or None,
        "check": operation.check or None,
        "answer": operation.answer,
        "created_at": moment(operation.created_at),
        "finished_at": moment_or_none(operation.finished_at),
    }


def _step(run: StepRun) -> StepOut:
    return StepOut(
        name=run.step,
        attempt=run.attempt,
        started_at=moment(run.started_at),
        ended_at=moment(run.ended_at),
        outcome=run.outcome,
        detail=run.detail,
    )
