"""`/live/TOPIC`: the stream that keeps an open page up to date."""

from http import HTTPStatus

from flask import Blueprint, Response, request

from bmprov.roles import READERS
from bmprov.store import Store
from bmprov.web.live.follower import Listener
from bmprov.web.live.hub import Hub
from bmprov.web.live.response import StreamResponse
from bmprov.web.live.stream import Stream
from bmprov.web.visitor import allowed, visitor

_RETRY_AFTER_S = 30


class Live:
    """The view, on one hub."""

    def __init__(self, hub: Hub, store: Store) -> None:
        self._hub = hub
        self._clock = store.clock

    def register(self, web: Blueprint) -> None:
        """Add it to the page."""
        web.add_url_rule("/live/<path:topic>", endpoint="live", view_func=allowed(READERS)(self.stream))

    def stream(self, topic: str) -> Response:
        """Everything that changes on a page of this topic, from the state that the page names on.

        Raises:
            NotFound: there is no such topic.
        """
        shown = self._hub.topics.named(topic)
        if self._hub.full:
            told = {"Retry-After": str(_RETRY_AFTER_S)}
            return Response("too many pages are open", HTTPStatus.SERVICE_UNAVAILABLE, told, "text/plain")
        etag = request.headers.get("Last-Event-ID") or request.args.get("etag", "")
        guest = visitor()

        def join(stream: Stream) -> None:
            self._hub.join(topic, shown, Listener(stream, etag, guest))

        return StreamResponse(self._hub, self._clock, join)
