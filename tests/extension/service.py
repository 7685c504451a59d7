"""An HTTPS service on loopback that answers as a test wants it to, and misbehaves as real networks do."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TRICKLE_S = 0.2


@dataclass(frozen=True)
class Request:
    """What the extension sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(frozen=True)
class Reply:
    """An answer. `promised` is a Content-Length that is not kept, `trickle` sends a byte at a time for ever."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    promised: int | None = None
    trickle: bool = False
    before: Callable[[], object] | None = None


def reply(found: object, status: int = 200, **headers: str) -> Reply:
    """A JSON answer; a header's underscores become hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(found).encode(), {"Content-Type": "application/json", **named})


def answer(found: object) -> Reply:
    return reply({"answer": found})


def problem(status: int, detail: str, check: str = "", **headers: str) -> Reply:
    return reply({"type": "about:blank", "status": status, "detail": detail, "check": check}, status, **headers)


def operation(state: str, status: int = 200, **more: object) -> Reply:
    """An operation as the API describes it."""
    found = {"id": "op-1", "kind": "deploy", "state": state, "machine": "rack1-07", "step": None, "error": None}
    return reply({"operation": {**found, **more}} if status == 202 else {**found, **more}, status)


SILENT = Reply(status=0)
DROPPED = Reply(status=-1)


class Service:
    """Answers each path with its replies in turn; the last one is repeated."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.leaving = threading.Event()
        self._replies: dict[str, list[Reply]] = {}
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self.port = 0
        self.start()

    def on(self, path: str, *replies: Reply) -> None:
        """Replies for `/api/v1<path>`."""
        self._replies["/api/v1" + path] = list(replies)

    def take(self, request: Request) -> Reply:
        self.requests.append(request)
        replies = self._replies.get(request.path, [problem(404, "there is no such path")])
        return replies.pop(0) if len(replies) > 1 else replies[0]

    def start(self) -> None:
        """Listen, on the port that it had before."""
        self._server = Server(("127.0.0.1", self.port), Handler)
        self._server.service = self
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and cut every connection."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.cut()

    def restart(self, away_s: float) -> None:
        """Be away for a while, from another thread than the one that answers."""

        def away() -> None:
            self.stop()
            self.leaving.wait(away_s)
            self.start()

        threading.Thread(target=away, daemon=True).start()

    def close(self) -> None:
        self.leaving.set()
        self.stop()

    def wrap(self, connection: socket.socket) -> ssl.SSLSocket:
        self.connections += 1
        return self._context.wrap_socket(connection, server_side=True)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    service: Service

    def __init__(self, address: tuple[str, int], handler: type["Handler"]) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(address, handler)

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Shake hands in the connection's own thread, and forgive a client that does not want our certificate."""
        assert isinstance(request, socket.socket)
        try:
            tls = self.service.wrap(request)
        except OSError:
            request.close()
            return
        self._open.add(tls)
        super().process_request_thread(tls, client_address)
        self._open.discard(tls)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are what these tests are about."""

    def cut(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):  # it may have closed in this moment
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._reply(self.server.service.take(Request(self.command, self.path, dict(self.headers), body)))

    do_GET = do_POST  # noqa: N815 # likewise

    def log_message(self, *_: object) -> None:
        """Nothing: the requests are kept."""

    def _reply(self, found: Reply) -> None:
        if found.before is not None:
            found.before()
        if found == SILENT:
            self.server.service.leaving.wait()
        if found.status <= 0:
            self.close_connection = True
            return
        self.send_response(found.status)
        for name, value in found.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(found.body) if found.promised is None else found.promised))
        self.end_headers()
        self.wfile.write(found.body)
        self.close_connection = found.promised is not None and not found.trickle
        while found.trickle and not self.server.service.leaving.wait(TRICKLE_S):
            self.wfile.write(b" ")
