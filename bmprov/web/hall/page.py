"""The hall's page: every machine of every site, where it stands."""

from flask import Blueprint

from bmprov.lifecycle import State
from bmprov.roles import READERS
from bmprov.services import Services
from bmprov.web.hall.topic import HallTopic
from bmprov.web.live.topic import Topics
from bmprov.web.render import State as Shown
from bmprov.web.render import page
from bmprov.web.visitor import allowed
from bmprov.web.written import Written

TOPIC = "hall"


class HallPage:
    """The page at `/`."""

    def __init__(self, services: Services, topics: Topics, written: Written) -> None:
        self._store = services.store
        self._topic = HallTopic(written, services.watched.freshness_s)
        topics.add(TOPIC, self._topic)

    def register(self, web: Blueprint) -> None:
        """Add it to the page."""
        web.add_url_rule("/", endpoint="hall", view_func=allowed(READERS)(self.show))

    def show(self) -> str:
        """The hall as it is now. Search and filters are the browser's: everything is in the page."""
        with self._store.read() as transaction:
            picture = self._topic.picture(transaction)
        return page(
            "hall.html",
            title="Hall",
            state=Shown(TOPIC, picture.etag, picture.regions),
            picture=picture,
            states=list(State),
            count=len(picture.seen.stands),
        )
