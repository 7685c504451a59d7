"""An image to many machines at once: `bmprov pxe http`, which asks each for its token, beside nginx on the same file.

Both have two processes. What is compared is how many bytes each sends with a second of CPU: on loopback the time taken
is as much the readers' as the server's. The readers are one process that lets the kernel throw away what has arrived
(MSG_TRUNC, tcp(7)), each from its machine's address. The servers take turns; a figure is the median of `ROUNDS`.
"""

import hashlib
import os
import select
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bmprov.cli import valkey
from bmprov.deadline import Deadline
from bmprov.settings import PxeSettings, dump
from tests import debian
from tests.bench.measure import BenchError, cpu_seconds, wait_for
from tests.bench.servers import START_S, free_port, listening, running
from tests.pxe.provisioning import Site

ROUNDS = 3
READERS = 20
IMAGE_BYTES = 2**30
STALLED_S = 30.0
_TAKE_BYTES = 2**20
_HEAD_BYTES = 4096
_END = b"\r\n\r\n"
_NGINX = """daemon off; user root; worker_processes {processes}; error_log stderr; pid {folder}/nginx.pid;
events {{ worker_connections 256; }}
http {{
    sendfile on; tcp_nopush on; access_log off; default_type application/octet-stream;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


@dataclass(frozen=True)
class Sent:
    """An image that went to all readers: how many bytes, in which time, with how much CPU of the server."""

    size_bytes: int
    seconds: float
    cpu_s: float

    @property
    def mb_per_s(self) -> float:
        """In 10^6 bytes."""
        return self.size_bytes / self.seconds / 1e6

    @property
    def mb_per_cpu_s(self) -> float:
        """The same for a second of the server's CPU."""
        return self.size_bytes / self.cpu_s / 1e6


@dataclass(frozen=True)
class Server:
    """A running server, and what a machine at an address asks it for."""

    pid: int
    port: int
    path: Callable[[str], str]


def bench_http() -> Iterator[str]:
    """Measure, if nginx is there; its lines."""
    try:
        nginx = debian.program("nginx", "nginx-light")
    except pytest.skip.Exception as missing:
        yield f"## HTTP: not measured, {missing}"
        return
    with tempfile.TemporaryDirectory(prefix="bench-http-") as name, ExitStack() as stack:
        site = _site(Path(name), stack)
        servers = {"bmprov": _bmprov(site, Path(name), stack), "nginx": _nginx(nginx, site, Path(name), stack)}
        for server in servers.values():
            _compare(server, site.image.sha256)
        yield f"## HTTP, an image of 1 GiB to {READERS} machines at once"
        yield from _table(_turns(servers), "nginx")


