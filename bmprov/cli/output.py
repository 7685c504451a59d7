"""What the commands print: tables and records for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from bmprov.cli.legible import legible
from bmprov.quantities import coarse, span

_PIPE_COLUMNS = 400

COLOURS = {
    "available": "green",
    "active": "bold green",
    "succeeded": "green",
    "on": "green",
    "done": "green",
    "error": "bold red",
    "failed": "bold red",
    "fail": "bold red",
    "cancelled": "yellow",
    "retry": "yellow",
    "unknown": "yellow",
    "good": "green",
    "warning": "yellow",
    "bad": "bold red",
    "waiting": "cyan",
    "running": "cyan",
    "wait": "cyan",
    "deploying": "cyan",
}
"""Words of the service that have a colour wherever they stand."""


def console() -> Console:
    """Standard output. A pipe gets whole lines: what is cut to fit a screen is no use to `grep`."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=_PIPE_COLUMNS)


def progress_console() -> Console:
    """Standard error, for progress bars; standard output stays for answers."""
    return Console(stderr=True, highlight=False)


def print_json(value: object) -> None:
    """Print JSON, indented, with every character as it is."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Print a table, or the sentence `empty` when it has no rows."""
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(word(cell) for cell in row))
    put(table if table.row_count else Text(empty, style="dim"))


def print_record(fields: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one a line; a value of None is left out."""
    put(record_table(fields))


def record_table(fields: Iterable[tuple[str, object]]) -> Table:
    """The same as a table of two columns."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in fields:
        if value not in (None, "", []):
            table.add_row(name, word(value))
    return table


def put(what: RenderableType) -> None:
    """Print it; in a pipe without the blanks that fill a column, which would wrap where the pipe ends in a terminal."""
    screen = console()
    if screen.is_terminal:
        screen.print(what)
        return
    with screen.capture() as captured:
        screen.print(what, no_wrap=True)
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def word(value: object) -> Text:
    """A value as text, in the colour of its word if it has one. Never read as rich's markup, nor by the terminal."""
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else "" if value is None else str(value)
    return Text(legible(text), style=COLOURS.get(text, ""))


def moment(told: str | None) -> datetime | None:
    """A time as the API tells it."""
    return datetime.fromisoformat(told) if told else None


def clock(told: str | None) -> str:
    """A time in the operator's own time zone."""
    at = moment(told)
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else ""


def age(told: str | None) -> str:
    """How long ago a time is."""
    return f"{span(age_s(told))} ago" if told else ""


def age_s(told: str) -> float:
    """The same in seconds; 0 for a time to come."""
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(told)).total_seconds())


def ago(told: str | None) -> str:
    """The same in the largest unit alone: `6 min ago`."""
    return f"{coarse(age_s(told))} ago" if told else ""


def power(machine: dict[str, Any]) -> str:
    """The power of a machine in a table's cell: what was read last, and that reading fails when it does."""
    reading = machine["power"]
    return f"{reading['power']} (stale)" if reading["error"] else str(reading["power"])
