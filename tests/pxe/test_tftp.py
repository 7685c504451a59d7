"""TFTP with clients that nobody here wrote: curl, and raw packets of the ones that misbehave."""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pxe.loaders import loaders_in
from pxe.tftp import TftpService
from tests import debian

LOADER = os.urandom(300_000)
LARGE = os.urandom(1000) * 34_000  # 34 MB: more than 65,535 blocks of 512 bytes


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("loaders")
    (folder / "undionly.kpxe").write_bytes(LOADER)
    (folder / "snponly.efi").write_bytes(LARGE)
    (folder / "secret").write_bytes(b"not for machines")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        free = int(probe.getsockname()[1])
    stopping = threading.Event()
    thread = threading.Thread(target=TftpService(loaders_in(folder), "127.0.0.1", free).run, args=(stopping,))
    thread.start()
    _wait(free)
    yield free
    stopping.set()
    thread.join(15)
    assert not thread.is_alive()


def _wait(port: int) -> None:
    end = time.monotonic() + 10
    while not ask(port, b"\0\1nothing\0octet\0") and time.monotonic() < end:
        time.sleep(0.05)  # nothing tells when the socket is bound


def ask(port: int, packet: bytes, timeout_s: float = 0.5) -> bytes:
    """The answer to one packet; empty when there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout_s)
        client.sendto(packet, ("127.0.0.1", port))
        try:
            return client.recv(2048)
        except OSError:
            return b""


def curl(port: int, name: str, *options: str) -> subprocess.CompletedProcess[bytes]:
    program = debian.program("curl", "curl")
    command = [program, "--silent", "--max-time", "60", *options, f"tftp://127.0.0.1:{port}/{name}"]
    return subprocess.run(command, capture_output=True, check=False)


@pytest.mark.parametrize("options", [(), ("--tftp-blksize", "1428"), ("--tftp-no-options",)])
def test_a_loader_is_fetched(port: int, options: tuple[str, ...]) -> None:
    """With blksize and tsize, with the default block, and by a client without options."""
    assert curl(port, "undionly.kpxe", *options).stdout == LOADER


def test_the_block_number_wraps(port: int) -> None:
    """A file of more than 65,535 blocks arrives whole."""
    assert curl(port, "snponly.efi", "--tftp-no-options").stdout == LARGE


def test_many_at_once(port: int) -> None:
    """A rack that powers on together."""
    with ThreadPoolExecutor(16) as pool:
        assert all(done.stdout == LOADER for done in pool.map(lambda _: curl(port, "undionly.kpxe"), range(32)))


@pytest.mark.parametrize(
    "name", ["secret", "../secret", "/etc/passwd", "..%2f..%2fetc%2fpasswd", "//undionly.kpxe/../secret"]
)
def test_nothing_else_is_served(port: int, name: str) -> None:
    """Only the names of loaders exist, whatever lies beside them."""
    assert curl(port, name).returncode != 0


def test_an_unknown_name_is_told_so(port: int) -> None:
    """Error 1, file not found (RFC 1350)."""
    assert ask(port, b"\0\1windows.exe\0octet\0")[:4] == b"\0\5\0\1"


def test_nothing_can_be_written(port: int, tmp_path: Path) -> None:
    """A write request is refused."""
    file = tmp_path / "evil"
    file.write_bytes(b"x")
    assert curl(port, "undionly.kpxe", "--upload-file", str(file)).returncode != 0
    assert curl(port, "undionly.kpxe").stdout == LOADER


@pytest.mark.parametrize(
    "packet", [b"", b"\0", b"\0\1", b"\0\1\xff\xfe\0octet\0", b"\0\4\0\1", b"\xff" * 600, b"\0\5\0\x08stop\0"]
)
def test_garbage_does_not_end_the_service(port: int, packet: bytes) -> None:
    """Whatever one client sends, the next one is served."""
    ask(port, packet, 0.1)
    _wait(port)
    assert curl(port, "undionly.kpxe").stdout == LOADER


def test_ovmf_asks_for_the_size_first(port: int) -> None:
    """OVMF asks with tsize, aborts with error 8 when it knows, and asks again without: both are served."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(2)
        client.sendto(b"\0\1undionly.kpxe\0octet\0tsize\x000\0blksize\x001468\0", ("127.0.0.1", port))
        answer, peer = client.recvfrom(2048)
        assert answer[:2] == b"\0\6"
        assert f"tsize\0{len(LOADER)}".encode() in answer
        client.sendto(b"\0\5\0\x08User aborted the transfer\0", peer)
    assert curl(port, "undionly.kpxe", "--tftp-blksize", "1468").stdout == LOADER
