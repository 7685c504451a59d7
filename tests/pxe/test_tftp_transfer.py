"""TFTP between one client and the server, packet by packet, over real UDP: lost, doubled, late, forged, and broken."""

import io
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest
import tftpy
from hypothesis import given
from hypothesis import strategies as st

from pxe.datagram import bind
from pxe.loaders import Shelf
from pxe.tftp import TftpService
from pxe.tftp_packets import Malformed, parse_request
from pxe.tftp_transfer import SOONEST_S
from tests import debian

LOADER = os.urandom(5000)
READ = b"\0\1undionly.kpxe\0octet\0"


class Client:
    """A socket that remembers from where the last answer came."""

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self.server = (address, port)
        self.peer = self.server
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, request: bytes) -> bytes:
        self.socket.sendto(request, self.server)
        return self.hear()

    def reply(self, packet: bytes) -> bytes:
        self.socket.sendto(packet, self.peer)
        return self.hear()

    def hear(self) -> bytes:
        packet, self.peer = self.socket.recvfrom(2048)
        return packet

    def block(self, number: int) -> bytes:
        """The content of a block; what the server has sent twice, because this test was slow, is passed over."""
        packet = self.hear()
        while packet[:2] == b"\0\3" and int.from_bytes(packet[2:4]) < number:
            packet = self.hear()
        assert packet[:4] == b"\0\3" + number.to_bytes(2)
        return packet[4:]

    def acknowledge(self, number: int) -> None:
        self.socket.sendto(ack(number), self.peer)

    def rest(self, number: int, block_bytes: int = 512) -> bytes:
        """Acknowledge `number` and what follows, up to the end; what came."""
        content, last = b"", bytes(block_bytes)
        while len(last) == block_bytes:
            self.acknowledge(number)
            number += 1
            last = self.block(number)
            content += last
        self.acknowledge(number)
        return content

    def is_left_alone(self) -> bool:
        """Whether nothing comes, for less time than it takes the server to send again."""
        self.socket.settimeout(SOONEST_S / 2)
        try:
            self.hear()
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(10)
        return False


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    path = tmp_path_factory.mktemp("loaders") / "undionly.kpxe"
    path.write_bytes(LOADER)
    stopping = threading.Event()
    with bind("0.0.0.0", 0) as bound:
        serving = TftpService({"undionly.kpxe": path}, "", 0).serve
        thread = threading.Thread(target=serving, args=(bound, stopping))
        thread.start()
        yield int(bound.getsockname()[1])
        stopping.set()
        thread.join(5)
        assert not thread.is_alive()


@pytest.fixture
def client(port: int) -> Iterator[Client]:
    with Client(port) as asking:
        yield asking


def ack(block: int) -> bytes:
    return b"\0\4" + block.to_bytes(2)


def test_one_transfer_ending_leaves_the_others_alone(port: int) -> None:
    """A rack that powers on together: all get their loader, with a client that nobody here wrote."""

    def fetch(_: int) -> bytes:
        content = io.BytesIO()
        tftpy.TftpClient("127.0.0.1", port, {"blksize": 64}).download("undionly.kpxe", content, timeout=2)
        return content.getvalue()

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(fetch, range(60))) == [LOADER] * 60


def test_busybox_fetches_a_loader(port: int, tmp_path: Path) -> None:
    """Another client, which asks for tsize and blksize."""
    busybox = debian.program("busybox", "busybox-static")
    target = tmp_path / "loader"
    command = [busybox, "tftp", "-g", "-b", "1024", "-r", "undionly.kpxe", "-l", str(target), "127.0.0.1", str(port)]
    subprocess.run(command, check=True, timeout=20, capture_output=True)
    assert target.read_bytes() == LOADER


def test_the_answer_comes_from_the_address_that_was_asked(port: int) -> None:
    """A ROM drops a loader from another address; a server with several must not leave the choice to the kernel."""
    with Client(port, "127.0.0.9") as client:
        assert client.ask(READ)[:4] == b"\0\3\0\1"
        assert client.peer[0] == "127.0.0.9"


