"""The course of an operation: steps folded, notes gathered, all in the order of time."""

from bmprov.model import NOTE, StepRun
from bmprov.timeline import course, notes, stages


def note(detail: str, began: float, ended: float, times: int = 1) -> StepRun:
    return StepRun("HTTP", times, began, ended, NOTE, detail)


def test_a_step_that_comes_again_after_another_is_another_stage() -> None:
    runs = [StepRun(name, 1, at, at + 1, "done") for at, name in enumerate(["off", "on", "off"])]
    assert [stage.step for stage in stages(runs)] == ["off", "on", "off"]


def test_retries_are_counted_by_their_reason() -> None:
    runs = [StepRun("reset", n, n, n + 1, "retry", why) for n, why in enumerate(["busy", "busy", "silent"])]
    [stage] = stages(runs)
    assert stage.again == ["tried again 2 times: busy", "tried again: silent"]
    assert stage.goes_on


def test_what_several_processes_have_served_is_told_once() -> None:
    """Unless much time lies between: a second boot is another fact."""
    told = notes([note("calls", 1, 2, 3), note("calls", 1.5, 4), note("calls", 60, 61), note("image", 2, 3)])
    assert [(one.detail, one.began, one.ended) for one in told] == [
        ("calls (4 times)", 1, 4),
        ("calls", 60, 61),
        ("image", 2, 3),
    ]


def test_all_stands_in_the_order_of_time() -> None:
    runs = [
        StepRun("wait", 1, 1, 1, "wait"),
        StepRun("wait", 1, 9, 9, "done"),
        note("script", 4, 4),
        note("early", 0, 1),
    ]
    assert [(one.detail or one.step) for one in course(runs)] == ["early", "wait", "script"]
