"""`bmprov top` on the screen (Textual): three pages, and what is under each thing on them. It reads and never orders.

The colours are those of the terminal, none with `NO_COLOR` (no-color.org). What others have written is never markup.
"""

import asyncio
import signal
import time
from typing import ClassVar

from rich.text import Text
from textual.app import App
from textual.binding import Binding, BindingType

from bmprov.cli.legible import legible
from bmprov.cli.login import Login
from bmprov.cli.top import vitals
from bmprov.cli.top.help import HelpPage
from bmprov.cli.top.pace import breather
from bmprov.cli.top.page import Page
from bmprov.cli.top.pages import EventsPage, HallPage, NowPage
from bmprov.cli.top.service import Service
from bmprov.errors import BmprovError

_FACTS_EVERY_S = 5.0


class Top(App[None]):
    """The application. `service` is open as long as it runs."""

    CSS = """
    Screen { background: ansi_default; }
    Board { height: 1fr; scrollbar-size-vertical: 1; overflow-x: hidden; }
    Board:focus { background-tint: initial; }
    #facts, #summary, #trouble { height: auto; max-height: 3; }
    #head, #about, #filter { height: 1; }
    HelpPage { align: center middle; }
    HelpPage Static { width: auto; height: auto; border: round ansi_default; padding: 0 2; }
    """
    MODES: ClassVar = {"now": NowPage, "hall": HallPage, "events": EventsPage}
    DEFAULT_MODE = "now"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "show('now')", "now"),
        Binding("2", "show('hall')", "hall"),
        Binding("3", "show('events')", "events"),
        Binding("tab", "show_next", "next page", show=False, priority=True),
        Binding("question_mark", "help", "help", key_display="?"),
        Binding("q", "quit", "quit"),
        Binding("ctrl+c", "quit", "quit", show=False, priority=True),
    ]
    TITLE = "bmprov top"
    tabs = ("Now", "Hall", "Events")

    def __init__(self, login: Login) -> None:
        super().__init__(ansi_color=True)
        self.theme = "ansi-dark"
        self.service = Service(login)
        self.endpoint = legible(login.endpoint)
        self.facts = Text()

    def on_mount(self) -> None:
        """Ask how the service is, for as long as this runs."""
        self.run_worker(self._ask_facts())
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self.exit)

    async def on_unmount(self) -> None:
        """Hang up."""
        await self.service.__aexit__(None, None, None)

    async def _ask_facts(self) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            try:
                self.facts, failures = Text("\n").join(vitals.lines(await self.service.get("/health"))), 0
            except BmprovError:
                failures += 1  # the page in sight says why
                self.facts = Text()
            if isinstance(self.screen, Page):
                self.screen.draw_head()
            await asyncio.sleep(breather(_FACTS_EVERY_S, time.monotonic() - began, failures))

    async def action_show(self, mode: str) -> None:
        """Show one of the three pages, whatever was opened from it before."""
        await self.switch_mode(mode)
        while len(self.screen_stack) > 1:
            await self.pop_screen()

    async def action_show_next(self) -> None:
        """Show the page after this one."""
        modes = list(self.MODES)
        await self.action_show(modes[(modes.index(self.current_mode) + 1) % len(modes)])

    def action_help(self) -> None:
        """Show the keys and the signs."""
        if isinstance(self.screen, Page):
            self.push_screen(HelpPage())
