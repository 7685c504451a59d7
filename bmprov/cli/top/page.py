"""What all pages share: a head, lines that scroll, a filter, a sentence when something is wrong, and the asking."""

import asyncio
import time
from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from bmprov.cli.legible import legible
from bmprov.cli.top.board import Board
from bmprov.cli.top.lines import Line
from bmprov.cli.top.pace import breather
from bmprov.errors import BmprovError

if TYPE_CHECKING:
    from textual.worker import Worker

    from bmprov.cli.top.app import Top


class Page(Screen[None]):
    """A page that asks the service for what it shows as long as it is in sight, one question at a time."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", key_display="/"),
        Binding("escape", "back", "back"),
    ]

    every_s = 1.0
    title_words = ""
    filter_words = ""

    def __init__(self) -> None:
        super().__init__()
        self.wanted = ""
        self._as_of: datetime | None = None
        self._trouble = ""
        self._failures = 0
        self._asking: Worker[None] | None = None

    @property
    def top(self) -> "Top":
        """The application."""
        return cast("Top", self.app)

    def compose(self) -> ComposeResult:
        """The parts of a page, from above."""
        yield Static(id="head", markup=False)
        yield Static(id="facts", markup=False)
        yield Static(id="summary", markup=False)
        yield Board()
        yield Static(id="about", markup=False)
        yield Static(id="trouble", markup=False)
        yield Input(id="filter", placeholder=f"/ to filter by {self.filter_words}", compact=True)
        yield Footer(show_command_palette=False)

    @abstractmethod
    async def ask(self) -> bool:
        """Ask the service; whether there is anything new.

        Raises:
            BmprovError: there was no answer, or a refusal.
        """

    @abstractmethod
    def lines(self, width: int) -> Sequence[Line]:
        """What is shown, `width` columns wide."""

    def summary(self, width: int) -> Text:
        """The page in a line or two."""
        del width
        return Text()

    def about(self, key: str) -> Text:
        """What stands under the cursor, in a line."""
        del key
        return Text()

    def opened(self, key: str) -> "Page | None":
        """The page about what stands under the cursor."""
        del key
        return None

    def draw(self) -> None:
        """Show what is known anew."""
        for board in self.query(Board):  # none when the page comes or goes
            board.put(self.lines(max(1, board.scrollable_content_region.width)))
            self._say("about", self.about(board.key))
        self._say("summary", self.summary(self.size.width))
        self.draw_head()

    def draw_head(self) -> None:
        """Show when this was true, how the service is, and what is wrong."""
        as_of = f"as of {self._as_of:%H:%M:%S}" if self._as_of else "asking"
        self._say("head", head(self.title_words, self.top.tabs, self.top.endpoint, as_of, self.size.width))
        self._say("facts", self.top.facts)
        self._say("trouble", Text(self._trouble and f"{self._trouble}. Trying again.", style="bold red"))

    def on_mount(self) -> None:
        """The keys move the cursor."""
        self.query_one(Input).display = bool(self.filter_words)
        self.query_one(Board).focus()

    def on_screen_resume(self) -> None:
        """In sight: begin to ask."""
        self.draw()
        self._asking = self.run_worker(self._ask_on, exclusive=True, group="asking")

    def on_screen_suspend(self) -> None:
        """Out of sight: ask no more."""
        if self._asking:
            self._asking.cancel()

    def on_resize(self) -> None:
        """The lines are as wide as the screen."""
        self.call_after_refresh(self.draw)

    async def _ask_on(self) -> None:
        while True:
            began = time.monotonic()
            fresh = await self._ask_once()
            if fresh:
                self.draw()
            else:
                self.query(Board).refresh()  # ages go on
                self.draw_head()
            await asyncio.sleep(breather(self.every_s, time.monotonic() - began, self._failures))

    async def _ask_once(self) -> bool:
        try:
            fresh = await self.ask()
        except BmprovError as error:
            self._failures += 1
            self._trouble = legible(str(error)).replace("\n", " ")
            return False
        self._as_of = datetime.now().astimezone()
        self._trouble, self._failures = "", 0
        return fresh

    def _say(self, where: str, words: Text) -> None:
        for place in self.query(f"#{where}").results(Static):
            place.display = bool(words.plain)
            place.update(words)

    def action_filter(self) -> None:
        """Ask what to look for."""
        self.query_one(Input).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A page without a filter does not offer one, and one without a page before it no way back."""
        del parameters
        if action == "back":
            return not self.filter_words or self.query_one(Input).has_focus or bool(self.wanted)
        return bool(self.filter_words) or action != "filter"

    def action_back(self) -> None:
        """Out of the filter, else back to the page before."""
        field = self.query_one(Input)
        if field.value or field.has_focus:
            field.value = ""
            self._leave_filter()
        elif len(self.top.screen_stack) > 1:
            self.top.pop_screen()

    @on(Input.Changed, "#filter")
    def _filtered(self, event: Input.Changed) -> None:
        self.wanted = event.value
        self.refresh_bindings()
        self.draw()

    @on(Input.Submitted, "#filter")
    def _leave_filter(self) -> None:
        """The filter stays; the keys move the cursor again."""
        self.query_one(Board).focus()

    @on(Board.Moved)
    def _moved(self) -> None:
        self._say("about", self.about(self.query_one(Board).key))

    @on(Board.Opened)
    def _opened(self, event: Board.Opened) -> None:
        if page := self.opened(event.key):
            self.top.push_screen(page)


def head(title: str, tabs: Sequence[str], endpoint: str, as_of: str, width: int) -> Text:
    """The first line: the pages with the one in sight marked, the service, and when this was true."""
    line = Text("bmprov ", style="bold")
    for tab in tabs:
        line.append(f" {tab} ", style="reverse" if tab == title else "default")
    if title not in tabs:
        line.append(f" {title} ", style="reverse")
    right = Text(f"{endpoint}  ", style="dim").append(as_of, style="default")
    if line.cell_len + right.cell_len + 1 > width:
        right = Text(as_of)
    line.truncate(max(0, width - right.cell_len - 1), overflow="ellipsis", pad=True)
    return line.append(" ").append_text(right)
