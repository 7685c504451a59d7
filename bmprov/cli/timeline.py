"""An operation as a person sees it: its steps with times, waits and retries, while it runs and afterwards."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from bmprov.cli.api import Api, path
from bmprov.cli.legible import legible_json
from bmprov.cli.output import clock, console, moment, word
from bmprov.errors import Fatal, Retryable
from bmprov.model import FINAL, StepRun
from bmprov.quantities import size, span
from bmprov.timeline import Stage, notes, stages

_FINAL = frozenset(state.value for state in FINAL)
_FULL_ID = 36
_LOOK_EVERY_S = 0.25
_LOOK_SLOWEST_S = 1.0
_PATIENCE_S = 60.0
_BAR_COLUMNS = 24
_LOG_LINES = 20

Operation = dict[str, Any]
"""An operation as the API tells it."""


def runs(operation: Operation) -> list[StepRun]:
    """The runs of its steps."""
    return [
        StepRun(
            run["name"],
            run["attempt"],
            datetime.fromisoformat(run["started_at"]).timestamp(),
            datetime.fromisoformat(run["ended_at"]).timestamp(),
            run["outcome"],
            run["detail"],
        )
        for run in operation["steps"]
    ]


def finished(operation: Operation) -> bool:
    """Whether nothing more will happen."""
    return operation["state"] in _FINAL


def find(api: Api, prefix: str) -> Operation:
    """The operation whose id begins with `prefix`.

    Raises:
        Fatal: there is none, or there are several.
    """
    wanted = prefix.lower()
    if len(wanted) < _FULL_ID:
        found = api.get("/operations", id=wanted)["operations"]
        if not found:
            raise Fatal(f"there is no operation {prefix}", "look with `bmprov operation list`")
        if len(found) > 1:
            raise Fatal(f"{len(found)} operations begin with {prefix}", "give more of the id")
        wanted = found[0]["id"]
    told: Operation = api.get(path("operations", wanted))
    return told


def changes(api: Api, operation_id: str, sleep: Callable[[float], object] = time.sleep) -> Iterator[Operation]:
    """The operation, looked at again and again until it has ended. A service that restarts is waited for."""
    pause_s, answered = _LOOK_EVERY_S, time.monotonic()
    while True:
        try:
            operation: Operation = api.get(path("operations", operation_id))
        except Retryable:
            if time.monotonic() - answered > _PATIENCE_S:
                raise
        else:
            answered = time.monotonic()
            yield operation
            if finished(operation):
                return
        sleep(pause_s)
        pause_s = min(pause_s * 1.1, _LOOK_SLOWEST_S)


def ending(api: Api, operation_id: str) -> Operation:
    """The operation when it has ended, for a command that shows what it tells and not how it went."""
    [ended] = deque(changes(api, operation_id), maxlen=1)
    return ended


def show(screen: Console, seen: Iterator[Operation]) -> Operation:
    """Show an operation as it goes on: live on a terminal, else a line for each step. Returns how it ended."""
    if not screen.is_terminal:
        return _print_steps(screen, seen)
    operation: Operation = {}
    with Live(console=screen, refresh_per_second=8) as live:
        for operation in seen:
            live.update(picture(operation))
    return operation


def follow(api: Api, operation_id: str) -> None:
    """Show an operation until it has ended.

    Raises:
        Fatal: it failed or was cancelled.
    """
    operation = show(console(), changes(api, operation_id))
    if operation["state"] != "succeeded":
        what = f"{title(operation)} {operation['state']}"
        step = f" at '{operation['step']}'" if operation["step"] else ""
        raise Fatal(f"{what}{step} ({operation['error'] or 'no reason told'})", operation["check"] or "")


def title(operation: Operation) -> str:
    """What is done to which machine."""
    return f"{doing(operation)} of {operation['machine']}"


def doing(operation: Operation) -> str:
    """What is done."""
    return str(operation["command"] or operation["action"] or operation["kind"])


def who(operation: Operation) -> str:
    """Who asked for it: the account that asked CloudStack, through whom."""
    by, through = operation["asked_by"], str(operation["requested_by"])
    return f"{by} through {through}" if by else through


def picture(operation: Operation) -> RenderableType:
    """The operation: what it is, its steps so far, and how it stands."""
    shown = legible_json(operation)
    return Group(_head(shown), _steps(shown), *_foot(shown))


def _head(operation: Operation) -> RenderableType:
    head = Text.assemble((title(operation), "bold"), "  ", word(operation["state"]))
    head.append(f"  after {span(lasted(operation))}", style="dim")
    about = [f"operation {operation['id']}, asked for by {who(operation)}, {clock(operation['created_at'])}"]
    about += [f"for instance {operation['instance']}"] if operation["instance"] else []
    return Group(head, *(Text(line, style="dim") for line in about))


def _steps(operation: Operation) -> Table:
    table = Table("", "step", "began", "took", "", box=None, header_style="dim", pad_edge=False)
    table.columns[2].justify = table.columns[3].justify = "right"
    told = runs(operation)
    done = stages(told)
    for stage in done:
        under_way = stage is done[-1] and not finished(operation) and stage.goes_on
        took = _since(stage.began) if under_way else stage.seconds
        table.add_row(
            _mark(stage, under_way=under_way),
            stage.step,
            _began(stage, operation),
            span(took),
            _remark(stage, operation, under_way=under_way),
        )
        for again in stage.again:
            table.add_row("", "", "", "", Text(again, style="yellow"))
    ahead = operation["step"]
    if not finished(operation) and ahead and (not done or done[-1].step != ahead):
        table.add_row(Spinner("dots"), ahead, "", "", "")
    for note in notes(told):
        remark = Text(note.detail, style="yellow")
        table.add_row(Text("!", style="yellow"), note.step, _began(note, operation), span(note.seconds), remark)
    return table


def _began(stage: Stage, operation: Operation) -> str:
    created = moment(operation["created_at"])
    return f"+{span(stage.began - created.timestamp())}" if created else ""


def _mark(stage: Stage, *, under_way: bool) -> RenderableType:
    if under_way:
        return Spinner("dots", style="cyan")
    return Text("✗", style="bold red") if stage.outcome == "fail" else Text("✓", style="green")


def _remark(stage: Stage, operation: Operation, *, under_way: bool) -> RenderableType:
    progress = operation.get("progress")
    if under_way and progress and progress["total_bytes"]:
        return _bar(progress["done_bytes"], progress["total_bytes"])
    if under_way and stage.outcome == "wait":
        return Text(f"waits for {stage.detail}", style="cyan")
    if stage.outcome == "done":
        return Text(stage.detail, style="dim")
    return Text("" if stage.outcome == "retry" else stage.detail, style="red")


def _bar(done_bytes: int, total_bytes: int) -> Table:
    bar = Table.grid(padding=(0, 1))
    share = Text(f"{100 * done_bytes // total_bytes} % of {size(total_bytes)}", no_wrap=True)
    bar.add_row(ProgressBar(total=total_bytes, completed=done_bytes, width=_BAR_COLUMNS), share)
    return bar


def _foot(operation: Operation) -> Iterator[RenderableType]:
    if operation["error"]:
        yield Text(f"error  {operation['error']}", style="bold red")
    if operation["check"]:
        yield Text(f"check  {operation['check']}", style="yellow")
    if log := operation.get("ramdisk_log"):
        yield Text("the end of the ramdisk's log:", style="dim")
        yield Text("\n".join(f"  {line}" for line in log.splitlines()[-_LOG_LINES:]))
    if operation["message"] and operation["message"] not in (run["detail"] for run in operation["steps"]):
        yield Text(operation["message"], style="green")


def _print_steps(screen: Console, seen: Iterator[Operation]) -> Operation:
    """Without a terminal: a line for each step as it ends. Returns the operation's end."""
    printed, operation = 0, {}
    for operation in map(legible_json, seen):
        done = [stage for stage in stages(runs(operation)) if stage.outcome in ("done", "fail")]
        for stage in done[printed:]:
            screen.print(
                f"  {stage.step}: {stage.outcome} after {span(stage.seconds)}, {stage.detail}".removesuffix(", "),
                markup=False,
            )
        printed = len(done)
    for note in notes(runs(operation)) if operation else []:
        screen.print(f"  {note.step}: {note.detail}", markup=False)
    screen.print(f"{title(operation)} {operation['state']} after {span(lasted(operation))}", markup=False)
    return operation


def lasted(operation: Operation) -> float:
    """Seconds from its beginning to its end, or until now."""
    created, ended = moment(operation["created_at"]), moment(operation["finished_at"])
    return ((ended or datetime.now(UTC)) - created).total_seconds() if created else 0.0


def _since(began: float) -> float:
    return max(0.0, time.time() - began)
