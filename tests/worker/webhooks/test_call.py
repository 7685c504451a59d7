"""One call, of receivers that behave and of those that do not."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from bmprov import tls
from bmprov.deadline import Deadline
from bmprov.webhook import new_secret, signed_headers
from tests.worker.webhooks.receiver import Receiver, raw, status
from worker.webhooks.call import call, refuse_metadata
from worker.webhooks.verdict import Answer

BODY = '{"type":"ping","timestamp":"2026-11-22T06:41:00.000Z","data":{"webhook":"\\u00e4 alerts"}}'
CALL_S = 0.6


def send(to: Receiver, url: str = "", trust: str | None = None, seconds: float = CALL_S) -> Answer:
    to.secret = to.secret or new_secret()
    headers = signed_headers("msg_1", BODY, time.time(), [to.secret])
    believed = to.fingerprint if trust is None else trust
    return call(url or to.url, believed, BODY, headers, Deadline.after(seconds))


def timed(to: Receiver, url: str = "") -> tuple[Answer, float]:
    began = time.monotonic()
    answer = send(to, url)
    return answer, time.monotonic() - began


def test_a_message_arrives_as_it_was_signed(there: Receiver) -> None:
    """The judge is `standardwebhooks`, which nobody here wrote."""
    assert send(there, seconds=5) == Answer(204)
    assert (there.forged, [one.body for one in there.messages]) == ([], [BODY])


def test_what_is_altered_on_the_way_is_not_believed(there: Receiver) -> None:
    """So the judge judges: another body, another secret, an old message."""
    there.secret = new_secret()
    good = signed_headers("msg_1", BODY, time.time(), [there.secret])
    to = partial(call, there.url, there.fingerprint)
    to(BODY + " ", good, Deadline.after(5))
    to(BODY, good | {"webhook-id": "msg_2"}, Deadline.after(5))
    to(BODY, signed_headers("msg_1", BODY, time.time(), [new_secret()]), Deadline.after(5))
    to(BODY, signed_headers("msg_1", BODY, time.time() - 600, [there.secret]), Deadline.after(5))
    assert there.messages == []
    assert len(there.forged) == 4


def test_the_certificate_is_checked(there: Receiver, tmp_path: Path) -> None:
    """By its fingerprint, by a CA file, by the system's CAs; nothing is sent to whom nobody vouches for."""
    assert send(there, trust=str(there.certificate), seconds=5) == Answer(204)
    other = tmp_path / "other.pem"
    tls.ensure(other, tmp_path / "other.key", ["127.0.0.1"])
    for wrong in ("", str(other), f"sha256:{64 * '0'}"):
        assert send(there, trust=wrong, seconds=5).error.startswith("its certificate is not trusted")
    assert there.fingerprint in send(there, trust=f"sha256:{64 * '0'}", seconds=5).error
    assert "/gone.pem" in send(there, trust="/gone.pem", seconds=5).error
    assert len(there.messages) == 1


def test_redirects_are_not_followed(there: Receiver) -> None:
    """They are an answer like any other."""
    there.answer = status(307, Location=there.url)
    assert send(there, seconds=5) == Answer(307)
    assert len(there.messages) == 1


def test_retry_after_is_told(there: Receiver) -> None:
    """In seconds; what is neither seconds nor a date is none."""
    there.answers.extend(status(503, Retry_After=value) for value in ("120", "999999", "soon"))
    assert [send(there, seconds=5).retry_after_s for _ in range(3)] == [120, 3600, None]


def test_a_body_is_not_waited_for(there: Receiver) -> None:
    """It may be huge or never end: the status has been told."""
    huge = raw(b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 2**16] * 64)
    drip = raw(b"HTTP/1.1 202 OK\r\nContent-Length: 9\r\n\r\n", *[b"x"] * 9, between=partial(time.sleep, 0.2))
    short = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nContent-Encoding: gzip\r\n\r\nno gzip")
    there.answers.extend([huge, drip, short])
    for expected in (200, 202, 200):
        answer, took = timed(there)
        assert answer == Answer(expected)
        assert took < CALL_S + 0.5


def test_a_slow_answer_ends_with_the_deadline(there: Receiver) -> None:
    """Nothing at all, or a header byte by byte: each byte is no new start."""
    waiting = threading.Event()
    dripping = raw(b"HTTP/1.1 200 OK\r\n", *[b"X"] * 100, between=partial(time.sleep, 0.05))
    there.answers.extend([lambda _: waiting.wait(10) and None, dripping])
    for _ in range(2):
        answer, took = timed(there)
        assert answer.status is None
        assert answer.error.startswith("it did not answer for 0.6")
        assert took < CALL_S + 0.5
    waiting.set()


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\0\xff\x1b[2J" * 100,
        b"HTTP/1.1 twohundred OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
def test_garbage_is_no_answer(there: Receiver, garbage: bytes) -> None:
    """It is told on one line that a terminal can show."""
    there.answer = raw(garbage)
    answer = send(there, seconds=5)
    assert answer.status is None
    assert answer.error.startswith("it is not there (")
    assert answer.error.isprintable()


def test_nobody_is_there(there: Receiver) -> None:
    """A closed port, a name that is none, a port that does not speak TLS, and one that takes no more."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    assert send(there, f"https://127.0.0.1:{port}/").error == "it is not there (Connection refused)"
    assert send(there, "https://receiver.invalid/", seconds=10).error.startswith("it ")
    assert send(there, there.url.replace("https", "http"), seconds=5).error.startswith("it is not there (")
    with _mute() as silent:
        assert send(there, f"https://127.0.0.1:{silent}/").error.startswith("it did not answer for 0.6")


@contextmanager
def _mute() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "[fe80::a9fe:a9fe]"])
def test_metadata_services_are_never_called(there: Receiver, host: str) -> None:
    """Nor whatever else is link-local: a cloud tells a host its secrets there."""
    answer, took = timed(there, f"http://{host}/latest/meta-data/")
    assert "is a link-local address" in answer.error
    assert took < CALL_S


def test_a_name_that_leads_to_metadata_is_refused(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that is connected to is looked at, and not the name: a name may lead elsewhere tomorrow."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 443))]
    monkeypatch.setattr("worker.connection.socket.getaddrinfo", lambda *_, **__: found)
    assert "is a link-local address" in send(there, "https://innocent.example/").error


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "::1", "fd00::1", "192.168.1.1", "2001:db8::1"])
def test_a_private_address_may_be_called(address: str) -> None:
    """Receivers of a data centre have such."""
    refuse_metadata(address)
