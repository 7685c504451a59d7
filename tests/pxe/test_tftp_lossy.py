"""TFTP clients that nobody here wrote, over a wire that loses, doubles, delays and reorders packets."""

import heapq
import os
import random
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pxe.datagram import bind
from pxe.tftp import TftpService
from pxe.tftp_packets import OPTIONS_ACK
from tests import debian

LOADER = os.urandom(30_000)
LARGE = os.urandom(6_000_000)
NAME = "undionly.kpxe"
LARGE_NAME = "ipxe.efi"
SIMULATED = """
import asyncio, pathlib, sys
from bmprov.sim.tftp_client import fetch
_, port, name, target = sys.argv
fetched = asyncio.run(fetch(name, ("127.0.0.1", int(port)), "127.0.0.1"))
pathlib.Path(target).write_bytes(fetched.content)
"""


@dataclass(frozen=True)
class Faults:
    """What becomes of a packet: shares of 1, and the longest time that it is under way. Unequal delays reorder."""

    lost: float = 0.0
    doubled: float = 0.0
    delay_s: float = 0.0


class Relay:
    """Stands between clients and a server, with a port of its own for each client, as the server's transfer ID."""

    def __init__(self, server: tuple[str, int], faults: Faults, seed: int) -> None:
        self._server = server
        self._faults = faults
        self._random = random.Random(seed)
        self._sockets = ExitStack()
        self._poll = select.poll()
        self._door = self._open()
        self._fronts: dict[int, tuple[socket.socket, tuple[str, int]]] = {}
        self._backs: dict[int, tuple[socket.socket, tuple[str, int]]] = {}
        self._by_client: dict[tuple[str, int], socket.socket] = {}
        self._by_descriptor = {self._door.fileno(): self._door}
        self._under_way: list[tuple[float, int, Callable[[], object]]] = []
        self._count = 0
        self.port = int(self._door.getsockname()[1])
        self.from_server = 0

    def run(self, stopping: threading.Event) -> None:
        with self._sockets:
            while not stopping.is_set():
                for descriptor, _ in self._poll.poll(2):
                    self._take(self._by_descriptor[descriptor])
                while self._under_way and self._under_way[0][0] <= time.monotonic():
                    heapq.heappop(self._under_way)[2]()

    def _open(self) -> socket.socket:
        opened = self._sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        opened.bind(("127.0.0.1", 0))
        self._poll.register(opened, select.POLLIN)
        return opened

    def _take(self, came_to: socket.socket) -> None:
        packet, sender = came_to.recvfrom(65_536)
        descriptor = came_to.fileno()
        if came_to is self._door:
            back = self._by_client.get(sender) or self._meet(sender)
            self._carry(back, packet, self._server)
        elif descriptor in self._fronts:
            back, server = self._fronts[descriptor]
            self._carry(back, packet, server)
        else:
            self.from_server += 1
            front, client = self._backs[descriptor]
            self._fronts[front.fileno()] = (came_to, sender)
            self._carry(front, packet, client)

    def _meet(self, client: tuple[str, int]) -> socket.socket:
        front, back = self._open(), self._open()
        self._by_descriptor |= {front.fileno(): front, back.fileno(): back}
        self._backs[back.fileno()] = (front, client)
        self._by_client[client] = back
        return back

    def _carry(self, by: socket.socket, packet: bytes, to: tuple[str, int]) -> None:
        lost = self._random.random() < self._faults.lost
        doubled = self._random.random() < self._faults.doubled and packet[:2] != OPTIONS_ACK  # atftp aborts at that
        for _ in range((not lost) * (1 + doubled)):
            due = time.monotonic() + self._random.random() * self._faults.delay_s
            self._count += 1
            heapq.heappush(self._under_way, (due, self._count, lambda: by.sendto(packet, to)))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    folder = tmp_path_factory.mktemp("loaders")
    (folder / NAME).write_bytes(LOADER)
    (folder / LARGE_NAME).write_bytes(LARGE)
    with bind("127.0.0.1", 0) as bound:
        service = TftpService({name: folder / name for name in (NAME, LARGE_NAME)}, "", 0)
        with serving(lambda stopping: service.serve(bound, stopping)):
            yield bound.getsockname()


@contextmanager
def serving(run: Callable[[threading.Event], None]) -> Iterator[None]:
    stopping = threading.Event()
    thread = threading.Thread(target=run, args=(stopping,))
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(10)
    assert not thread.is_alive()


Client = Callable[[int, str, Path], list[str]]


def curl(port: int, name: str, target: Path) -> list[str]:
    command = [debian.program("curl", "curl"), "--silent", "--max-time", "60", "--tftp-blksize", "1428"]
    return [*command, "-o", str(target), f"tftp://127.0.0.1:{port}/{name}"]


def busybox(port: int, name: str, target: Path) -> list[str]:
    program = debian.program("busybox", "busybox-static")
    return [program, "tftp", "-g", "-b", "1428", "-r", name, "-l", str(target), "127.0.0.1", str(port)]


