"""The pages about one machine and about one operation."""

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from rich.text import Text

from bmprov.cli.api import path
from bmprov.cli.machine_view import record
from bmprov.cli.output import age, record_table, word
from bmprov.cli.timeline import doing, finished, picture, title
from bmprov.cli.top.lines import Cell, Line, drawn, heading, row, whole
from bmprov.cli.top.now import failure
from bmprov.cli.top.page import Page

_SHOWN = 20
_COLUMNS = (16, 12, 20)


class MachinePage(Page):
    """A machine: power with when it was read, hardware, NICs, BMC, instance, and what was done to it."""

    every_s = 2.0

    def __init__(self, name: str) -> None:
        super().__init__()
        self.title_words = self._machine_name = name
        self._machine: dict[str, Any] = {}
        self._operations: list[dict[str, Any]] = []

    async def ask(self) -> bool:
        """The machine, and the newest of what was done to it."""
        ask = self.top.service.get
        machine, newest = await asyncio.gather(
            ask(path("machines", self._machine_name)), ask("/operations", machine=self._machine_name, limit=_SHOWN)
        )
        fresh = machine is not self._machine or newest["operations"] is not self._operations
        self._machine, self._operations = machine, newest["operations"]
        return fresh

    def lines(self, width: int) -> Sequence[Line]:
        """Its record and its operations."""
        if not self._machine:
            return []
        shown = drawn(record_table(record(self._machine)), self.top.console, width)
        shown += [[], heading("Operations", width)]
        shown += [line for one in self._operations for line in _operation(one, width)]
        return shown if self._operations else [*shown, whole(Text("nothing was done to it yet", style="dim"), width)]

    def opened(self, key: str) -> Page | None:
        """The timeline of one of its operations."""
        return OperationPage(key, self._machine_name)


class OperationPage(Page):
    """An operation: its timeline, and why it failed."""

    def __init__(self, operation_id: str, machine: str) -> None:
        super().__init__()
        self.title_words, self._operation_id = machine, operation_id
        self._operation: dict[str, Any] = {}

    async def ask(self) -> bool:
        """The operation; one that has ended tells the same for ever."""
        known, self._operation = self._operation, await self.top.service.get(path("operations", self._operation_id))
        self.title_words = title(self._operation)
        return known is not self._operation or not finished(known)

    def lines(self, width: int) -> Sequence[Line]:
        """The timeline as `bmprov operation show` prints it."""
        if not self._operation:
            return []
        return drawn(picture(self._operation), self.top.console, width)


def _operation(one: dict[str, Any], width: int) -> Iterator[Line]:
    began, what, state = _COLUMNS
    rest = max(0, width - sum(_COLUMNS))
    yield row(
        [
            (began, lambda: Text(age(one["created_at"]), style="dim")),
            (what, lambda: Text(doing(one))),
            (state, lambda: word(one["state"])),
            (rest, lambda: Text(one["asked_by"] or one["requested_by"], style="dim")),
        ],
        one["id"],
    )
    if one["error"]:
        yield [Cell(2, width - 2, partial(failure, one), one["id"])]
