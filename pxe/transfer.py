"""Large files on their way to machines: so many at once and no more.

A transfer occupies a thread for as long as the machine takes to write. If all threads did that, no machine could tell
how far it is or that it is done. So some are kept free, and a machine that comes when every slot is taken asks again.
"""

import io
import threading
from collections.abc import Callable
from pathlib import Path

from flask import Response, request, send_file
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from pxe.admission import Denied

_KEPT_FREE = 4  # one thread in four
_ASK_AGAIN_S = 2


class _Held(io.FileIO):
    """An open file that gives its slot back when it is closed, whoever closes it."""

    def __init__(self, path: Path, give_back: Callable[[], None]) -> None:
        super().__init__(path)
        self._give_back = give_back

    def close(self) -> None:
        """Close it; the slot is free again."""
        if not self.closed:
            super().close()
            self._give_back()


class Transfers:
    """The slots of a process with so many threads."""

    def __init__(self, threads: int) -> None:
        self._slots = threading.BoundedSemaphore(max(1, threads - max(1, threads // _KEPT_FREE)))

    def send(self, path: Path, etag: str = "") -> Response:
        """The file, or the range of it that was asked for.

        Raises:
            Denied: 404 when it cannot be read, 503 when every slot is taken.
        """
        file = self._opened(path)
        told = path.stat()
        # not the path but the open file: gunicorn hands it to sendfile(2), and whoever closes it frees the slot
        response = send_file(file, mimetype="application/octet-stream", etag=False, last_modified=told.st_mtime)
        response.set_etag(etag or f"{told.st_mtime_ns:x}-{told.st_size:x}")
        response.content_length = told.st_size
        try:
            response.make_conditional(request.environ, accept_ranges=True, complete_length=told.st_size)
        except RequestedRangeNotSatisfiable:
            file.close()
            raise
        return response

    def take(self) -> Callable[[], None]:
        """A slot; what is returned gives it back.

        Raises:
            Denied: 503 when every slot is taken.
        """
        if not self._slots.acquire(blocking=False):
            raise Denied(503, "every slot for large files is taken", retry_after_s=_ASK_AGAIN_S)
        return self._slots.release

    def _opened(self, path: Path) -> _Held:
        free = self.take()
        try:
            return _Held(path, free)
        except OSError as error:
            free()
            raise Denied(404, f"{path} cannot be read ({error.strerror})") from error
