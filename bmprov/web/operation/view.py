"""An operation as its page shows it. Pure: what is stored goes in, what stands on the page comes out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bmprov.model import Instance, Operation, StepRun
from bmprov.timeline import Stage, course

_ENOUGH_S = 3.0
_NARROWEST = 0.4  # per cent of the axis: what takes no time is still seen
_WRITES = "wait for the image to be written"
_MARKS = {"done": "succeeded", "fail": "failed", "wait": "waiting", "retry": "waiting"}


@dataclass(frozen=True)
class Row:
    """One line of the timeline, with its bar on the time axis in per cent of its width."""

    name: str
    mark: str
    began_s: float
    took_s: float
    left: float
    width: float
    detail: str
    again: Sequence[str]
    is_note: bool = False
    goes_on: bool = False


@dataclass(frozen=True)
class Progress:
    """How far the image is written. Rate and time left are of the whole time so far; None before there is enough."""

    done_bytes: int
    total_bytes: int
    bytes_per_s: float | None = None
    left_s: float | None = None


@dataclass(frozen=True)
class Answer:
    """What a custom action has told, as a table; `columns` are empty for one that tells facts by name."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class OperationShown:
    """All that the page shows of an operation. `length_s` is how long it took, or takes so far."""

    operation: Operation
    instance: Instance | None
    has_machine: bool
    rows: Sequence[Row]
    length_s: float
    progress: Progress | None
    answer: Answer | None

    @property
    def is_writing(self) -> bool:
        """Whether the machine is writing its image, as far as is known."""
        return not self.operation.finished and self.operation.step == _WRITES


def rows(operation: Operation, runs: Sequence[StepRun], now: float) -> list[Row]:
    """The timeline, in the order of time, up to `now` while the operation goes on."""
    stages = course(runs)
    begin, end = bounds(operation, stages, now)
    axis_s = max(end - begin, 0.001)
    last = next((stage for stage in reversed(stages) if not stage.is_note), None)
    shown = []
    for stage in stages:
        is_open = stage is last and stage.goes_on  # as one that was cancelled in the middle
        goes_on = is_open and not operation.finished
        shown.append(_row(stage, begin, axis_s, end if is_open else stage.ended, goes_on=goes_on))
    if not operation.finished and operation.step and (last is None or last.step != operation.step):
        began = last.ended if last else begin
        shown.append(_row(Stage(operation.step, began, now, "wait"), begin, axis_s, now, goes_on=True))
    return shown


def bounds(operation: Operation, stages: Sequence[Stage], now: float) -> tuple[float, float]:
    """When it began, and when it ended or the last thing was seen of it."""
    ended = operation.finished_at if operation.finished_at is not None else now
    return operation.created_at, max([ended, *(stage.ended for stage in stages)])


def progress(
    operation: Operation, told: tuple[int, int] | None, runs: Sequence[StepRun], now: float
) -> Progress | None:
    """How far the image is written; None when nobody has told, or there is nothing to write in this operation."""
    if told is None or not told[1] or operation.finished:
        return None
    done, total = told
    began = next((run.started_at for run in runs if run.step == _WRITES), None)
    seconds = 0.0 if began is None else now - began
    if seconds < _ENOUGH_S or not done:
        return Progress(done, total)
    rate = done / seconds
    return Progress(done, total, rate, (total - done) / rate)


def answer(told: Any) -> Answer | None:  # noqa: ANN401 - JSON
    """A custom action's answer as a table."""
    if isinstance(told, Mapping) and told:
        return Answer((), [(str(name), _cell(value)) for name, value in told.items()])
    if isinstance(told, list) and told and all(isinstance(one, Mapping) for one in told):
        columns = list(dict.fromkeys(str(name) for one in told for name in one))
        return Answer(columns, [[_cell(one.get(name, "")) for name in columns] for one in told])
    return Answer((), [("answer", _cell(told))]) if told else None


def _cell(value: Any) -> str:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return "" if value is None else str(value)


def _row(stage: Stage, begin: float, axis_s: float, ended: float, *, goes_on: bool) -> Row:
    left = 100 * (stage.began - begin) / axis_s
    width = max(100 * (ended - stage.began) / axis_s, _NARROWEST)
    left = min(max(left, 0.0), 100 - _NARROWEST)
    return Row(
        name=stage.step,
        mark=_MARKS.get(stage.outcome, ""),
        began_s=stage.began - begin,
        took_s=ended - stage.began,
        left=round(left, 2),
        width=round(min(width, 100 - left), 2),
        detail=f"waits for {stage.detail}" if stage.outcome == "wait" and stage.detail else stage.detail,
        again=stage.again,
        is_note=stage.is_note,
        goes_on=goes_on,
    )
