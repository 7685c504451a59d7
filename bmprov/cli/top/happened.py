"""The page *Events* as lines: who did what, the newest first. Power that nobody ordered stands out."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from rich.text import Text

from bmprov.cli.output import moment
from bmprov.cli.top.lines import Line, heading, row, search, whole, widest
from bmprov.happening import out_of_band

_TIME_COLUMNS = 10
_MACHINE_COLUMNS = (10, 26)
_WHAT_COLUMNS = (10, 26)
_MARK_COLUMNS = 2
_BAD = ("failed", "refused", "error", "quarantine")

Event = dict[str, Any]


def lines(events: Sequence[Event], width: int) -> list[Line]:
    """The page, `width` columns wide: a heading for each day."""
    columns = (
        widest((one["machine"] or "" for one in events), _MACHINE_COLUMNS),
        widest((one["what"] for one in events), _WHAT_COLUMNS) + _MARK_COLUMNS,
    )
    shown: list[Line] = []
    day = ""
    for event in events:
        if (today := _day(event)) != day:
            shown += [[]] if shown else []
            shown.append(heading(today, width))
            day = today
        shown.append(_row(event, columns, width))
    return shown or [whole(Text("Nothing has happened yet.", style="dim"), width)]


def found(events: Sequence[Event], wanted: str) -> list[Event]:
    """The events that have all words that somebody has typed."""
    return search(events, wanted, _words)


def summary(events: Sequence[Event]) -> Text:
    """The page in a line."""
    loud = sum(out_of_band(one["what"]) for one in events)
    text = Text(f"the newest {len(events)} events")
    return text.append(f"; power that nobody ordered: {loud}", style="bold yellow") if loud else text


def about(event: Event) -> Text:
    """An event in full."""
    who = " from ".join(filter(None, (event["actor"], event["origin"])))
    what = Text(" ".join(filter(None, (event["what"], event["machine"]))), style="bold")
    what.append(f"  by {who}", style="default")
    return what.append(f": {event['detail']}", style="default") if event["detail"] else what


def key(event: Event) -> str:
    """How the cursor knows it."""
    return str(event["id"])


def _words(event: Event) -> str:
    names = ("what", "machine", "actor", "origin", "detail", "instance", "operation")
    return " ".join(str(event[name] or "") for name in names)


def _day(event: Event) -> str:
    at = moment(event["at"])
    return at.astimezone().strftime("%A, %d %B %Y") if at else ""


def _row(event: Event, columns: tuple[int, int], width: int) -> Line:
    machine_columns, what_columns = columns
    rest = max(0, width - _TIME_COLUMNS - machine_columns - what_columns)
    by_columns = min(24, rest // 3)
    return row(
        [
            (_TIME_COLUMNS, partial(_time, event)),
            (machine_columns, lambda: Text(event["machine"] or "", style="bold")),
            (what_columns, partial(_what, event)),
            (by_columns, lambda: Text(event["actor"], style="dim")),
            (rest - by_columns, lambda: Text(event["detail"])),
        ],
        key(event),
    )


def _time(event: Event) -> Text:
    at = moment(event["at"])
    return Text(at.astimezone().strftime("%H:%M:%S") if at else "", style="dim")


def _what(event: Event) -> Text:
    if out_of_band(event["what"]):
        return Text(f"▲ {event['what']}", style="bold yellow")
    return Text(f"  {event['what']}", style="red" if any(bad in event["what"] for bad in _BAD) else "default")
