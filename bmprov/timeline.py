"""How an operation went, from the runs of its steps: what belongs together is one stage. Pure.

The terminal and the page both show these.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from bmprov.model import NOTE, StepRun


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
    """What was seen meanwhile, in the order in which it was written down."""
    return [_stage([run]) for run in runs if run.outcome == NOTE]


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


def _tried(why: str, times: int) -> str:
    return f"tried again {times} times: {why}" if times > 1 else f"tried again: {why}"
