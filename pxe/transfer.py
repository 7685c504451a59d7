"""Large files on their way to machines: so many at once and no more.

A transfer occupies a thread for as long as the machine takes to write. If all threads did that, no machine could tell
how far it is or that it is done. So some are kept free, and a machine that comes when every slot is taken asks again.
"""

import io
import threading
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from flask import Response, request, send_file
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from pxe.admission import Denied

_KEPT_FREE = 4  # one thread in four
_ASK_AGAIN_S = 2
_WITH_BODY = (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT)


def _untold(_sent_bytes: int) -> None:
    """Nobody wants to know."""


class _Held(io.FileIO):
    """An open file that gives its slot back when it is closed, whoever closes it.

    `part` is what is asked of it, first byte and length; None is nothing. How much of that was sent, `told` hears.
    """

    part: tuple[int, int] | None = None

    def __init__(self, path: Path, give_back: Callable[[], None], told: Callable[[int], None]) -> None:
        super().__init__(path)
        self._give_back = give_back
        self._told = told

    def close(self) -> None:
        """Close it; the slot is free again."""
        if self.closed:
            return
        sent = self._sent() if self.part else None
        super().close()
        self._give_back()
        if sent is not None:
            self._told(sent)

    def _sent(self) -> int:
        """Gunicorn goes back to the beginning when it has sent all, and stays where it was when it was cut off."""
        first, length = self.part or (0, 0)
        moved = self.tell() - first
        return moved if 0 < moved < length else length


class Transfers:
    """The slots of a process with so many threads."""

    def __init__(self, threads: int) -> None:
        self._slots = threading.BoundedSemaphore(max(1, threads - max(1, threads // _KEPT_FREE)))

    def send(self, path: Path, etag: str = "", told: Callable[[int], None] = _untold) -> Response:
        """The file, or the range of it that was asked for. `told` hears in the end how many bytes were sent.

        Raises:
            Denied: 404 when it cannot be read, 503 when every slot is taken.
        """
        file = self._opened(path, told)
        known = path.stat()
        # not the path but the open file: gunicorn hands it to sendfile(2), and whoever closes it frees the slot
        response = send_file(file, mimetype="application/octet-stream", etag=False, last_modified=known.st_mtime)
        response.set_etag(etag or f"{known.st_mtime_ns:x}-{known.st_size:x}")
        response.content_length = known.st_size
        try:
            response.make_conditional(request.environ, accept_ranges=True, complete_length=known.st_size)
        except RequestedRangeNotSatisfiable:
            file.close()
            raise
        if request.method == "GET" and response.status_code in _WITH_BODY:
            file.part = (response.content_range.start or 0, response.content_length or 0)
        return response

    def take(self) -> Callable[[], None]:
        """A slot; what is returned gives it back.

        Raises:
            Denied: 503 when every slot is taken.
        """
        if not self._slots.acquire(blocking=False):
            raise Denied(503, "every slot for large files is taken", retry_after_s=_ASK_AGAIN_S)
        return self._slots.release

    def _opened(self, path: Path, told: Callable[[int], None]) -> _Held:
        free = self.take()
        try:
            return _Held(path, free, told)
        except OSError as error:
            free()
            raise Denied(404, f"{path} cannot be read ({error.strerror})") from error
