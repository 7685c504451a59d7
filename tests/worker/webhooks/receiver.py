"""A webhook's receiver: HTTPS with a certificate of its own, which believes only what `standardwebhooks` verifies."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook as Judge

from bmprov import tls

Answer = Callable[[BaseHTTPRequestHandler], None]
"""Answers a request that has been read."""


def status(code: int, **headers: str) -> Answer:
    """Answers with this status and these headers."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        for name, value in {"Content-Length": "0", **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()

    return answer


def raw(*pieces: bytes, between: Callable[[], object] = lambda: None) -> Answer:
    """Writes these bytes, whatever they are, and ends the connection; `between` is called after each."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        with suppress(OSError):
            for piece in pieces:
                request.wfile.write(piece)
                between()

    return answer


@dataclass(frozen=True)
class Message:
    """A message that came, and was verified."""

    id: str
    timestamp: int
    signatures: int
    body: str
    told: dict[str, Any]


@dataclass
class Receiver:
    """What came, oldest first. `answers` are given in turn, then `answer` for ever."""

    secret: str = ""
    answer: Answer = field(default=status(204))
    answers: deque[Answer] = field(default_factory=deque)
    messages: list[Message] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)
    port: int = 0
    fingerprint: str = ""
    certificate: Path = Path()
    at_once: int = 0
    most_at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/hook?x=1"

    @property
    def ids(self) -> list[str]:
        return [message.id for message in self.messages]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """What was told of a kind: `data`, oldest first."""
        return [one.told["data"] for one in self.messages if one.told["type"] == kind]

    def take(self, request: BaseHTTPRequestHandler) -> None:
        """Read a message and answer it."""
        body = request.rfile.read(int(request.headers["Content-Length"])).decode()
        headers = {name.lower(): value for name, value in request.headers.items()}
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.at_once, self.most_at_once)
            self._keep(body, headers)
            answer = self.answers.popleft() if self.answers else self.answer
        try:
            answer(request)
        finally:
            with self._lock:
                self.at_once -= 1

    def _keep(self, body: str, headers: dict[str, str]) -> None:
        try:
            told = Judge(self.secret).verify(body, headers)
        except Exception as error:  # noqa: BLE001 - whatever the judge finds wrong is what tests look for
            self.forged.append(f"{type(error).__name__}: {error}")
            return
        assert headers["content-type"] == "application/json"
        signatures = len(headers["webhook-signature"].split())
        stamp = int(headers["webhook-timestamp"])
        self.messages.append(Message(headers["webhook-id"], stamp, signatures, body, told))


@contextmanager
def receiver(folder: Path, port: int = 0) -> Iterator[Receiver]:
    """A receiver that listens while the block lasts; its certificate is made once in `folder`."""
    certificate, key = folder / "receiver.pem", folder / "receiver.key"
    tls.ensure(certificate, key, ["127.0.0.1", "localhost"])
    state = Receiver(fingerprint=f"sha256:{tls.fingerprint(certificate)}", certificate=certificate)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            state.take(self)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with _Server(("127.0.0.1", port), Handler) as server:
        server.socket = tls.server_context(certificate, key).wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A sender that dies, or distrusts us, is what tests are about."""
