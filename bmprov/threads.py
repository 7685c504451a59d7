"""gunicorn's threads, for browsers: a connection that has shaken hands and says nothing holds none of them.

Browsers open connections that they may need and let them lie. gunicorn's thread would wait for a request on each: two
people with a page open could keep all others out. Such a connection waits in gunicorn's own poller instead, as one that
has been answered does, and is closed when it is silent for as long as that one may be.
"""

import ssl
from typing import Any

from gunicorn.workers.gthread import _DEFER, ThreadWorker

_FIRST_BYTE_S = 5.0
_REQUEST_S = 0.02
"""Who wants something says so at once: this saves a way through the poller."""


class Threads(ThreadWorker):  # type: ignore[misc] # gunicorn ships no types
    """gunicorn's `gthread`, which shakes hands apart from waiting for the request."""

    def handle(self, conn: Any) -> Any:  # noqa: ANN401 - gunicorn's untyped connection
        """Serve a connection for one request, or put it back because there is none yet."""
        if not conn.initialized:
            if not conn.wait_for_data(_FIRST_BYTE_S):
                return _DEFER
            try:
                conn.sock.setblocking(True)
                conn.init()
            except (ssl.SSLError, OSError) as error:
                self.log.debug("no handshake: %s", error)
                return False
            if not self._speaks(conn):
                return _DEFER
        return super().handle(conn)

    @staticmethod
    def _speaks(conn: Any) -> bool:  # noqa: ANN401 - as above
        conn.data_ready = bool(conn.sock.pending())
        return bool(conn.wait_for_data(_REQUEST_S))