def hpa(port: int, name: str, target: Path) -> list[str]:
    program = debian.program("tftp", "tftp-hpa")
    return [program, "-4", "-m", "binary", "127.0.0.1", str(port), "-c", "get", name, str(target)]


def atftp(window: int, block_bytes: int = 1428, timeout_s: int = 2) -> Client:
    def command(port: int, name: str, target: Path) -> list[str]:
        program = debian.program("atftp", "atftp")
        options = ["--option", f"blksize {block_bytes}", "--option", f"windowsize {window}"]
        options += ["--tftp-timeout", str(timeout_s)]
        return [program, *options, "-g", "-r", name, "-l", str(target), "127.0.0.1", str(port)]

    return command


def simulated(port: int, name: str, target: Path) -> list[str]:
    """The client of `bmprov.sim`'s firmware."""
    return [sys.executable, "-c", SIMULATED, str(port), name, str(target)]


def fetch(client: Client, port: int, name: str, target: Path) -> bytes:
    subprocess.run(client(port, name, target), check=True, timeout=90, capture_output=True)
    return target.read_bytes()


@pytest.mark.parametrize(
    "client",
    [
        pytest.param(curl, id="curl"),
        pytest.param(busybox, id="busybox"),
        pytest.param(hpa, id="tftp-hpa"),
        pytest.param(simulated, id="simulated"),
        pytest.param(atftp(1), id="atftp"),
        pytest.param(atftp(16), id="atftp-window-16"),
        pytest.param(atftp(64), id="atftp-window-64"),
        pytest.param(atftp(64, 64), id="atftp-window-64-small-blocks"),
        pytest.param(atftp(16, 8192), id="atftp-window-16-large-blocks"),
    ],
)
def test_a_client_gets_all_bytes(client: Client, server: tuple[str, int], tmp_path: Path) -> None:
    """Over a wire without faults."""
    assert fetch(client, server[1], LARGE_NAME, tmp_path / "got") == LARGE


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(Faults(lost=0.05), id="lost"),
        pytest.param(Faults(doubled=0.3), id="doubled"),
        pytest.param(Faults(delay_s=0.004), id="reordered"),
        pytest.param(Faults(lost=0.05, doubled=0.05, delay_s=0.002), id="all"),
    ],
)
@pytest.mark.parametrize(
    "client",
    [
        pytest.param(curl, id="curl"),
        pytest.param(busybox, id="busybox"),
        pytest.param(hpa, id="tftp-hpa"),
        pytest.param(simulated, id="simulated"),
        pytest.param(atftp(1), id="atftp"),
        pytest.param(atftp(4), id="atftp-window-4"),
        pytest.param(atftp(16, 256), id="atftp-window-16"),
    ],
)
def test_faults_of_the_wire_do_no_harm(client: Client, faults: Faults, server: tuple[str, int], tmp_path: Path) -> None:
    """The loader arrives whole, whatever happens to single packets."""
    relay = Relay(server, faults, seed=7)
    with serving(relay.run):
        assert fetch(client, relay.port, NAME, tmp_path / "got") == LOADER


@pytest.mark.parametrize(
    ("client", "blocks"),
    [
        pytest.param(curl, 22, id="curl"),
        pytest.param(hpa, 59, id="tftp-hpa"),
        pytest.param(atftp(1), 22, id="atftp"),
        pytest.param(atftp(16, 256), 118, id="atftp-window-16"),
    ],
)
def test_a_wire_that_doubles_all_packets_does_not_make_the_server_double_them(
    client: Client, blocks: int, server: tuple[str, int], tmp_path: Path
) -> None:
    """The sorcerer's apprentice (RFC 1123, 4.2.3.1), with real clients. A slow machine may see a window sent again."""
    relay = Relay(server, Faults(doubled=1.0), seed=7)
    with serving(relay.run):
        assert fetch(client, relay.port, NAME, tmp_path / "got") == LOADER
    assert relay.from_server <= 1.5 * blocks


def test_clients_that_asked_twice_before_the_server_came_to_it_get_all_bytes(tmp_path: Path) -> None:
    """A hall that is switched on at once beside a busy host: each second request lies behind all the first ones."""
    (tmp_path / NAME).write_bytes(LARGE)
    with bind("127.0.0.1", 0) as bound, ExitStack() as clients:
        commands = [atftp(1, timeout_s=1)(bound.getsockname()[1], NAME, tmp_path / f"{number}") for number in range(20)]
        quiet = subprocess.DEVNULL
        started = [clients.enter_context(subprocess.Popen(command, stdout=quiet, stderr=quiet)) for command in commands]
        time.sleep(1.5)  # after a second without an answer, atftp asks again
        with serving(lambda stopping: TftpService({NAME: tmp_path / NAME}, "", 0).serve(bound, stopping)):
            assert [process.wait(60) for process in started] == [0] * 20
    assert all((tmp_path / f"{number}").read_bytes() == LARGE for number in range(20))
