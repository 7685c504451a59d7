"""The Events page: who did what, when and from where; the newest on top, as they happen."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, render_template, request
from markupsafe import Markup

from bmprov.errors import Invalid
from bmprov.happening import KINDS, Kind, out_of_band, plain
from bmprov.model import AuditEvent
from bmprov.roles import READERS
from bmprov.services import Services
from bmprov.store import Transaction
from bmprov.store.events import EventSearch
from bmprov.web.live.topic import Topics, page_state
from bmprov.web.render import page, part
from bmprov.web.visitor import allowed

TOPIC = "events"

_PAGE = 50
_LONGEST = 200


@dataclass(frozen=True)
class Line:
    """An event as a row: what happened in plain words, and whether it must not be overlooked."""

    event: AuditEvent
    words: str
    loud: bool

    @classmethod
    def of(cls, event: AuditEvent) -> "Line":
        """The row of an event."""
        return cls(event, plain(event.what), out_of_band(event.what))


@dataclass(frozen=True)
class Filters:
    """What the reader looks for, as it stands in the address."""

    machine: str = ""
    who: str = ""
    kind: Kind | None = None

    @classmethod
    def of(cls, told: Mapping[str, str]) -> "Filters":
        """From an address.

        Raises:
            Invalid: it names a kind that there is not.
        """
        kind = told.get("kind", "")
        if kind and kind not in list(Kind):
            raise Invalid(f"there are no events of the kind '{kind[:40]}'", f"one of {', '.join(Kind)}")
        machine, who = (told.get(name, "").strip()[:_LONGEST] for name in ("machine", "who"))
        return cls(machine, who, Kind(kind) if kind else None)

    @property
    def search(self) -> EventSearch:
        """The same for the database."""
        return EventSearch(self.machine, self.who, KINDS[self.kind].begins if self.kind else ())

    def address(self, **more: object) -> str:
        """The address of the page that looks for this; `more` replaces or adds, and what is empty is left out."""
        told = {"kind": self.kind or "", "machine": self.machine, "who": self.who, **more}
        query = urlencode({name: value for name, value in told.items() if value})
        return f"/events?{query}" if query else "/events"


class Newest:
    """The topic of the page: it only tells that there is something new, and each page fetches what it looks for."""

    every_s: float | None = None

    def look(self, transaction: Transaction) -> Mapping[str, Markup]:
        """One region: a hidden element that changes with every event."""
        return {"events-tail": part("events_parts.html", "tail", transaction.events.tail())}


class EventsPage:
    """The page at `/events`."""

    def __init__(self, services: Services, topics: Topics) -> None:
        self._services = services
        self._topic = Newest()
        topics.add(TOPIC, self._topic)

    def register(self, web: Blueprint) -> None:
        """Add the views."""
        web.add_url_rule("/events", view_func=self.events)
        web.add_url_rule("/events/rows", "event_rows", self.rows)

    @allowed(READERS)
    def events(self) -> str:
        """The page, at the newest events or further back."""
        filters, before, after = Filters.of(request.args), _number("before"), _number("after")
        with self._services.store.read() as transaction:
            found = transaction.events.page(filters.search, limit=_PAGE + 1, before=before, after=after)
            machines, actors = transaction.events.recent_names()
            state = page_state(TOPIC, self._topic, transaction)
        beyond = len(found) > _PAGE
        shown = found[-_PAGE:] if after is not None else found[:_PAGE]
        newest = before is None and (after is None or not beyond)
        return page(
            "events.html",
            title="Events",
            state=state if newest else None,
            filters=filters,
            lines=[Line.of(event) for event in shown],
            kinds=KINDS,
            machines=machines,
            actors=actors,
            newer="" if newest or not shown else filters.address(after=shown[0].id),
            older=filters.address(before=shown[-1].id) if shown and (beyond or after is not None) else "",
            paged=before is not None or after is not None,
        )

    @allowed(READERS)
    def rows(self) -> str:
        """The rows of the newest events alone, for a page that is open."""
        with self._services.store.read() as transaction:
            found = transaction.events.page(Filters.of(request.args).search, limit=_PAGE)
        return render_template("events_rows.html", lines=[Line.of(event) for event in found])


def _number(name: str) -> int | None:
    told = request.args.get(name)
    if told is None:
        return None
    if not (told.isascii() and told.isdecimal() and len(told) < 16):  # noqa: PLR2004 - less than SQL's integers
        raise Invalid(f"'{name}' is not the number of an event", "begin again at the newest events")
    return int(told)
