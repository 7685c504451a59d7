"""The keys and the signs."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Static

from bmprov.cli.top.hall import LIGHTS, SHAPES
from bmprov.cli.top.lines import flowed

_COLUMNS = 64
_KEYS = (
    ("1 2 3, Tab", "Now, Hall, Events"),
    ("arrows, PgUp PgDn", "move; Home and End: first and last"),
    ("Enter", "open a machine, or an operation's timeline"),
    ("/", "filter as you type; Enter keeps it, Esc ends it"),
    ("Esc", "back"),
    ("q, Ctrl-C", "quit"),
)


class HelpPage(ModalScreen[None]):
    """Before the page that it explains."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q,enter", "dismiss", "close")]

    def compose(self) -> ComposeResult:
        """One box."""
        yield Static(words())


def words() -> Text:
    """What the box says."""
    text = Text()
    for key, meaning in _KEYS:
        text.append(f"{key:<19}", style="bold").append(f"{meaning}\n")
    for name, looks in (("states", SHAPES), ("power", LIGHTS)):
        signs = flowed((Text.assemble(look, f" {word}") for word, look in looks.items()), _COLUMNS)
        text.append(f"\n{name}\n", style="dim").append_text(signs)
    text.append("\nmarks\n", style="dim").append("!", style="bold yellow").append(" in maintenance   ")
    text.append("▲", style="bold yellow").append(" power changed and nobody had ordered it\n")
    return text.append("\nThis only looks; orders are given with `bmprov machine`.", style="dim")