def _turns(servers: dict[str, Server]) -> dict[str, Sent]:
    taken: dict[str, list[Sent]] = {who: [] for who in servers}
    for _ in range(ROUNDS):
        for who, server in servers.items():
            taken[who].append(_send(server))
    return {who: sorted(some, key=lambda one: one.cpu_s)[len(some) // 2] for who, some in taken.items()}


def _table(figures: dict[str, Sent], peer: str) -> Iterator[str]:
    for who, one in figures.items():
        yield (
            f"{who:14} {one.mb_per_s:7.0f} MB/s  {one.seconds:6.2f} s  server CPU {one.cpu_s:5.2f} s  "
            f"{one.mb_per_cpu_s:7.0f} MB per CPU second  {one.mb_per_cpu_s / figures[peer].mb_per_cpu_s:5.2f} of {peer}"
        )


# --- Readers ---


def _send(server: Server) -> Sent:
    cpu_s, began = cpu_seconds([server.pid]), time.perf_counter()
    size_bytes = _read([_asked(server, address) for address in _addresses()])
    return Sent(size_bytes, time.perf_counter() - began, cpu_seconds([server.pid]) - cpu_s)


def _addresses() -> list[str]:
    return [f"127.66.1.{number}" for number in range(1, READERS + 1)]


def _asked(server: Server, address: str) -> socket.socket:
    """A connection on which nothing is left to read but the image."""
    connection = socket.create_connection(("127.0.0.1", server.port), STALLED_S, (address, 0))
    path = server.path(address)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    head, by = b"", Deadline.after(STALLED_S)
    while _END not in head and not by.passed:
        head = connection.recv(_HEAD_BYTES, socket.MSG_PEEK)
    if not head.startswith(b"HTTP/1.1 200 "):
        raise BenchError(f"GET {path} was answered {head[:100]!r}")
    connection.recv(head.index(_END) + len(_END))
    return connection


def _read(connections: Sequence[socket.socket]) -> int:
    """Read them all to their ends; how many bytes came.

    Raises:
        BenchError: one has come short.
    """
    size_bytes, nowhere, reading = 0, bytearray(_TAKE_BYTES), {one.fileno(): one for one in connections}
    with select.epoll() as poll:
        for descriptor in reading:
            poll.register(descriptor, select.EPOLLIN)
        while reading:
            ready = poll.poll(STALLED_S)
            if not ready:
                raise BenchError(f"nothing came for {STALLED_S:g} s")
            for descriptor, _ in ready:
                taken = reading[descriptor].recv_into(nowhere, 0, socket.MSG_TRUNC)
                size_bytes += taken
                if not taken:
                    reading.pop(descriptor).close()
    if size_bytes != len(connections) * IMAGE_BYTES:
        raise BenchError(f"{size_bytes} bytes came instead of {len(connections)} times {IMAGE_BYTES}")
    return size_bytes


def _compare(server: Server, sha256: str) -> None:
    """One fetch that is not measured: are the bytes right."""
    digest = hashlib.sha256()
    with _asked(server, _addresses()[0]) as connection:
        while data := connection.recv(_TAKE_BYTES):
            digest.update(data)
    if digest.hexdigest() != sha256:
        raise BenchError(f"what port {server.port} sends is not the image")


# --- Servers ---


def _site(folder: Path, stack: ExitStack) -> Site:
    """A site with an image of random bytes, and a Valkey of its own."""
    redis = f"{folder}/valkey.sock"
    stack.enter_context(running([valkey.program(), "--port", "0", "--unixsocket", redis, "--save", ""], folder))
    wait_for(Path(redis).exists, "Valkey's start", Deadline.after(START_S))
    return Site(folder, f"unix://{redis}", os.urandom(IMAGE_BYTES))


def _bmprov(site: Site, folder: Path, stack: ExitStack) -> Server:
    """`bmprov pxe http` as its settings are by default, and a deployment under way for each reader."""
    port = free_port()
    default = PxeSettings()
    pxe = replace(site.settings.pxe, http_port=port, processes=default.processes, threads=default.threads)
    site.settings = replace(site.settings, pxe=pxe)
    file = folder / "bmprov.toml"
    file.write_text(dump(site.settings))
    tokens = {
        address: site.booted_at(site.deploy(number), address) for number, address in enumerate(_addresses(), start=1)
    }
    bmprov = str(Path(sys.executable).with_name("bmprov"))
    pid = stack.enter_context(running([bmprov, "pxe", "http", "--config", str(file)], folder))
    listening(port)
    return Server(pid, port, lambda address: f"/images/v1/{tokens[address]}/{site.image.sha256}")


def _nginx(program: str, site: Site, folder: Path, stack: ExitStack) -> Server:
    """It sends the same file to whoever asks."""
    image, port, file = site.images.path(site.image.sha256), free_port(), folder / "nginx.conf"
    file.write_text(_NGINX.format(processes=PxeSettings().processes, folder=folder, port=port, root=image.parent))
    pid = stack.enter_context(running([program, "-p", str(folder), "-c", str(file)], folder))
    listening(port)
    return Server(pid, port, lambda _: f"/{image.name}")
