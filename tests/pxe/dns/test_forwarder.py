"""What is not ours is asked of others: dnsmasq as one that answers, and one that is forged, slow or broken."""

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from tests import debian
from tests.pxe.dns.serving import free_port, serving

Reaction = Callable[[socket.socket, dns.message.Message, tuple[str, int]], None]


@pytest.fixture(scope="module")
def dnsmasq() -> Iterator[tuple[str, int]]:
    """A server that knows one host, and a text that is too long for UDP."""
    program, port = debian.program("dnsmasq", "dnsmasq-base"), free_port()
    words = ["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user="]
    words += ["--listen-address=127.0.0.1", "--bind-interfaces", f"--port={port}", "--local=/example/"]
    words += ["--host-record=www.example,192.0.2.80", "--edns-packet-max=1232"]
    words += [f"--txt-record=long.example,{','.join(c * 250 for c in 'abcdefgh')}"]
    running = subprocess.Popen([program, *words])
    try:
        _wait(port)
        yield "127.0.0.1", port
    finally:
        running.terminate()
        running.wait(10)


@contextmanager
def another(react: Reaction) -> Iterator[tuple[str, int]]:
    """A server of which each test says how it reacts to a question."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.settimeout(0.1)
        stopping = threading.Event()

        def run() -> None:
            while not stopping.is_set():
                try:
                    data, sender = bound.recvfrom(4096)
                except TimeoutError:
                    continue
                react(bound, dns.message.from_wire(data), sender)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield bound.getsockname()
        finally:
            stopping.set()
            thread.join(5)


def ask(port: int, name: str = "www.example", kind: str = "A") -> dns.message.Message:
    return dns.query.udp(dns.message.make_query(name, kind, use_edns=False), "127.0.0.1", 5, port)


def answer(question: dns.message.Message, address: str) -> dns.message.Message:
    told = dns.message.make_response(question)
    told.answer.append(dns.rrset.from_text(question.question[0].name, 60, "IN", "A", address))
    return told


def test_other_names_are_asked_of_others(dnsmasq: tuple[str, int]) -> None:
    """Answers and refusals come through, without authority; our own names never leave."""
    with serving([dnsmasq]) as port:
        told = ask(port)
        assert str(told.answer[0]).endswith("IN A 192.0.2.80")
        assert told.flags & dns.flags.RA
        assert not told.flags & dns.flags.AA
        assert ask(port, "nobody.example").rcode() == dns.rcode.NXDOMAIN
        assert ask(port, "nobody.bmprov.internal").flags & dns.flags.AA


def test_what_is_too_long_for_udp_comes_by_tcp(dnsmasq: tuple[str, int]) -> None:
    """By UDP the client is told so; by TCP it gets all, which we have fetched by TCP."""
    question = dns.message.make_query("long.example", "TXT", use_edns=False)
    with serving([dnsmasq]) as port:
        told = dns.query.udp(question, "127.0.0.1", 5, port)
        assert told.flags & dns.flags.TC
        assert not told.answer
        whole = dns.query.tcp(question, "127.0.0.1", 5, port)
    assert len(b"".join(whole.answer[0][0].strings)) == 2000


def test_forged_answers_are_not_taken() -> None:
    """Another id, another question, another sender, garbage: the wait goes on until the right one comes."""

    def forge(bound: socket.socket, question: dns.message.Message, sender: tuple[str, int]) -> None:
        wrong_id = answer(question, "192.0.2.1")
        wrong_id.id ^= 1
        other = dns.message.make_query("evil.example", "A", id=question.id, use_edns=False)
        for forged in (b"", b"\0" * 12, wrong_id.to_wire(), answer(other, "192.0.2.2").to_wire(), question.to_wire()):
            bound.sendto(forged, sender)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(answer(question, "192.0.2.3").to_wire(), sender)
        bound.sendto(answer(question, "192.0.2.80").to_wire(), sender)

    with another(forge) as forged, serving([forged]) as port:
        assert [rrset[0].address for rrset in ask(port).answer] == ["192.0.2.80"]


def test_each_question_has_a_port_and_an_id_of_its_own() -> None:
    """So that a forger must guess both."""
    seen: list[tuple[int, int]] = []

    def note(bound: socket.socket, question: dns.message.Message, sender: tuple[str, int]) -> None:
        seen.append((question.id, sender[1]))
        bound.sendto(answer(question, "192.0.2.80").to_wire(), sender)

    with another(note) as noting, serving([noting]) as port:
        for _ in range(20):
            ask(port)
    assert len({number for number, _ in seen}) > 15
    assert len({source for _, source in seen}) > 10


def test_a_silent_or_failing_server_is_passed_over(dnsmasq: tuple[str, int]) -> None:
    """The next is asked, and is the first from then on; one that refuses all is no help either."""
    heard: list[str] = []

    def silent(_bound: socket.socket, _question: dns.message.Message, _sender: tuple[str, int]) -> None:
        heard.append("silent")

    def failing(bound: socket.socket, question: dns.message.Message, sender: tuple[str, int]) -> None:
        heard.append("failing")
        told = dns.message.make_response(question)
        told.set_rcode(dns.rcode.SERVFAIL)
        bound.sendto(told.to_wire(), sender)

    with another(silent) as one, another(failing) as two, serving([one, two, dnsmasq]) as port:
        for _ in range(3):
            assert ask(port).answer
    assert heard == ["silent", "failing"]


def test_nobody_there_is_a_failure_in_time() -> None:
    """Before the client's own patience of 5 s ends; a port that nobody listens on, and one that never answers."""
    with another(lambda *_: None) as silent, serving([("127.0.0.1", free_port()), silent]) as port:
        assert ask(port).rcode() == dns.rcode.SERVFAIL


def test_one_client_cannot_use_up_the_others_share() -> None:
    """Sixteen questions of one client may wait at a time: the others are refused, a neighbour's is asked."""
    with another(lambda *_: None) as silent, serving([silent]) as port:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as greedy:
            greedy.bind(("127.0.0.2", 0))
            greedy.settimeout(5)
            for number in range(40):
                question = dns.message.make_query(f"h{number}.example", "A", id=number, use_edns=False)
                greedy.sendto(question.to_wire(), ("127.0.0.1", port))
            codes = [dns.message.from_wire(greedy.recv(4096)).rcode() for _ in range(40)]
        assert codes.count(dns.rcode.REFUSED) == 24
        assert codes.count(dns.rcode.SERVFAIL) == 16


def _wait(port: int) -> None:
    for _ in range(100):
        try:
            dns.query.udp(dns.message.make_query("www.example", "A"), "127.0.0.1", 0.1, port)
        except (OSError, dns.exception.Timeout):
            continue
        return
    pytest.fail("dnsmasq does not answer")
