"""The API as a process, called over real TLS."""

import hashlib
import json
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path

import pytest

from bmprov import tls
from bmprov.api.credentials import issue
from bmprov.errors import Fatal
from bmprov.model import Role
from bmprov.serve import listen, tls_context
from bmprov.settings import ApiSettings, Settings, dump
from bmprov.store import Store
from bmprov.vault import Vault

THREADS = 2
ENDS_S = 20
PROGRAM = """
import logging, sys
from pathlib import Path
import structlog
from bmprov import connection, serve
from bmprov.settings import load

logging.basicConfig(level=logging.INFO, stream=sys.stderr)
structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()])
connection.STALLED_S = float(sys.argv[2])
serve.serve(load(Path(sys.argv[1])))
"""


@dataclass
class Server:
    """A running `serve`, an administrator's token, a client's idea of its certificate; perhaps a person's session."""

    settings: Settings
    process: subprocess.Popen[str]
    port: int
    context: ssl.SSLContext
    secret: str
    session: str = ""

    def connect(self) -> HTTPSConnection:
        return HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=ENDS_S)

    def ask(self, connection: HTTPSConnection, path: str = "/api/v1/machines") -> HTTPResponse:
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.secret}"})
        answer = connection.getresponse()
        answer.read()
        return answer

    def stop(self) -> str:
        """End it and return what it wrote to its standard output."""
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=ENDS_S)
        return output


def settings_in(folder: Path, redis: str) -> Settings:
    Vault.create_file(folder / "secret.key")
    return Settings(
        database=f"sqlite:///{folder}/bmprov.db",
        redis=redis,
        key_file=folder / "secret.key",
        images=folder / "images",
        api=ApiSettings(port=0, certificate=folder / "api.pem", key=folder / "api.key", processes=1, threads=THREADS),
    )


@contextmanager
def serving(settings: Settings, stalled_s: float = 30.0, program: str = PROGRAM) -> Iterator[Server]:
    file = settings.key_file.with_name("bmprov.toml")
    file.write_text(dump(settings))
    command = [sys.executable, "-c", program, str(file), str(stalled_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            port = _port(process)
            context = ssl.create_default_context(cafile=str(settings.api.certificate))
            yield Server(settings, process, port, context, _admin(settings.database))
        finally:
            process.kill()


@pytest.fixture
def settings(tmp_path: Path, valkey: str) -> Settings:
    return settings_in(tmp_path, valkey)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, valkey: str) -> Iterator[Server]:
    """One that all share who leave it as it was."""
    with serving(settings_in(tmp_path_factory.mktemp("server"), valkey)) as server:
        yield server


@pytest.fixture
def own(settings: Settings) -> Iterator[Server]:
    """One of a test's own, which may end it."""
    with serving(settings) as server:
        yield server


def _port(process: subprocess.Popen[str]) -> int:
    """The port that it says it listens on."""
    said = []
    for line in process.stderr or ():
        said.append(line)
        found = re.search(r"Listening at: https://127\.0\.0\.1:(\d+)", line)
        if found:
            return int(found.group(1))
    raise AssertionError(f"serve ended: {''.join(said)}")


def _admin(database: str) -> str:
    store = Store(database)
    with closing(store), store.write() as transaction:
        token, secret = issue("admin", Role.ADMIN, "", transaction.now)
        transaction.tokens.add(token)
    return secret


def test_it_makes_its_certificate_and_answers_over_tls(server: Server) -> None:
    """The certificate's own file, or its fingerprint, is all that a client needs."""
    with closing(server.connect()) as connection:
        assert server.ask(connection).status == HTTPStatus.OK
        shown = connection.sock.getpeercert(binary_form=True) or b""
        assert connection.sock.version() == "TLSv1.3"
    assert hashlib.sha256(shown).hexdigest() == tls.fingerprint(server.settings.api.certificate)
    assert stat.S_IMODE(server.settings.api.key.stat().st_mode) == 0o600


def test_tls_1_2_is_the_oldest(settings: Settings) -> None:
    """Nothing older is offered, whatever Python's defaults become."""
    tls.ensure(settings.api.certificate, settings.api.key, ["localhost"])
    assert tls_context(settings).minimum_version is ssl.TLSVersion.TLSv1_2


def test_its_access_log_is_one_json_object_a_request(own: Server) -> None:
    """With who called and from where, and without the token."""
    with closing(own.connect()) as connection:
        own.ask(connection)
    lines = [json.loads(line) for line in own.stop().splitlines()]
    logged = next(line for line in lines if line["event"] == "request")
    assert (logged["path"], logged["caller"], logged["origin"]) == ("/api/v1/machines", "admin", "127.0.0.1")
    assert own.secret not in json.dumps(lines)


def test_sigterm_lets_a_request_end(own: Server) -> None:
    """An upload that is under way is finished, then the process ends with 0."""
    image = b"disk" * 100_000
    with closing(own.connect()) as connection:
        connection.putrequest("PUT", "/api/v1/images/debian-12?format=raw")
        connection.putheader("Authorization", f"Bearer {own.secret}")
        connection.putheader("Content-Length", str(len(image)))
        connection.endheaders(image[:1000])
        with closing(own.connect()) as other:
            assert own.ask(other, "/healthz").status == HTTPStatus.OK  # so the upload has been accepted
        own.process.send_signal(signal.SIGTERM)
        connection.send(image[1000:])
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)["size_bytes"]) == (HTTPStatus.OK, len(image))
    assert own.process.wait(ENDS_S) == 0


