"""How an operation went, from the runs of its steps: what belongs together is one stage. Pure.

The terminal and the page both show these.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from bmprov.model import NOTE, StepRun

_APART_S = 10.0


@dataclass(frozen=True)
class Stage:
    """All runs of one step, one after the other, from the first one's beginning to the last one's end."""

    step: str
    began: float
    ended: float
    outcome: str
    detail: str = ""
    waits: int = 0
    retries: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began

    @property
    def is_note(self) -> bool:
        """Whether it is no step, but what was seen meanwhile."""
        return self.outcome == NOTE

    @property
    def goes_on(self) -> bool:
        """Whether it has not come to its end, as long as its operation has not."""
        return self.outcome in ("wait", "retry")

    @property
    def again(self) -> list[str]:
        """Why it was tried again: a sentence for each reason, in the order in which they came."""
        return [_tried(why, len(list(same))) for why, same in groupby(self.retries)]


def stages(runs: Iterable[StepRun]) -> list[Stage]:
    """The steps that have begun, in order."""
    steps = (run for run in runs if run.outcome != NOTE)
    return [_stage(list(same)) for _, same in groupby(steps, key=lambda run: run.step)]


def notes(runs: Iterable[StepRun]) -> list[Stage]:
    """What was seen meanwhile, in the order in which it was written down.

    What several processes have served of one thing, one after the other, is told once. `attempt` is how often a note
    says that something was asked for.
    """
    told: list[StepRun] = []
    for run in (run for run in runs if run.outcome == NOTE):
        same = next((place for place, before in enumerate(told) if _goes_on(before, run)), None)
        if same is None:
            told.append(run)
        else:
            told[same] = _together(told[same], run)
    return [_stage([replace(run, detail=_counted(run))]) for run in told]


def course(runs: Iterable[StepRun]) -> list[Stage]:
    """Steps and what was seen meanwhile, as they began."""
    told = list(runs)
    return sorted([*stages(told), *notes(told)], key=lambda stage: stage.began)


def _stage(runs: list[StepRun]) -> Stage:
    last = runs[-1]
    return Stage(
        step=last.step,
        began=runs[0].started_at,
        ended=last.ended_at,
        outcome=last.outcome,
        detail=last.detail,
        waits=sum(run.outcome == "wait" for run in runs),
        retries=tuple(run.detail for run in runs if run.outcome == "retry"),
    )


def _goes_on(before: StepRun, run: StepRun) -> bool:
    apart_s = max(before.started_at, run.started_at) - min(before.ended_at, run.ended_at)
    return (before.step, before.detail) == (run.step, run.detail) and apart_s < _APART_S


def _together(one: StepRun, other: StepRun) -> StepRun:
    began, ended = min(one.started_at, other.started_at), max(one.ended_at, other.ended_at)
    return replace(one, started_at=began, ended_at=ended, attempt=one.attempt + other.attempt)


def _counted(run: StepRun) -> str:
    return f"{run.detail} ({run.attempt} times)" if run.attempt > 1 else run.detail


def _tried(why: str, times: int) -> str:
    return f"tried again {times} times: {why}" if times > 1 else f"tried again: {why}"
