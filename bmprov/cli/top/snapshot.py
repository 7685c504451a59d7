"""What is under way, printed once: for a pipe, a log, a script."""

from rich.text import Text

from bmprov.cli.api import Api
from bmprov.cli.legible import legible, legible_json
from bmprov.cli.output import put
from bmprov.cli.top import now, vitals
from bmprov.cli.top.lines import Line
from bmprov.cli.top.now import Now
from bmprov.cli.top.pace import Pace
from bmprov.errors import BmprovError
from bmprov.model import FINAL

_COLUMNS = 160
_NEWEST = 30


def snapshot(api: Api) -> None:
    """Print the page *Now* as plain lines."""
    under_way = legible_json(api.every("operations", unfinished=True))
    pages = (api.get("/operations", state=state.value, limit=_NEWEST) for state in sorted(FINAL))
    ended = legible_json([one for page in pages for one in page["operations"]])
    told = Now.of(under_way, ended, Pace())
    for one in _vitals(api):
        put(one)
    put(Text(now.summary(told)))
    for cells in now.lines(told, _COLUMNS):
        put(_plain(cells))


def _vitals(api: Api) -> list[Text]:
    """How the service is; what is under way is told without it too."""
    try:
        return vitals.lines(legible_json(api.get("/health")))
    except BmprovError as error:
        return [Text(legible(f"how the service is, nobody knows: {error}"))]


def _plain(cells: Line) -> Text:
    text = Text()
    for cell in cells:
        text.append(" " * max(0, cell.x - text.cell_len))
        text.append_text(cell.draw())
    text.rstrip()
    return text
