"""What a page shows: lines of cells, each drawn when it comes into view, so that a hall of ten thousand costs a screen.

A cell with a key is something that the cursor can stand on; several lines may belong to one key.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.segment import Segment
from rich.text import Text

GAP = 2

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Cell:
    """A part of a line, `width` columns from column `x`."""

    x: int
    width: int
    draw: Callable[[], Text]
    key: str = ""


Line = Sequence[Cell]


def whole(text: Text | str, width: int, key: str = "", x: int = 0) -> Line:
    """A line of one text."""
    words = Text(text) if isinstance(text, str) else text
    return [Cell(x, width - x, lambda: words, key)]


def heading(text: str, width: int) -> Line:
    """The line above a section."""
    return whole(Text(text, style="bold"), width)


def row(cells: Iterable[tuple[int, Callable[[], Text]]], key: str = "", x: int = 0) -> Line:
    """A line of a table: the width of each column, with the gap behind it, and what stands there."""
    line = []
    for width, draw in cells:
        line.append(Cell(x, width, partial(_before_gap, draw, width), key))
        x += width
    return line


def _before_gap(draw: Callable[[], Text], width: int) -> Text:
    text = draw()
    text.truncate(max(0, width - GAP), overflow="ellipsis")
    return text


def widest(texts: Iterable[str], bounds: tuple[int, int]) -> int:
    """The width of a column for these texts, with the gap behind it, between two bounds."""
    least, most = bounds
    return max(least, min(most, max((cell_len(text) for text in texts), default=0) + GAP))


def search(found: Iterable[_T], wanted: str, words: Callable[[_T], str]) -> list[_T]:
    """Those whose words have all that somebody has typed."""
    asked = wanted.lower().split()
    return [one for one in found if all(word in words(one).lower() for word in asked)] if asked else list(found)


def flowed(parts: Iterable[Text], width: int) -> Text:
    """Words that stay whole, in lines of `width`."""
    text, used = Text(), 0
    for part in parts:
        if used and used + GAP + part.cell_len > width:
            text, used = text.append("\n"), 0
        text.append(" " * GAP if used else "").append_text(part)
        used += part.cell_len + (GAP if used else 0)
    return text


def drawn(what: RenderableType, console: Console, width: int) -> list[Line]:
    """Anything of rich's as lines, `width` columns wide."""
    made = console.render_lines(what, console.options.update(width=width, highlight=False))
    return [whole(_text(segments), width) for segments in made]


def _text(segments: Iterable[Segment]) -> Text:
    return Text.assemble(*((segment.text, segment.style or "") for segment in segments if not segment.control))
