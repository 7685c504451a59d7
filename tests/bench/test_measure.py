"""The bench's own instruments, held against processes and servers whose figures are known."""

import datetime as dt
import http.server
import ipaddress
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from bmprov.deadline import Deadline
from tests.bench.measure import (
    BenchError,
    Deployments,
    MemoryPeak,
    Target,
    cpu_seconds,
    http_load,
    memory_bytes,
    percentile,
    read_process,
    read_tree,
    wait_for,
)

MEGABYTE = 1_000_000


@contextmanager
def python(code: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process that runs this code, ended with the block."""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> None:
    """Let an `input()` of the process return."""
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def parent_of(code: str) -> str:
    """Python code that runs other Python code as a child process and waits for its end."""
    return f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"


def self_signed(folder: Path) -> Path:
    """A file with a new key and its certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    file = folder / "bench.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


class Page(http.server.BaseHTTPRequestHandler):
    """Answers /ok to whoever sends the token."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        allowed = self.path == "/ok" and self.headers["Authorization"] == "Bearer t"
        self.send_response(200 if allowed else 404)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[int]:
    """A real HTTP server on loopback, with TLS when a certificate is given; its port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        if certificate:
            trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            trust.load_cert_chain(certificate)
            server.socket = trust.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([1, 50, 99, 100]))
def test_percentile_is_a_measured_value_that_enough_others_do_not_exceed(values: list[float], percent: int) -> None:
    """The nearest-rank percentile is one of the values, and at least that share of all values is not above it."""
    found = percentile(values, percent)
    assert found in values
    assert 100 * sum(value <= found for value in values) >= percent * len(values)


def test_percentile_of_nothing_says_so() -> None:
    """No value at all is an error with its cause, not a zero."""
    with pytest.raises(BenchError, match="no value was measured"):
        percentile([], 50)


def test_deployments_are_told_per_minute_and_per_machine() -> None:
    """300 machines in 20 s for 15 s of CPU are 900 a minute and 50 ms each."""
    done = Deployments(machines=300, seconds=20, cpu_s=15, peak_bytes=1)
    assert (done.per_minute, done.cpu_ms_each) == (900, 50)


def test_cpu_counts_a_child_running_and_ended() -> None:
    """CPU that a child burns counts while it runs, and still counts after its parent has waited for it."""
    burn = "import time\nwhile time.process_time() < 0.3: pass\nprint('burnt', flush=True); input()"
    with python(f"{parent_of(burn)}; print('done', flush=True); input()") as process:
        assert line_of(process) == "burnt"
        assert len(read_tree([process.pid])) == 2
        assert 0.2 < cpu_seconds([process.pid]) < 3
        go_on(process)
        assert line_of(process) == "done"
        assert len(read_tree([process.pid])) == 1
        assert 0.2 < cpu_seconds([process.pid]) < 3


def test_memory_peak_outlives_the_memory() -> None:
    """The peak keeps the 100 MB that a child held for a while and gave back."""
    hold = "held = b'x' * 100_000_000; print('held', flush=True); input(); del held"
    freed = "print('freed', flush=True); input()"
    with python(parent_of(f"{hold}; {freed}")) as process, MemoryPeak([process.pid], every_s=0.01) as peak:
        assert line_of(process) == "held"
        wait_for(lambda: peak.bytes > 100 * MEGABYTE, "the sample", Deadline.after(30))
        go_on(process)
        assert line_of(process) == "freed"
        assert memory_bytes([process.pid]) < 100 * MEGABYTE < peak.bytes


def test_a_process_that_is_gone_is_no_process() -> None:
    """An ended process reads as None and adds nothing to a tree; a name with brackets and blanks is no obstacle."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    assert read_process(ended.pid) is None
    assert cpu_seconds([ended.pid]) == 0
    with python("open('/proc/self/comm', 'w').write('a) b (c'); print('named', flush=True); input()") as process:
        assert line_of(process) == "named"
        reading = read_process(process.pid)
        assert reading
        assert reading.parent == os.getpid()


def test_waiting_ends_with_what_did_not_happen() -> None:
    """A condition that never holds is an error that names it."""
    with pytest.raises(BenchError, match="the moon did not happen in time"):
        wait_for(lambda: False, "the moon", Deadline.after(0))


@pytest.mark.parametrize("clients", [1, 3])
def test_load_counts_what_was_answered(clients: int) -> None:
    """Every client asks over and over with the given headers, and the rate is answers over time."""
    with serving() as port:
        load = http_load(Target("127.0.0.1", port, "/ok", {"Authorization": "Bearer t"}), clients, seconds=0.3)
    assert load.clients == clients
    assert load.latency.tries >= clients
    assert load.per_second == pytest.approx(load.latency.tries / 0.3)
    assert 0 < load.latency.p50_ms <= load.latency.p99_ms


def test_load_over_tls_trusts_the_given_certificate_only(tmp_path: Path) -> None:
    """With its certificate given the server is measured; with another one the load fails."""
    ours = self_signed(tmp_path)
    (tmp_path / "other").mkdir()
    other = self_signed(tmp_path / "other")
    with serving(ours) as port:
        target = Target("127.0.0.1", port, "/ok", {"Authorization": "Bearer t"}, ca=str(ours))
        assert http_load(target, 1, seconds=0.1).latency.tries > 0
        with pytest.raises(BenchError, match="CERTIFICATE_VERIFY_FAILED"):
            http_load(Target("127.0.0.1", port, "/ok", ca=str(other)), 1, seconds=0.1)


def test_load_that_is_refused_is_no_figure() -> None:
    """Answers that are not 200 fail the measurement with the status, and headers stay out of the text."""
    with serving() as port, pytest.raises(BenchError, match="404") as failed:
        http_load(Target("127.0.0.1", port, "/ok", {"Authorization": "Bearer secret"}), 2, seconds=0.1)
    assert "secret" not in str(failed.value)
