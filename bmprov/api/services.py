"""What the routes work with. Built once in each process, by its entry point."""

from dataclasses import dataclass

import structlog

from bmprov.errors import Retryable
from bmprov.model import Operation
from bmprov.orders import Orders
from bmprov.queue import JobQueue
from bmprov.store import Store
from images.blobs import ImageStore

_log = structlog.get_logger("bmprov.api")


@dataclass(frozen=True)
class Services:
    """The service behind the API."""

    store: Store
    queue: JobQueue
    orders: Orders
    images: ImageStore

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

    def progress(self, operation: Operation) -> tuple[int, int] | None:
        """Bytes written and bytes in all, while a machine writes its image; None when nobody knows."""
        if operation.finished:
            return None
        try:
            return self.queue.progress(operation.id)
        except Retryable as error:
            _log.warning("progress is not known", operation=operation.id, error=str(error))
            return None
