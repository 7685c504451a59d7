"""The part of the screen that scrolls: lines of cells with a cursor that goes from key to key."""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from bmprov.cli.top.lines import Cell, Line

_ONE_LINE = str.maketrans("\n", " ")


class Board(ScrollView, can_focus=True):
    """Lines that are drawn as they come into view."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", "up", show=False),
        Binding("down,j", "step(1)", "down", show=False),
        Binding("left,h", "aside(-1)", "left", show=False),
        Binding("right,l", "aside(1)", "right", show=False),
        Binding("pageup", "leap(-1)", "page up", show=False),
        Binding("pagedown,space", "leap(1)", "page down", show=False),
        Binding("home,g", "edge(0)", "first", show=False),
        Binding("end,G", "edge(-1)", "last", show=False),
        Binding("enter", "open", "open"),
    ]

    class Moved(Message):
        """The cursor stands on something else."""

    class Opened(Message):
        """Somebody wants to see more of what the cursor stands on."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self) -> None:
        super().__init__()
        self.key = ""
        self._lines: Sequence[Line] = ()
        self._keys: list[str] = []
        self._first: dict[str, tuple[int, Cell]] = {}
        self._last_line: dict[str, int] = {}

    def put(self, lines: Sequence[Line]) -> None:
        """Show these lines. The cursor stays on its key, else on the one that stands in its place."""
        place = self._keys.index(self.key) if self.key in self._first else 0
        self._lines, self._first, self._last_line = lines, {}, {}
        for y, line in enumerate(lines):
            for cell in line:
                if cell.key:
                    self._first.setdefault(cell.key, (y, cell))
                    self._last_line[cell.key] = y
        self._keys = list(self._first)
        self.virtual_size = Size(self.scrollable_content_region.width, len(lines))
        if self.key not in self._first:
            self._stand(self._keys[min(place, len(self._keys) - 1)] if self._keys else "", scroll=bool(self.key))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        at, width = y + self.scroll_offset.y, self.scrollable_content_region.width
        base = self.rich_style
        if at >= len(self._lines):
            return Strip.blank(self.size.width, base)
        segments: list[Segment] = []
        x = 0
        for cell in self._lines[at]:
            segments.append(Segment(" " * max(0, cell.x - x), base))
            segments += self._drawn(cell, min(cell.width, width - cell.x), base)
            x = cell.x + cell.width
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _drawn(self, cell: Cell, width: int, base: Style) -> list[Segment]:
        text = cell.draw()
        line = Text(text.plain.translate(_ONE_LINE), end="")
        selected = bool(cell.key) and cell.key == self.key
        if not selected:
            line.stylize(text.style)
            line.spans += text.spans
        line.truncate(max(0, width), overflow="ellipsis", pad=True)
        if selected:
            line.stylize("reverse" if self.has_focus else "underline")
        return list(Segment.apply_style(line.render(self.app.console), base))

    def action_step(self, way: int) -> None:
        """To the key above or below; past the last one the lines scroll."""
        if self.key not in self._first:
            return self._scroll(way)
        from_y = self._last_line[self.key] if way > 0 else self._first[self.key][0]
        column = self._first[self.key][1].x
        for y in range(from_y + way, len(self._lines) if way > 0 else -1, way):
            cells = [cell for cell in self._lines[y] if cell.key]
            if cells:
                return self._stand(min(cells, key=lambda cell: abs(cell.x - column)).key)
        return self._scroll(way)

    def action_aside(self, way: int) -> None:
        """To the key before or after."""
        if self.key in self._first:
            place = self._keys.index(self.key) + way
            self._stand(self._keys[max(0, min(place, len(self._keys) - 1))])

    def action_leap(self, way: int) -> None:
        """A screen up or down."""
        height = max(1, self.scrollable_content_region.height - 1)
        if self.key not in self._first:
            return self._scroll(way * height)
        y, cell = self._first[self.key]
        wanted = max(0, min(y + way * height, len(self._lines) - 1))
        near = sorted(
            self._first, key=lambda key: (abs(self._first[key][0] - wanted), abs(self._first[key][1].x - cell.x))
        )
        return self._stand(near[0])

    def action_edge(self, place: int) -> None:
        """To the first or the last key."""
        if self._keys:
            self._stand(self._keys[place])
        self.scroll_to(y=0 if place == 0 else self.max_scroll_y, animate=False)

    def action_open(self) -> None:
        """Ask for more of what the cursor stands on."""
        if self.key in self._first:
            self.post_message(self.Opened(self.key))

    def on_click(self, event: events.Click) -> None:
        """The cursor goes where the mouse points; a double click opens."""
        y, x = event.y + self.scroll_offset.y, event.x
        line = self._lines[y] if y < len(self._lines) else ()
        under = next((cell.key for cell in line if cell.key and cell.x <= x < cell.x + cell.width), "")
        if under:
            self._stand(under)
            if event.chain > 1:
                self.action_open()

    def _scroll(self, lines: int) -> None:
        self.scroll_relative(y=lines, animate=False)

    def _stand(self, key: str, *, scroll: bool = True) -> None:
        """Put the cursor on a key and, if it is out of sight, scroll to it with a line to spare for its heading."""
        self.key = key
        if scroll and key:
            top, bottom = self._first[key][0], self._last_line[key]
            if top - 1 < self.scroll_offset.y:
                self.scroll_to(y=max(0, top - 1), animate=False)
            elif bottom >= self.scroll_offset.y + self.scrollable_content_region.height:
                self.scroll_to(y=bottom - self.scrollable_content_region.height + 1, animate=False)
        self.refresh()
        self.post_message(self.Moved())
