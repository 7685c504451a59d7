"""What a live page shows: a topic, which is a set of regions, each an element's id and its HTML.

A region's HTML is a function of what is stored and of nothing else (a time is written as a time, and never as `3 s
ago`), so that all processes render the same state alike and an etag names it for all of them.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from markupsafe import Markup

from bmprov.errors import NotFound
from bmprov.store import Transaction
from bmprov.web.live.etag import Checksums
from bmprov.web.render import State


class Topic(Protocol):
    """Something that pages show. One object may be asked by several threads at once."""

    every_s: float | None
    """Look again this often although nothing was committed, for what comes from Redis or the clock; None: never."""

    def look(self, transaction: Transaction) -> Mapping[str, Markup]:
        """The regions as they are now: the outer HTML of each element, by its id. Templates may be rendered.

        Raises:
            NotFound: what it shows is gone.
            Retryable: the database does not answer. (Redis that does not is something to show.)
        """


class Topics:
    """All topics by name: `hall`, or `machine/ID` for what there are many of."""

    def __init__(self) -> None:
        self._single: dict[str, Topic] = {}
        self._many: dict[str, Callable[[str], Topic]] = {}

    def add(self, name: str, topic: Topic) -> None:
        """A topic that there is one of."""
        self._single[name] = topic

    def add_each(self, prefix: str, make: Callable[[str], Topic]) -> None:
        """The topics `prefix/ID`: `make` is called with the id, and need not know whether there is such a thing."""
        self._many[prefix] = make

    def named(self, name: str) -> Topic:
        """The topic of this name.

        Raises:
            NotFound: there is none.
        """
        prefix, _, rest = name.partition("/")
        if name in self._single:
            return self._single[name]
        if rest and prefix in self._many:
            return self._many[prefix](rest)
        raise NotFound(f"there is no page '{name}' to follow", "reload the page")

    def paint(self, name: str, transaction: Transaction) -> State:
        """What a page of this topic shows when it is first painted.

        Raises:
            NotFound: there is no such topic, or what it shows is gone.
        """
        return page_state(name, self.named(name), transaction)


def page_state(name: str, topic: Topic, transaction: Transaction) -> State:
    """A topic as it is now, and the etag that names this state."""
    regions = topic.look(transaction)
    return State(name, Checksums.of(regions).etag, regions)
