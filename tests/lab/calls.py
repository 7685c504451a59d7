"""An HTTP server that hears who calls, and with which words."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@contextmanager
def heard(
    address: tuple[str, int], hear: Callable[[dict[str, str]], None], place: AbstractContextManager[None] | None = None
) -> Iterator[None]:
    """Hand the query of each GET, with `address` where it came from, to `hear` while the block lasts.

    The socket is made in `place`, a network namespace, and stays there.
    """

    class Call(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            hear(told | {"address": self.client_address[0]})
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with place or nullcontext():
        server = ThreadingHTTPServer(address, Call)
    with server:
        thread = threading.Thread(target=server.serve_forever, name="calls")
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
