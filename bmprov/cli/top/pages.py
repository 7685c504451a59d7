"""The three pages that the keys 1, 2 and 3 show."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from rich.text import Text

from bmprov.cli.top import hall, happened, now
from bmprov.cli.top.details import MachinePage, OperationPage
from bmprov.cli.top.hall import Hall
from bmprov.cli.top.lines import Line, flowed, whole
from bmprov.cli.top.now import Now
from bmprov.cli.top.pace import Pace
from bmprov.cli.top.page import Page
from bmprov.model import FINAL

_ENDED_EVERY_S = 5.0
_NEWEST = 30
_EVENTS = 500
_PAGE = 1000


class NowPage(Page):
    """What is under way, and what has ended."""

    title_words = "Now"
    filter_words = "machine, what, step, person, instance"

    def __init__(self) -> None:
        super().__init__()
        self._now: Now | None = None
        self._pace = Pace()
        self._ended: list[Any] = []
        self._ended_at = 0.0
        self._ids: set[str] = set()

    async def ask(self) -> bool:
        """Whatever is under way; what has ended, when something has, and every few seconds."""
        at = time.monotonic()
        under_way = await self.top.service.every("/operations", "operations", unfinished=True, limit=_PAGE)
        ids = {one["id"] for one in under_way}
        if ids != self._ids or at - self._ended_at >= _ENDED_EVERY_S:
            self._ended = await self._ask_ended()
            self._ended_at, self._ids = at, ids
        self._pace.note(at, under_way)
        self._now = Now.of(under_way, self._ended, self._pace)
        return True

    async def _ask_ended(self) -> list[Any]:
        """The newest of each outcome, so that a failure is not lost among what succeeded."""
        ask = self.top.service.get
        told = await asyncio.gather(*(ask("/operations", state=state.value, limit=_NEWEST) for state in sorted(FINAL)))
        return [one for page in told for one in page["operations"]]

    def lines(self, width: int) -> Sequence[Line]:
        """The page."""
        return now.lines(self._now.found(self.wanted), width) if self._now else []

    def summary(self, width: int) -> Text:
        """How many do what."""
        del width
        return Text(now.summary(self._now)) if self._now else Text()

    def about(self, key: str) -> Text:
        """Who asked for what is under the cursor."""
        found = self._now.one(key) if self._now else None
        return now.about(found) if found else Text()

    def opened(self, key: str) -> Page | None:
        """Its timeline."""
        found = self._now.one(key) if self._now else None
        return OperationPage(key, found["machine"]) if found else None


class HallPage(Page):
    """All machines, by place."""

    every_s = 5.0
    title_words = "Hall"
    filter_words = "name, MAC, instance, tag, state, power, zone, rack"

    def __init__(self) -> None:
        super().__init__()
        self._told: list[Any] | None = None
        self._hall = Hall()

    async def ask(self) -> bool:
        """All machines; what was the same page before is the same object."""
        told = await self.top.service.every("/machines", "machines", limit=_PAGE)
        if self._told is not None and len(told) == len(self._told) and all(map(_same, told, self._told)):
            return False
        self._told, self._hall = told, await asyncio.to_thread(Hall.of, told)
        return True

    def lines(self, width: int) -> Sequence[Line]:
        """The machines that the filter lets through."""
        if self._told is not None and not self._told:
            return [whole("No machine is enrolled: see `bmprov machine enroll --help`.", width)]
        return hall.lines(self._hall.found(self.wanted), width)

    def summary(self, width: int) -> Text:
        """How many are in each state."""
        found = self._hall.found(self.wanted)
        share = [Text(f"{len(found)} of {len(self._hall.machines)}:", style="bold")] if self.wanted else []
        return flowed([*share, *hall.counts(found)], width)

    def about(self, key: str) -> Text:
        """The machine under the cursor."""
        found = next((one for one in self._hall.machines if one["name"] == key), None)
        return hall.about(found) if found else Text()

    def opened(self, key: str) -> Page | None:
        """The machine."""
        return MachinePage(key)


class EventsPage(Page):
    """Who did what."""

    every_s = 2.0
    title_words = "Events"
    filter_words = "what, machine, person, address, detail"

    def __init__(self) -> None:
        super().__init__()
        self._events: list[Any] | None = None

    async def ask(self) -> bool:
        """The newest events."""
        told = (await self.top.service.get("/events", limit=_EVENTS))["events"]
        fresh, self._events = told is not self._events, told
        return fresh

    def lines(self, width: int) -> Sequence[Line]:
        """The events that the filter lets through."""
        return [] if self._events is None else happened.lines(self._found, width)

    def summary(self, width: int) -> Text:
        """How many, and how many stand out."""
        del width
        return Text() if self._events is None else happened.summary(self._found)

    def about(self, key: str) -> Text:
        """The event under the cursor."""
        found = self._event(key)
        return happened.about(found) if found else Text()

    def opened(self, key: str) -> Page | None:
        """The operation that it is about, else the machine."""
        found = self._event(key)
        if found and found["operation"]:
            return OperationPage(found["operation"], found["machine"] or found["operation"][:8])
        return MachinePage(found["machine"]) if found and found["machine"] else None

    @property
    def _found(self) -> list[Any]:
        return happened.found(self._events or [], self.wanted)

    def _event(self, key: str) -> Any:  # noqa: ANN401 - JSON
        return next((one for one in self._events or [] if happened.key(one) == key), None)


def _same(one: object, other: object) -> bool:
    return one is other