def test_an_image_is_streamed_without_a_length(server: Server) -> None:
    """An upload in chunks, larger than a JSON body may be, arrives whole."""
    piece, pieces = b"\x5a" * 2**20, 12
    headers = {"Authorization": f"Bearer {server.secret}"}
    with closing(server.connect()) as connection:
        connection.request("PUT", "/api/v1/images/a?format=raw", body=iter([piece] * pieces), headers=headers)
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)["sha256"]) == (200, hashlib.sha256(piece * pieces).hexdigest())


@pytest.mark.parametrize("length", ["told", "in chunks"])
def test_a_body_that_is_too_large_is_answered(server: Server, length: str) -> None:
    """413 for nine mebibytes; a client that sends all of it before it listens gets its answer too."""
    piece = b" " * 2**20
    headers = {"Authorization": f"Bearer {server.secret}", "Content-Type": "application/json"}
    with closing(server.connect()) as connection:
        body = piece * 9 if length == "told" else iter([piece] * 9)
        connection.request("POST", "/api/v1/machines", body=body, headers=headers)
        assert connection.getresponse().status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_a_refusal_reaches_a_client_that_sends_first(server: Server) -> None:
    """An extension with a revoked token and a large payload is told so, and does not see a broken connection."""
    headers = {"Authorization": "Bearer bmprov_0_x", "Content-Type": "application/json"}
    with closing(server.connect()) as connection:
        connection.request("POST", "/api/v1/cloudstack/create", body=b" " * (5 * 2**20), headers=headers)
        assert connection.getresponse().status == HTTPStatus.UNAUTHORIZED


def test_idle_connections_hold_no_thread(server: Server) -> None:
    """Ten times as many clients as threads keep their connections open, and each is answered again and again."""
    with ExitStack() as clients:
        connections = [clients.enter_context(closing(server.connect())) for _ in range(THREADS * 10)]
        for _ in range(2):
            assert {server.ask(connection, "/healthz").status for connection in connections} == {HTTPStatus.OK}


def test_connections_that_say_nothing_hold_no_thread(server: Server) -> None:
    """Browsers open some that they may need: these have shaken hands and wait, ten times as many as threads."""
    with ExitStack() as clients:
        for _ in range(THREADS * 10):
            clients.enter_context(closing(server.connect())).connect()
        for _ in range(3):
            connection = clients.enter_context(closing(server.connect()))
            began = time.monotonic()
            assert server.ask(connection).status == HTTPStatus.OK
            assert time.monotonic() - began < 5.0


def test_stalled_clients_do_not_hold_the_threads_for_ever(settings: Settings) -> None:
    """Clients that send half a request, or half a handshake, and then nothing are given up after a while."""
    with serving(settings, stalled_s=0.5) as server, ExitStack() as clients:
        for _ in range(THREADS):
            half = clients.enter_context(closing(server.connect()))
            half.putrequest("POST", "/api/v1/machines")
            half.putheader("Authorization", f"Bearer {server.secret}")
            half.putheader("Content-Type", "application/json")
            half.putheader("Content-Length", "100")
            half.endheaders(b"{")
            raw = clients.enter_context(closing(socket.create_connection(("127.0.0.1", server.port))))
            raw.sendall(b"\x16\x03\x01")
        connection = clients.enter_context(closing(server.connect()))
        assert server.ask(connection).status == HTTPStatus.OK


@pytest.mark.parametrize("noise", [b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 100, b"\x16\x03\x01\x02\x00\x01\x00"])
def test_noise_does_no_harm(server: Server, noise: bytes) -> None:
    """Plain HTTP, garbage and a cut-off handshake leave the server as it was."""
    with closing(socket.create_connection(("127.0.0.1", server.port))) as raw:
        raw.sendall(noise)
    with closing(server.connect()) as connection:
        assert server.ask(connection).status == HTTPStatus.OK


@pytest.mark.parametrize(
    ("header", "part"),
    [(("Content-Length", "1000000"), b"x" * 1000), (("Transfer-Encoding", "chunked"), b"3e8\r\n" + b"x" * 1000)],
)
def test_half_an_upload_is_no_image(own: Server, settings: Settings, header: tuple[str, str], part: bytes) -> None:
    """A client that goes away in the middle has not uploaded a shorter image."""
    with closing(own.connect()) as connection:
        connection.putrequest("PUT", "/api/v1/images/half?format=raw")
        connection.putheader("Authorization", f"Bearer {own.secret}")
        connection.putheader(*header)
        connection.endheaders(part)
        with closing(own.connect()) as other:
            own.ask(other, "/healthz")  # so the upload has been accepted
    assert [line["status"] for line in map(json.loads, own.stop().splitlines()) if line.get("method") == "PUT"] == [
        HTTPStatus.BAD_REQUEST
    ]
    with closing(Store(settings.database)) as store, store.read() as transaction:
        assert transaction.images.all() == []


def test_a_port_in_use_is_a_sentence() -> None:
    """It names the address, the port and where to look."""
    with listen("127.0.0.1", 0) as taken, pytest.raises(Fatal, match=str(taken.getsockname()[1])) as told:
        listen(*taken.getsockname())
    assert "ss -ltnp" in told.value.check


def test_an_address_that_is_not_ours_is_a_sentence() -> None:
    """It names the setting."""
    with pytest.raises(Fatal, match=r"192\.0\.2\.1") as told:
        listen("192.0.2.1", 0)
    assert "api.listen" in told.value.check


def test_a_key_that_does_not_fit_is_a_sentence(settings: Settings, tmp_path: Path) -> None:
    """The two files are named."""
    tls.ensure(settings.api.certificate, settings.api.key, ["localhost"])
    tls.ensure(tmp_path / "other.pem", tmp_path / "other.key", ["localhost"])
    mixed = replace(settings, api=replace(settings.api, key=tmp_path / "other.key"))
    with pytest.raises(Fatal, match=r"api\.pem and .*other\.key"):
        tls_context(mixed)
