"""The HTTP of a `VendorBmc`, which a fault may take over from below."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.worker.drivers.vendors.bmc import Document, VendorBmc


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 of one BMC."""

    protocol_version = "HTTP/1.1"
    bmc: VendorBmc
    document: Document
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        self.bmc.connections += 1
        super().setup()

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.document = json.loads(self.rfile.read(length) or b"{}")
        self.bmc.before(self.command, self.path)
        if self.bmc.fault and self.bmc.fault(self):
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.tell(*self.bmc.answer(self.command, self.path, headers, self.document))

    do_GET = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815 - http.server's names

    def tell(self, status: int, document: Document | None, headers: dict[str, str]) -> None:
        content = json.dumps(document).encode() if document is not None else b""
        self.tell_bytes(status, content, {"Content-Type": "application/json"} | headers)

    def tell_bytes(self, status: int, content: bytes, headers: dict[str, str], length: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - http.server's
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that went away is what is tested


@contextmanager
def running(bmc: VendorBmc, certificate: tuple[Path, Path] | None = None) -> Iterator[VendorBmc]:
    """A BMC on a port of its own, behind TLS when there is a certificate (and its key) for it."""
    server = _Server(("127.0.0.1", 0), type("BmcHandler", (Handler,), {"bmc": bmc}))
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        # handshakes are each connection's own business, as on a BMC that serves several at once
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    bmc.port, bmc.certificate = server.server_address[1], certificate[0] if certificate else None
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield bmc
    finally:
        bmc.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
