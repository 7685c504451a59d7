"""The page *Now* as lines: what is under way, the oldest first, and what has ended lately."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from rich.text import Text

from bmprov.cli.output import ago, clock, moment, word
from bmprov.cli.timeline import doing, finished, lasted, title, who
from bmprov.cli.top.lines import Cell, Line, heading, row, search, whole, widest
from bmprov.cli.top.pace import Pace
from bmprov.quantities import brief, size

_INDENT = 2
_BAR_COLUMNS = 24
_NAME_COLUMNS, _WHAT_COLUMNS, _AGE_COLUMNS = (10, 26), (10, 18), 13
_SHOWN_ENDED = 30

Operation = dict[str, Any]


@dataclass(frozen=True)
class Now:
    """What was told: operations under way, and those that have ended."""

    under_way: Sequence[Operation] = ()
    ended: Sequence[Operation] = ()
    pace: Pace = field(default_factory=Pace)

    @classmethod
    def of(cls, under_way: Sequence[Operation], ended: Sequence[Operation], pace: Pace) -> "Now":
        """The same, in the order in which it is shown."""
        newest = sorted(ended, key=lambda one: str(one["finished_at"]), reverse=True)
        return cls(sorted(under_way, key=lambda one: str(one["created_at"])), newest[:_SHOWN_ENDED], pace)

    def found(self, wanted: str) -> "Now":
        """Those that have all words that somebody has typed."""
        under_way, ended = (search(told, wanted, _words) for told in (self.under_way, self.ended))
        return Now(under_way, ended, self.pace)

    def one(self, operation_id: str) -> Operation | None:
        """The operation with this id."""
        return next((one for one in (*self.under_way, *self.ended) if one["id"] == operation_id), None)


def lines(now: Now, width: int) -> list[Line]:
    """The page, `width` columns wide."""
    columns = _columns([*now.under_way, *now.ended])
    shown = [heading(f"Under way ({len(now.under_way)})", width)]
    for one in now.under_way:
        rate = now.pace.of(one["id"])
        second = Cell(_INDENT, width - _INDENT, partial(_standing, one, rate, width), one["id"])
        shown += [_first(one, columns, width, _running_time), [second]]
    if not now.under_way:
        shown.append(whole(Text("Nothing is being done to any machine.", style="dim"), width, x=_INDENT))
    if now.ended:
        shown += [[], heading("Ended lately", width)]
    for one in now.ended:
        shown.append(_first(one, columns, width, _outcome))
        if one["state"] != "succeeded":
            shown.append([Cell(_INDENT, width - _INDENT, partial(failure, one), one["id"])])
    return shown


def summary(now: Now) -> str:
    """The page in a line."""
    waiting = sum(one["state"] == "waiting" for one in now.under_way)
    queued = sum(one["state"] == "queued" for one in now.under_way)
    failed = sum(one["state"] == "failed" for one in now.ended)
    told = f"{len(now.under_way)} under way ({waiting} waiting, {queued} in the queue)"
    return f"{told}; {failed} of the last {len(now.ended)} failed" if now.ended else told


def _columns(operations: Sequence[Operation]) -> tuple[int, int]:
    return (
        widest((one["machine"] for one in operations), _NAME_COLUMNS),
        widest(map(_what, operations), _WHAT_COLUMNS),
    )


def _first(one: Operation, columns: tuple[int, int], width: int, when: Callable[[Operation], Text]) -> Line:
    rest = max(0, width - sum(columns) - _AGE_COLUMNS)
    return row(
        [
            (columns[0], lambda: Text(one["machine"], style="bold")),
            (columns[1], lambda: Text(_what(one))),
            (rest - rest // 2, lambda: _step(one)),
            (rest // 2, lambda: Text(_who(one), style="dim")),
            (_AGE_COLUMNS, lambda: when(one)),
        ],
        one["id"],
    )


def _what(one: Operation) -> str:
    return f"power {one['action']}" if one["action"] else doing(one)


def _who(one: Operation) -> str:
    return str(one["asked_by"] or one["requested_by"])


def _step(one: Operation) -> Text:
    if one["state"] == "succeeded":
        return Text("succeeded", style="green")
    if finished(one):
        at = f" at {one['step']}" if one["step"] else ""
        return Text.assemble(word(one["state"]), at)
    attempt = f" (attempt {one['attempt'] + 1})" if one["attempt"] else ""
    return Text(f"{one['step'] or 'not begun'}{attempt}", style="cyan")


def _running_time(one: Operation) -> Text:
    return Text(brief(lasted(one)))


def _outcome(one: Operation) -> Text:
    return Text(ago(one["finished_at"]), style="dim")


def _standing(one: Operation, rate: float | None, width: int) -> Text:
    """What it does now: bytes, or what it waits for."""
    if one["progress"] and one["progress"]["total_bytes"]:
        return bar(one["progress"]["done_bytes"], one["progress"]["total_bytes"], rate, min(_BAR_COLUMNS, width // 4))
    if one["state"] == "waiting":
        return Text(f"waits for {one['waiting_for']}{_until(one['wait_until'])}")
    if one["waiting_for"]:
        return Text(one["waiting_for"], style="yellow")
    return Text("is in the queue" if one["state"] == "queued" else "a worker is at it", style="dim")


def _until(told: str | None) -> str:
    until = moment(told)
    if until is None:
        return ""
    left_s = (until - datetime.now(UTC)).total_seconds()
    at = until.astimezone().strftime("%H:%M:%S")
    return f", until {at}, {brief(left_s)} left" if left_s > 0 else f", until {at}: its time is up"


def bar(done_bytes: int, total_bytes: int, rate: float | None, columns: int) -> Text:
    """How far an image is written: `████████░░░░ 42 % of 4.0 GiB, 110.0 MiB/s, 22.1 s left`."""
    full = columns * min(done_bytes, total_bytes) // total_bytes
    shown = Text("█" * full, style="green").append("░" * (columns - full), style="dim")
    shown.append(f" {100 * done_bytes // total_bytes} % of {size(total_bytes)}", style="default")
    if rate is None:
        return shown
    if rate <= 0:
        return shown.append(", stands still", style="yellow")
    left_s = max(0, total_bytes - done_bytes) / rate
    return shown.append(f", {size(round(rate))}/s, {brief(left_s)} left", style="default")


def about(one: Operation) -> Text:
    """Who asked for it, through whom, for what."""
    instance = f", for instance {one['instance']}" if one["instance"] else ""
    about = f"  asked for by {who(one)}, {clock(one['created_at'])}{instance}"
    return Text.assemble((title(one), "bold"), about)


def _words(one: Operation) -> str:
    names = (
        "id",
        "machine",
        "kind",
        "action",
        "command",
        "state",
        "step",
        "requested_by",
        "asked_by",
        "instance",
        "error",
    )
    return " ".join(str(one[name] or "") for name in names)


def failure(one: Operation) -> Text:
    """Why it did not succeed, and what to check."""
    text = Text(one["error"] or "no reason was told", style="red" if one["state"] == "failed" else "yellow")
    return text.append(f": {one['check']}", style="default") if one["check"] else text
