"""A region that answers as a test wants it to, over real HTTP: what the simulator would never say, and never so."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

from worker.maas.calls import MaasRegion
from worker.maas.wire import RegionLogin, Wire

KEY = "consumer-7Rb2:token-9Xq4:secret-5Zk1"
Act = Callable[["Handler"], None]


@dataclass
class OddRegion:
    """A running one. `requests` are method and path with query, `forms` what was in their bodies."""

    act: Act
    url: str = ""
    connections: int = 0
    requests: list[str] = field(default_factory=list)
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def wire(self, trust: str = "") -> Wire:
        return Wire(RegionLogin("lab", self.url, KEY, trust))

    def client(self) -> MaasRegion:
        return MaasRegion(self.wire())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    odd: OddRegion

    def setup(self) -> None:
        self.odd.connections += 1
        super().setup()

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.odd.requests.append(f"{self.command} {self.path}")
        self.odd.forms.append(parse_qs(body.decode()))
        self.odd.headers.append(dict(self.headers.items()))
        self.odd.act(self)

    do_GET = do_POST = do_PUT = _handle  # noqa: N815 - http.server's names

    def say(self, status: int, content: bytes, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        told = {"Content_Type": kind, "Content_Length": str(len(content)), **headers}
        for name, value in told.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def dribble(self, content: bytes, every_s: float = 0.05) -> None:
        """Write it byte by byte for as long as the region runs."""
        self.close_connection = True
        for index in range(len(content)):
            self.wfile.write(content[index : index + 1])
            if self.odd.stopping.wait(every_s):
                return

    def reset(self) -> None:
        """Cut the connection as a crash does."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - http.server's
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what many tests are about."""


@contextmanager
def odd_region(act: Act, certificate: tuple[Path, Path] | None = None) -> Iterator[OddRegion]:
    """A region on a free port, of TLS with this certificate and key."""
    odd = OddRegion(act)
    server = _Server(("127.0.0.1", 0), type("OwnHandler", (Handler,), {"odd": odd}))
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    odd.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}/MAAS"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield odd
    finally:
        odd.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


def says(status: int, content: bytes, kind: str = "application/json", **headers: str) -> Act:
    """Answers everything with this."""
    return lambda handler: handler.say(status, content, kind, **headers)
