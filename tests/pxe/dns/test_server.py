"""The DNS server over real UDP and TCP, judged by dig, busybox nslookup and dnspython."""

import random
import socket
import subprocess
import time
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.reversename
import pytest

from tests import debian
from tests.pxe.dns.serving import ADDRESS, Site, serving


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as running:
        yield running


def ask(port: int, name: str, kind: str = "A", **more: bool | int) -> dns.message.Message:
    return dns.query.udp(dns.message.make_query(name, kind, **more), "127.0.0.1", 5, port)


def dig(port: int, *words: str) -> str:
    program = debian.program("dig", "bind9-dnsutils")
    command = [program, "@127.0.0.1", "-p", str(port), "+tries=1", "+time=5", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout


def test_dig_finds_a_machine_and_its_name(port: int) -> None:
    """Both directions, by UDP and TCP, with authority."""
    forward = dig(port, "rack1-07.bmprov.internal")
    assert "status: NOERROR" in forward, forward
    assert "flags: qr aa rd;" in forward
    assert "rack1-07.bmprov.internal. 5\tIN\tA\t127.0.3.9" in forward
    assert dig(port, "+short", "-x", str(ADDRESS)) == "rack1-07.bmprov.internal.\n"
    assert dig(port, "+short", "+tcp", "rack1-07.bmprov.internal") == "127.0.3.9\n"
    assert dig(port, "+short", "boot.bmprov.internal") == "127.0.0.1\n"
    assert "hostmaster.bmprov.internal. 1 3600 600 86400 5" in dig(port, "SOA", "bmprov.internal")


def test_dig_is_told_what_there_is_not(port: int) -> None:
    """No address of that family, no such name, nobody to ask about others, no transfer of the whole zone."""
    nothing = dig(port, "AAAA", "rack1-07.bmprov.internal")
    assert "status: NOERROR" in nothing
    assert "ANSWER: 0, AUTHORITY: 1" in nothing
    assert "status: NXDOMAIN" in dig(port, "rack9-99.bmprov.internal")
    assert "status: REFUSED" in dig(port, "www.example.org")
    assert "status: REFUSED" in dig(port, "CH", "TXT", "version.bind")
    assert "Transfer failed" in dig(port, "AXFR", "bmprov.internal")


def test_nslookup_of_busybox_finds_a_machine(port: int) -> None:
    """It asks for A and AAAA together, and takes "no such name" for one of them for an error of the whole."""
    busybox = debian.program("busybox", "busybox-static")
    command = [busybox, "nslookup", "rack1-07.bmprov.internal", f"127.0.0.1:{port}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Address: 127.0.3.9" in done.stdout


@pytest.mark.parametrize("garbage", [b"", b"\0" * 12, b"\xff" * 1400, random.Random(7).randbytes(40)])
def test_garbage_does_not_end_the_service(port: int, garbage: bytes) -> None:
    """By UDP and by TCP; the next question is answered."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.sendto(garbage, ("127.0.0.1", port))
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        line.sendall(len(garbage).to_bytes(2) + garbage)
        line.shutdown(socket.SHUT_WR)
        while line.recv(4096):
            pass
    assert ask(port, "rack1-07.bmprov.internal").answer


def test_a_stranger_gets_nothing(port: int) -> None:
    """Not one byte goes to an address outside the provisioning networks."""
    question = dns.message.make_query("rack1-07.bmprov.internal", "A").to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.9.0.1", 0))
        stranger.settimeout(0.5)
        stranger.sendto(question, ("127.0.0.1", port))
        with pytest.raises(TimeoutError):
            stranger.recv(4096)
    with socket.create_connection(("127.0.0.1", port), 5, ("127.9.0.1", 0)) as line:
        line.sendall(len(question).to_bytes(2) + question)
        assert not _all_of(line)


def test_a_flood_is_answered_in_part_and_the_neighbour_in_full() -> None:
    """5,000 questions at once from one address; one from another."""
    question = dns.message.make_query("rack1-07.bmprov.internal", "A").to_wire()
    with serving() as port, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood:
        flood.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**22)
        flood.bind(("127.0.0.2", 0))
        for _ in range(5000):
            flood.sendto(question, ("127.0.0.1", port))
        assert "status: NOERROR" in dig(port, "+tries=3", "+time=1", "idle.bmprov.internal")  # as resolvers ask
        flood.settimeout(0.5)
        heard = 0
        try:
            while flood.recv(4096):
                heard += 1
        except TimeoutError:
            pass
    assert 150 <= heard <= 600


def test_silent_connections_keep_nobody_out(port: int) -> None:
    """One client may have eight at once; another still gets in, and so does the first when it lets go."""
    lines = [socket.create_connection(("127.0.0.1", port), 5, ("127.0.0.2", 0)) for _ in range(8)]
    asked = dns.message.make_query("rack1-07.bmprov.internal", "A")
    with socket.create_connection(("127.0.0.1", port), 5, ("127.0.0.2", 0)) as one_more:
        assert not _all_of(one_more)
    assert dns.query.tcp(asked, "127.0.0.1", 5, port).answer
    for line in lines:
        line.close()
    until = time.monotonic() + 5
    while not (served := _by_tcp(asked, port)) and time.monotonic() < until:
        time.sleep(0.02)  # nothing tells when the server has noticed
    assert served


def test_machines_that_are_not_known_are_a_failure_of_ours() -> None:
    """The database has been away for long: that is not "no such name", which a resolver would keep."""
    with serving(site=Site(None)) as port:
        assert ask(port, "rack1-07.bmprov.internal").rcode() == dns.rcode.SERVFAIL
        assert ask(port, "www.example.org").rcode() == dns.rcode.REFUSED


def _by_tcp(asked: dns.message.Message, port: int) -> bool:
    try:
        return bool(dns.query.tcp(asked, "127.0.0.1", 5, port, source="127.0.0.2").answer)
    except (OSError, EOFError):
        return False


def _all_of(line: socket.socket) -> bytes:
    """What comes until the other side ends it."""
    heard = b""
    try:
        while data := line.recv(4096):
            heard += data
    except ConnectionResetError:
        pass
    return heard
