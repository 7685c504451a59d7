"""What the routes work with. Built once in each process, by its entry point."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

import structlog

from bmprov import tickets
from bmprov.console import issue
from bmprov.errors import Retryable
from bmprov.health import Checkup, Watched
from bmprov.model import Operation
from bmprov.orders import LINK_S, Caller, ConsoleOrder, Orders
from bmprov.queue import JobQueue
from bmprov.settings import ConsoleSettings
from bmprov.store import Store
from bmprov.vault import Vault
from bmprov.web_settings import WebSettings
from images.blobs import ImageStore

_log = structlog.get_logger("bmprov.api")

_SIGN_IN = "sign-in"


@dataclass(frozen=True)
class Services:
    """The service behind the API."""

    store: Store
    queue: JobQueue
    orders: Orders
    images: ImageStore
    vault: Vault
    console: ConsoleSettings
    web: WebSettings = field(default_factory=WebSettings)
    watched: Watched = field(default_factory=Watched)

    @cached_property
    def checkup(self) -> Checkup:
        """Knows how the service is."""
        return Checkup(self.store, self.queue.hasty, self.watched)

    def nudge(self, operation: Operation) -> None:
        """Tell a worker about an operation that has been committed.

        Redis may be down: the operation stands in the database, and `watch` nudges again as soon as it can.
        """
        if operation.finished:
            return
        try:
            self.queue.nudge(operation)
        except Retryable as error:
            _log.warning("no worker was told, watch will", operation=operation.id, error=str(error))

    def console_url(self, order: ConsoleOrder, called: str) -> str:
        """Where the browser finds the console: a ticket, or the BMC's own. `called` is the name the API is called by.

        Raises:
            Retryable: Redis does not answer.
        """
        if order.graphical:
            return order.graphical
        host = urlsplit(f"//{called}").hostname or called
        base = self.console.url or f"https://{f'[{host}]' if ':' in host else host}:{self.console.port}"
        # behind the `#`, which a browser tells nobody
        return f"{base.rstrip('/')}/console#{issue(self.queue, self.vault, order.admission)}"

    def sign_in_url(self, name: str, caller: Caller, called: str) -> str:
        """Where a person signs in without a password: one browser, once, within `LINK_S` seconds.

        Raises:
            Conflict: they may not sign in so.
            NotFound: there is nobody of this name.
            Retryable: Redis does not answer.
        """
        self.queue.ping()  # before it is written down that a link was made
        person = self.orders.person_to_link(name, caller)
        content = {"person": person.id, "by": caller.name}
        return f"{self._page(called)}/sign-in/link#{tickets.issue(self.queue, self.vault, _SIGN_IN, content, LINK_S)}"

    def redeem_sign_in(self, ticket: str) -> tuple[str, str] | None:
        """The id of the person whom a sign-in link is for, and who has made it; None when it is good no more.

        Raises:
            Retryable: Redis does not answer.
        """
        told = tickets.redeem(self.queue, self.vault, _SIGN_IN, ticket)
        return None if told is None else (str(told["person"]), str(told["by"]))

    def wall_url(self, secret: str, called: str) -> str:
        """What a screen on a wall is to open."""
        return f"{self._page(called)}/wall#{secret}"

    def _page(self, called: str) -> str:
        return self.web.url or f"https://{called}"

    def progress(self, operation: Operation) -> tuple[int, int] | None:
        """Bytes written and bytes in all, while a machine writes its image; None when nobody knows."""
        if operation.finished:
            return None
        try:
            return self.queue.progress(operation.id)
        except Retryable as error:
            _log.warning("progress is not known", operation=operation.id, error=str(error))
            return None

    def progress_of(self, operations: Iterable[Operation]) -> dict[str, tuple[int, int]]:
        """The same of many operations, by id; empty when nobody knows."""
        try:
            return self.queue.progress_of([one.id for one in operations if not one.finished])
        except Retryable as error:
            _log.warning("progress is not known", error=str(error))
            return {}