@pytest.mark.parametrize(
    ("options", "agreed"),
    [
        (b"tsize\x000\0blksize\x001468\0windowsize\x004\0", b"tsize\x005000\0blksize\x001468\0windowsize\x004\0"),
        (b"tsize\x000\0", b"tsize\x005000\0"),
        (b"BLKSIZE\x001000\0", b"BLKSIZE\x001000\0"),
        (b"blksize\x0065464\0", b"blksize\x001468\0"),
        (b"timeout\x003\0multicast\0\0", b"timeout\x003\0"),
        (b"windowsize\x0065535\0", b"windowsize\x0064\0"),
        (b"windowsize\x0064\0blksize\x008192\0", b"windowsize\x0044\0blksize\x001468\0"),
    ],
)
def test_options_are_agreed_on(client: Client, options: bytes, agreed: bytes) -> None:
    """What was asked for and is known, and nothing else (RFC 2347).

    Blocks stay within an Ethernet frame, and windows within what one system call sends.
    """
    assert client.ask(READ + options) == b"\0\6" + agreed


@pytest.mark.parametrize(
    "options",
    [
        *(b"blksize\0" + value + b"\0" for value in (b"many", b"7", b"99999", b"-8", b"")),
        *(b"windowsize\0" + value + b"\0" for value in (b"0", b"65536", b"a", b"1" * 400)),
        *(b"timeout\0" + value + b"\0" for value in (b"0", b"256", b"0.5")),
        b"multicast\0\0",
        b"blksize",
        b"\0\0\0\0",
    ],
)
def test_unusable_options_are_passed_over(client: Client, options: bytes) -> None:
    """The first block is the answer, as if nothing had been asked (RFC 2347, RFC 2348)."""
    assert client.ask(READ + options) == b"\0\3\0\1" + LOADER[:512]


def test_a_lost_packet_is_sent_again(client: Client) -> None:
    """The server's own patience: it sends a block again when nothing comes back."""
    first = client.ask(READ)
    assert client.hear() == first
    assert first[4:] + client.rest(1) == LOADER


def test_a_doubled_acknowledgement_does_not_double_the_rest(client: Client) -> None:
    """The sorcerer's apprentice (RFC 1123, 4.2.3.1): the second acknowledgement of a block is not answered."""
    client.ask(READ)
    client.acknowledge(1)
    client.block(2)
    client.acknowledge(1)
    assert client.is_left_alone()
    client.acknowledge(2)
    assert client.block(3) == LOADER[1024:1536]


@pytest.mark.parametrize("number", [0, 9])
def test_an_acknowledgement_out_of_order_does_no_harm(client: Client, number: int) -> None:
    """A late one, or one of a block that was never sent."""
    content = client.ask(READ)[4:]
    client.acknowledge(number)
    assert client.is_left_alone()
    assert content + client.rest(1) == LOADER


def test_a_doubled_request_is_answered_once(client: Client) -> None:
    """One transfer, not two that fight over the client's port."""
    first = client.ask(READ)
    client.socket.sendto(READ, client.server)
    assert client.is_left_alone()
    assert first[4:] + client.rest(1) == LOADER


def test_a_rom_that_was_reset_asks_anew_from_the_same_port(client: Client) -> None:
    """Its first transfer is forgotten: ROMs count their ports from the same number after every reset."""
    client.ask(READ)
    client.acknowledge(1)
    client.block(2)
    again = client.ask(READ)
    assert again[:4] == b"\0\3\0\1"
    assert again[4:] + client.rest(1) == LOADER


