"""What the routes work with. Built once in each process, by its entry point."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

import structlog

from bmprov.console import issue
from bmprov.errors import Retryable
from bmprov.health import Checkup, Watched
from bmprov.model import Operation
from bmprov.orders import ConsoleOrder, Orders
from bmprov.queue import JobQueue
from bmprov.settings import ConsoleSettings
from bmprov.store import Store
from bmprov.vault import Vault
from images.blobs import ImageStore

_log = structlog.get_logger("bmprov.api")


@dataclass(frozen=True)
class Services:
    """The service behind the API."""

    store: Store
    queue: JobQueue
    orders: Orders
    images: ImageStore
    vault: Vault
    console: ConsoleSettings
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
