"""What an operation's timeline shows."""

import io
from typing import Any

import pytest
from rich.console import Console

from bmprov.cli.timeline import picture, runs
from bmprov.timeline import stages

BEGAN = "2026-11-21T09:00:{:06.3f}+00:00"


def run(name: str, begin_s: float, end_s: float, outcome: str, detail: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "attempt": 1,
        "started_at": BEGAN.format(begin_s),
        "ended_at": BEGAN.format(end_s),
        "outcome": outcome,
        "detail": detail,
    }


@pytest.fixture
def operation() -> dict[str, Any]:
    return {
        "id": "44e23fa5-afd9-453c-a1cd-a201c7659be0",
        "kind": "deploy",
        "action": None,
        "command": None,
        "state": "failed",
        "step": "wait for the ramdisk",
        "machine": "rack1-07",
        "instance": "68fa3930-0c2c-46bc-8ce4-cb6876fb4f14",
        "requested_by": "cloud1",
        "asked_by": None,
        "created_at": BEGAN.format(0),
        "finished_at": BEGAN.format(40),
        "message": None,
        "error": "the ramdisk did not call",
        "check": "look at [the console]",
        "progress": None,
        "steps": [
            run("allocate", 0, 0.02, "done", "rack1-07"),
            run("power cycle", 0.02, 1, "retry", "BMC did not answer"),
            run("power cycle", 3, 3.5, "done"),
            run("wait for the ramdisk", 3.5, 3.51, "wait", "the ramdisk"),
            run("wait for the ramdisk", 40, 40, "fail", "the ramdisk did not call"),
        ],
    }


def drawn(operation: dict[str, Any]) -> str:
    file = io.StringIO()
    Console(file=file, width=100).print(picture(operation))
    return file.getvalue()


def test_runs_of_a_step_are_one_stage(operation: dict[str, Any]) -> None:
    """A stage lasts from its first run to its last, and counts its waits and retries."""
    told = [(one.step, round(one.seconds, 2), one.outcome, one.waits, one.retries) for one in stages(runs(operation))]
    assert told == [
        ("allocate", 0.02, "done", 0, ()),
        ("power cycle", 3.48, "done", 0, ("BMC did not answer",)),
        ("wait for the ramdisk", 36.5, "fail", 1, ()),
    ]


def test_a_failed_operation_is_drawn_with_its_reason(operation: dict[str, Any]) -> None:
    """Steps, times, retries, the error and what to check stand there; words of the service are never markup."""
    lines = [line.strip() for line in drawn(operation).splitlines()]
    assert lines[0] == "deploy of rack1-07  failed  after 40.0 s"
    assert "✓  power cycle           +0.02 s   3.5 s" in lines
    assert "tried again: BMC did not answer" in lines
    assert "✗  wait for the ramdisk   +3.5 s  36.5 s  the ramdisk did not call" in lines
    assert lines[-2:] == ["error  the ramdisk did not call", "check  look at [the console]"]


def test_the_same_reason_again_is_told_once(operation: dict[str, Any]) -> None:
    """Retries with one reason are counted; another reason stands for itself."""
    again = [run("power cycle", at, at + 1, "retry", why) for at, why in enumerate(["busy", "busy", "busy", "silent"])]
    lines = [line.strip() for line in drawn(operation | {"steps": again}).splitlines()]
    assert [line for line in lines if line.startswith("tried")] == ["tried again 3 times: busy", "tried again: silent"]


def test_what_was_seen_meanwhile_is_no_stage(operation: dict[str, Any]) -> None:
    """It does not come between the runs of a step, stands below them all, and says what helps."""
    seen = run("switch port", 1, 2, "note", "31 s to forward: enable portfast")
    steps = operation["steps"]
    with_note = operation | {"steps": [*steps[:4], seen, *steps[4:]]}
    assert stages(runs(with_note)) == stages(runs(operation))
    lines = [line.split() for line in drawn(with_note).splitlines()]
    (note,) = [line for line in lines if line[:3] == ["!", "switch", "port"]]
    assert " ".join(note).endswith("31 s to forward: enable portfast")
    assert [line[:2] for line in lines].index(["!", "switch"]) > [line[:2] for line in lines].index(["✗", "wait"])


def test_the_end_of_the_ramdisk_s_log_is_shown(operation: dict[str, Any]) -> None:
    """Of a ramdisk that gave up, the last twenty lines of its log follow the error."""
    log = "".join(f"line {number}\n" for number in range(30))
    lines = [line.strip() for line in drawn(operation | {"ramdisk_log": log}).splitlines()]
    assert lines[-21:] == ["the end of the ramdisk's log:", *(f"line {number}" for number in range(10, 30))]


def test_a_running_operation_shows_its_bytes(operation: dict[str, Any]) -> None:
    """While the image is written there is a bar with the share that is on the disk."""
    steps = [run("wait for the image", 0, 0.1, "wait", "the image to be written")]
    running = operation | {"state": "waiting", "step": "wait for the image", "steps": steps, "finished_at": None}
    progress = {"done_bytes": 2**20, "total_bytes": 2**22}
    assert "25 % of 4.0 MiB" in drawn(running | {"progress": progress, "error": None, "check": None})
    assert "waits for the image to be written" in drawn(running)