@pytest.mark.parametrize("refusal", [b"\0\5\0\5Unknown transfer ID\0", b""])
def test_a_request_that_comes_twice_late_does_no_harm(client: Client, refusal: bytes) -> None:
    """The client asked again because the answer was late, and has begun: it refuses the second one, or passes it over.

    Whichever of the two transfers it writes to, goes on (RFC 1350, 4).
    """
    content = client.ask(READ)[4:]
    client.acknowledge(1)
    content += client.block(2)
    first = client.peer
    assert client.ask(READ) == b"\0\3\0\1" + LOADER[:512]
    second, client.peer = client.peer, first
    assert second != first
    if refusal:
        client.socket.sendto(refusal, second)
    assert content + client.rest(2) == LOADER
    assert client.is_left_alone()


def test_ovmf_asks_again_at_once_after_its_abort(client: Client) -> None:
    """Error 8 as soon as the size is known, then the request without tsize, even from the same port."""
    assert client.ask(READ + b"tsize\x000\0blksize\x001468\0windowsize\x004\0")[:2] == b"\0\6"
    client.socket.sendto(b"\0\5\0\x08User aborted the transfer\0", client.peer)
    assert client.ask(READ + b"blksize\x001468\0windowsize\x004\0") == b"\0\6blksize\x001468\0windowsize\x004\0"
    client.acknowledge(0)
    assert b"".join(client.block(number) for number in (1, 2, 3, 4)) == LOADER
    client.acknowledge(4)
    assert client.is_left_alone()


@pytest.mark.parametrize("forged", [b"\0\5\0\0stop\0", b"\0\4\0\1", b"\xff"])
def test_a_stranger_cannot_touch_a_transfer(client: Client, port: int, forged: bytes) -> None:
    """Its packet is refused as if the port were closed, even an abort with the right numbers; the transfer goes on."""
    content = client.ask(READ)[4:]
    with Client(port) as stranger:
        stranger.socket.connect(client.peer)
        stranger.socket.send(forged)
        with pytest.raises(ConnectionRefusedError):
            stranger.socket.recv(2048)
    assert client.is_left_alone()
    assert content + client.rest(1) == LOADER


def test_a_client_that_is_gone_ends_its_transfer_at_once(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Its port is closed: the log says so as soon as something is sent there, and the others are served."""
    with Client(port) as leaving:
        leaving.ask(READ)
        leaving.acknowledge(1)
        leaving.block(2)
    told, end = "", time.monotonic() + 5
    while "its port is closed" not in told and time.monotonic() < end:
        time.sleep(0.05)  # nothing else tells
        told += capsys.readouterr().out
    assert "1 of 10 blocks were acknowledged" in told
    with Client(port) as client:
        assert client.ask(READ)[4:] + client.rest(1) == LOADER


@pytest.mark.parametrize(
    "garbage", [b"", b"\0", b"\0\4\0", b"\0\4", b"\xff" * 9, b"\0\1x\0octet\0", b"\0\3\0\1x", b"\0\6a"]
)
def test_garbage_within_a_transfer_is_passed_over(client: Client, garbage: bytes) -> None:
    """What cannot be read is as good as lost."""
    content = client.ask(READ)[4:]
    client.socket.sendto(garbage, client.peer)
    assert content + client.rest(1) == LOADER


def test_an_error_is_never_answered(client: Client) -> None:
    """Else two servers could talk for ever."""
    client.socket.sendto(b"\0\5\0\0hello\0", client.server)
    assert client.is_left_alone()


@given(data=st.binary(max_size=80) | st.binary(max_size=80).map(lambda tail: b"\0\1a\0octet\0" + tail))
def test_garbage_is_refused(data: bytes) -> None:
    """Whatever the bytes are, there is one error and no other."""
    with suppress(Malformed):
        parse_request(data)


def test_an_upgraded_loader_is_served_without_a_restart(tmp_path: Path) -> None:
    """The copy in memory follows the file."""
    path = tmp_path / "ipxe.efi"
    path.write_bytes(b"old")
    shelf = Shelf({"ipxe.efi": path})
    assert shelf.open("/ipxe.efi").read() == b"old"
    path.write_bytes(b"new")
    os.utime(path, ns=(1, 1))
    assert shelf.open("ipxe.efi").read() == b"new"
