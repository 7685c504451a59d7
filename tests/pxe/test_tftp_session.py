"""One TFTP transfer on its socket: what Linux tells a connected socket about its client and the way there."""

import io
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pxe.datagram import Datagram
from pxe.tftp_packets import parse_request
from pxe.tftp_session import Session
from pxe.tftp_transfer import Ended, Outcome, Transfer
from tests import debian

BLOCK_BYTES = 1428
_SMALLER_FRAMES = 4  # codes of ICMP's "destination unreachable" (RFC 792; RFC 1191)
_ROUTER_MTU = 1000


@contextmanager
def begun(client: socket.socket, content: bytes, window: int = 1) -> Iterator[tuple[Session, tuple[str, int]]]:
    """A session that has agreed on its options with a client on loopback, and its port."""
    client.bind(("127.0.0.1", 0))
    client.settimeout(5)
    request = b"\0\1a\0octet\0" + f"blksize\0{BLOCK_BYTES}\0windowsize\0{window}\0".encode()
    transfer = Transfer(parse_request(request), lambda _: io.BytesIO(content), 0.0)
    session = Session(Datagram(request, client.getsockname(), "127.0.0.1", 0), transfer)
    assert session.begin(0.0) is None
    answer, peer = client.recvfrom(2048)
    assert answer[:2] == b"\0\6"
    client.sendto(ack(0), peer)
    assert session.receive(0.0) is None
    yield session, peer
    session.close()


def ack(block: int) -> bytes:
    return b"\0\4" + block.to_bytes(2)


def udp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def test_what_a_client_said_before_it_left_counts() -> None:
    """Linux tells that the port is closed before it hands out the last acknowledgement, which came earlier."""
    with udp() as client, begun(client, b"short") as (session, peer):
        client.sendto(ack(1), peer)
        client.close()
        assert session.tick(1.0) is None  # the block once more, to the closed port
        assert session.receive(1.0) == Ended(Outcome.SENT)


@pytest.mark.parametrize("window", [1, 4])
def test_a_client_that_is_gone_ends_the_transfer(window: int) -> None:
    """The next thing that is done with the socket tells, be it receiving or sending."""
    gone = Ended(Outcome.ABORTED, "its port is closed; 0 of 8 blocks were acknowledged")
    with udp() as client, begun(client, bytes(10_000), window) as (session, _):
        client.close()
        assert session.tick(1.0) is None
        assert session.tick(5.0) == gone
    with udp() as client, begun(client, bytes(10_000), window) as (session, _):
        client.close()
        assert session.tick(1.0) is None
        assert session.receive(1.0) == gone


@pytest.mark.parametrize("window", [1, 4])
def test_a_router_with_smaller_frames_does_not_end_the_transfer(window: int) -> None:
    """Linux tells a connected socket of it once, and cuts what is sent from then on: nothing but one packet is lost."""
    told = f"from tests.pxe.test_tftp_session import behind_a_router; behind_a_router({window})"
    up = f"{debian.program('ip', 'iproute2')} link set lo up && exec {sys.executable} -c '{told}'"
    subprocess.run([*debian.own_network(), "sh", "-c", up], check=True, timeout=30)


def behind_a_router(window: int) -> None:
    """In a network namespace of its own, since the host keeps a route's MTU for minutes, and as root there."""
    content = bytes(range(256)) * 40
    with udp() as client, begun(client, content, window) as (session, peer):
        first = [client.recv(2048) for _ in range(window)]
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as router:
            router.sendto(_unreachable(_SMALLER_FRAMES, peer[1], client.getsockname()[1]), ("127.0.0.1", 0))
        assert session.receive(0.0) is None
        assert session.tick(1.0) is None
        assert [client.recv(2048) for _ in range(window)] == first
        client.sendto(ack(window), peer)
        assert session.receive(1.0) is None
        place = window * BLOCK_BYTES
        assert client.recv(2048)[4:] == content[place : place + BLOCK_BYTES]


def _unreachable(code: int, source: int, destination: int) -> bytes:
    """What a router says of a packet on loopback between two UDP ports."""
    here = socket.inet_aton("127.0.0.1")
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 1460, 1, 0x4000, 64, socket.IPPROTO_UDP, 0, here, here)
    body = struct.pack("!HH", 0, _ROUTER_MTU) + ip + struct.pack("!HHHH", source, destination, 1440, 0)
    return struct.pack("!BBH", 3, code, _checksum(struct.pack("!BBH", 3, code, 0) + body)) + body


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
