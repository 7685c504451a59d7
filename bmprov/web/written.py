"""How far images are written, for pages: it stands in Redis, and a page is shown without it when Redis is down."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence

import structlog

from bmprov.errors import Retryable
from bmprov.queue import JobQueue

_REST_S = 5.0

_log = structlog.get_logger("bmprov.web")


class Written:
    """Asks Redis, and after it did not answer not again for some seconds: a page must not wait for it each time."""

    def __init__(self, queue: JobQueue, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self._clock = clock
        self._lock = threading.Lock()
        self._rest_until = 0.0

    def of(self, operation_ids: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        """Bytes written and bytes in all, of those operations that have told."""
        with self._lock:
            if self._clock() < self._rest_until:
                return {}
        try:
            return self._queue.progress_of(operation_ids)
        except Retryable as error:
            _log.warning("progress is not known", why=str(error))
            with self._lock:
                self._rest_until = self._clock() + _REST_S
            return {}
