"""How the demo looks: its acts, each call with its arguments, its answer and its time, and what was checked."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from bmprov.cli.timeline import Operation, show
from bmprov.sim.cloudstack import Result

_COLUMNS = 100
_ANSWER_CHARS = 340


class Screen:
    """The demo's output, at most 100 columns wide."""

    def __init__(self) -> None:
        wide = Console(highlight=False)
        self.console = Console(highlight=False, width=min(wide.width, _COLUMNS) if wide.is_terminal else _COLUMNS)

    def say(self, words: str) -> None:
        """A plain line."""
        self.console.print(Text(words))

    def act(self, title: str, words: str) -> None:
        """The heading of an act."""
        self.console.print()
        self.console.print(Rule(Text(title, style="bold"), align="left"))
        self.console.print(Text(words, style="dim"))

    def calls(self, action: str) -> None:
        """CloudStack is about to call."""
        self.console.print()
        self.console.print(Text.assemble(("CloudStack  ", "bold blue"), (action, "bold")))

    def called(self, result: Result) -> None:
        """A call that has ended."""
        entry, action, payload, timeout = result.argv
        line = f"  $ {Path(entry).name} {action} …/{Path(payload).name} {timeout}"
        self.console.print(Text(line, style="dim"))
        outcome = "exit 0" if result.succeeded else result.told
        self.console.print(Padding(Text(_short(result), style="cyan", overflow="fold"), (0, 0, 0, 2), expand=False))
        style = "dim" if result.succeeded else "bold red"
        self.console.print(Text(f"  {outcome} after {result.seconds * 1000:,.0f} ms", style=style))

    def operation(self, seen: Iterator[Operation]) -> None:
        """What happens behind a call."""
        show(self.console, seen)

    def holds(self, words: str) -> None:
        """Something that was checked and is so."""
        self.console.print(Text.assemble(("  ✓ ", "green"), words))

    def summary(self, results: Sequence[Result]) -> None:
        """All calls in one table."""
        table = Table("call", "ms", "answer", box=None, header_style="bold", pad_edge=False)
        table.columns[1].justify = "right"
        for result in results:
            table.add_row(result.argv[1], f"{result.seconds * 1000:,.0f}", Text(_essence(result), style="dim"))
        self.console.print()
        self.console.print(table)


def _short(result: Result) -> str:
    text = result.output.strip()
    return text if len(text) <= _ANSWER_CHARS else f"{text[:_ANSWER_CHARS]}… ({len(text)} characters)"


def _essence(result: Result) -> str:
    """What matters of an answer, in a line."""
    if not result.succeeded:
        return result.told
    answer = result.answer
    if "nics" in answer:
        return f"the instance's MACs: {', '.join(nic['mac'] for nic in answer['nics'])}"
    told = answer.get("power_state") or answer.get("message") or answer
    return told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)
