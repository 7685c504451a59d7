"""Conversations in one thread, over real sockets."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from worker.conversations import Conversations


@contextmanager
def echo(delay_s: float = 0.0) -> Iterator[tuple[str, int]]:
    """Somebody who says everything again, after a while."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))

        def serve() -> None:
            while (got := sock.recvfrom(100))[0] != b"end":
                threading.Timer(delay_s, sock.sendto, got).start()

        thread = threading.Thread(target=serve)
        thread.start()
        yield sock.getsockname()
        sock.sendto(b"end", sock.getsockname())
        thread.join()


def to(peer: tuple[str, int]) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(peer)
    return sock


def run(talks: Conversations, most_s: float = 5.0) -> None:
    """Take turns until all have ended."""
    until = time.monotonic() + most_s
    while talks.under_way:
        assert time.monotonic() < until, "a conversation never ended"
        talks.turn(0.05)


@pytest.fixture
def talks() -> Iterator[Conversations]:
    with closing(Conversations()) as found:
        yield found


def test_all_wait_at_once(talks: Conversations) -> None:
    """A hundred conversations of three answers each, which take a tenth of a second, take three in all."""
    said: list[bytes] = []

    def talk(number: int, peer: tuple[str, int]) -> None:
        with talks.calm(to(peer)) as sock:
            sock.settimeout(2)
            for word in range(3):
                sock.send(b"%d %d" % (number, word))
                said.append(sock.recv(100))

    with echo(0.1) as peer:
        began = time.monotonic()
        for number in range(100):
            talks.start(lambda number=number: talk(number, peer))  # type: ignore[misc] # bound now
        run(talks)
        assert time.monotonic() - began < 2
    assert sorted(said) == sorted(b"%d %d" % (number, word) for number in range(100) for word in range(3))


def test_silence_ends_in_time_and_holds_nobody_up(talks: Conversations) -> None:
    """Each in its own time; one that is answered meanwhile goes on at once."""
    ended: list[tuple[str, float]] = []
    began = time.monotonic()

    def wait(name: str, seconds: float, peer: tuple[str, int]) -> None:
        with talks.calm(to(peer)) as sock:
            sock.settimeout(seconds)
            sock.send(b"hello")
            try:
                sock.recv(100)
            except TimeoutError:
                name += " in vain"
            ended.append((name, time.monotonic() - began))

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent, echo() as peer:
        silent.bind(("127.0.0.1", 0))
        talks.start(lambda: wait("long", 0.6, silent.getsockname()))
        talks.start(lambda: wait("short", 0.2, silent.getsockname()))
        talks.start(lambda: wait("answered", 5, peer))
        run(talks)
    assert [name for name, _ in ended] == ["answered", "short in vain", "long in vain"]
    assert [pytest.approx(seconds, abs=0.15) for _, seconds in ended] == [0.0, 0.2, 0.6]


def test_what_the_network_says_arrives(talks: Conversations) -> None:
    """A closed port is told to the conversation that asked, as it is with a socket of the system's."""
    told: list[Exception] = []

    def ask() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
            nobody.bind(("127.0.0.1", 0))
            peer = nobody.getsockname()
        with talks.calm(to(peer)) as sock:
            sock.settimeout(2)
            try:
                sock.send(b"hello")
                sock.recv(100)
            except OSError as error:
                told.append(error)

    talks.start(ask)
    run(talks)
    assert isinstance(told[0], ConnectionRefusedError)


def test_an_answer_after_the_time_is_found_by_the_next_wait(talks: Conversations) -> None:
    """As with a socket: what came too late is not lost."""
    said: list[bytes] = []

    def ask(peer: tuple[str, int]) -> None:
        with talks.calm(to(peer)) as sock:
            sock.settimeout(0.1)
            sock.send(b"late")
            with pytest.raises(TimeoutError):
                sock.recv(100)
            sock.settimeout(2)
            said.append(sock.recv(100))

    with echo(0.3) as peer:
        talks.start(lambda: ask(peer))
        run(talks)
    assert said == [b"late"]
