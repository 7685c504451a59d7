"""The answer that does not end: where the server hands its connection over, the relay sends it."""

import random
from collections.abc import Callable, Iterable
from http import HTTPMethod
from typing import TYPE_CHECKING

from flask import Response

from bmprov.web.live import message
from bmprov.web.live.hub import Hub
from bmprov.web.live.stream import GeneratedStream, Stream

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_RETRY_MS = 1000
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx, http://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering
}


class StreamResponse(Response):
    """An event stream. `join` is called with the stream once the answer has begun."""

    def __init__(self, hub: Hub, clock: Callable[[], float], join: Callable[[Stream], None]) -> None:
        super().__init__(content_type=message.CONTENT_TYPE, headers=_HEADERS)
        self._hub = hub
        self._clock = clock
        self._join = join

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer as a WSGI application (PEP 3333)."""
        if environ["REQUEST_METHOD"] != HTTPMethod.GET:
            return super().__call__(environ, start_response)
        # browsers that were cut off together do not all come back together
        first = message.retry(_RETRY_MS + random.randrange(_RETRY_MS))  # noqa: S311 - spread, not secrecy
        connection = environ.get("gunicorn.socket")
        headers = [(name, value) for name, value in self.headers.to_wsgi_list() if name.lower() != "content-length"]
        start_response(self.status, headers)
        if connection is not None and hasattr(connection, "hand_over"):
            self._join(self._hub.attach(connection.hand_over(), _head(self.status, headers) + first))
            return ()
        stream = GeneratedStream(self._clock)
        stream.send(first)
        self._join(stream)
        return stream


def _head(status: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """The answer's head: without a length its end is that of the connection (RFC 9112, section 6.3)."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers), "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1")
