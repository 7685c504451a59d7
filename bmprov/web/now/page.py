"""The page at `/now`."""

from flask import Blueprint

from bmprov.roles import READERS
from bmprov.services import Services
from bmprov.web.live.topic import Topics
from bmprov.web.now.topic import NowTopic
from bmprov.web.render import page
from bmprov.web.visitor import allowed
from bmprov.web.written import Written

TOPIC = "now"


class NowPage:
    """What is going on."""

    def __init__(self, services: Services, topics: Topics, written: Written) -> None:
        self._store = services.store
        self._topics = topics
        topics.add(TOPIC, NowTopic(written, services.checkup))

    def register(self, web: Blueprint) -> None:
        """Add it to the page."""
        web.add_url_rule("/now", endpoint="now", view_func=allowed(READERS)(self.show))

    def show(self) -> str:
        """What is being done now, what ended lately, and who does it."""
        with self._store.read() as transaction:
            state = self._topics.paint(TOPIC, transaction)
        return page("now.html", title="Now", state=state, regions=state.regions)
