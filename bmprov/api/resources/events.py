"""Routes of audit events."""

from http import HTTPMethod

from bmprov.api.routing import API, route
from bmprov.api.shapes.event import EVENTS, EventFilter, EventList, EventOut
from bmprov.api.shapes.page import cut
from bmprov.roles import READERS
from bmprov.services import Services


class Events:
    """Who did what, when and from where."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @route(HTTPMethod.GET, f"{API}/events", roles=READERS, answers={200: EventList})
    def newest(self, query: EventFilter) -> EventList:
        """List audit events, newest first."""
        with self._services.store.read() as transaction:
            found = transaction.events.page(query.to_search(), limit=query.limit + 1, before=query.before)
        events, after = cut(found, query.limit, EVENTS, lambda event: (event.id,))
        return EventList(events=[EventOut.of(event) for event in events], next=after)
