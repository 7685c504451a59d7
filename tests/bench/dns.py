"""The names of 1,000 machines: `bmprov pxe dns` beside dnsmasq with the same names in a hosts file, in turns.

Each machine asks from its own address, as the server's limits are for each client, and asks again once it is answered.
Every answer must have the address that was asked for.
"""

import os
import select
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path

import dnslib
import pytest

from bmprov.settings import dump
from tests import debian
from tests.bench.measure import BenchError, Latency, cpu_seconds, least_tick
from tests.bench.servers import bound, free_port, running
from tests.pxe.provisioning import Site
from tests.valkey import valkey_server

ROUNDS, MACHINES, TIMES = 3, 1000, 20
_AT_ONCE = 50
_FIRST, _LOST_S = IPv4Address("127.66.1.0"), 2.0


@dataclass(frozen=True)
class Answered:
    """Questions that were answered, how long each took, and the server's CPU for all of them."""

    seconds: list[float]
    lost: int
    took_s: float
    cpu_s: float

    @property
    def per_cpu_s(self) -> float:
        """Answers for a second of the server's CPU."""
        return len(self.seconds) / least_tick(self.cpu_s)


def bench_dns(machines: int = MACHINES) -> Iterator[str]:
    """Measure, if dnsmasq is there; its lines."""
    try:
        dnsmasq = debian.program("dnsmasq", "dnsmasq-base")
    except pytest.skip.Exception as missing:  # `debian` skips a test; a bench goes on
        yield f"## DNS: not measured, {missing}"
        return
    with tempfile.TemporaryDirectory(prefix="bench-dns-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # dnsmasq becomes another user
        names = {f"rack1-{number:02d}.bmprov.internal": _FIRST + number for number in range(1, machines + 1)}
        servers = {"bmprov": _bmprov(names, folder, stack), "dnsmasq": _dnsmasq(dnsmasq, names, folder, stack)}
        taken: dict[str, list[Answered]] = {who: [] for who in servers}
        for _ in range(ROUNDS):
            for who, (pid, port) in servers.items():
                taken[who].append(_ask(pid, port, names))
    middle = {who: sorted(some, key=lambda one: one.cpu_s)[ROUNDS // 2] for who, some in taken.items()}
    yield f"## DNS, {machines} names, {TIMES} questions of each machine, {_AT_ONCE} at once, median of {ROUNDS}"
    for who, one in middle.items():
        latency, ratio = Latency.of(one.seconds), one.per_cpu_s / middle["dnsmasq"].per_cpu_s
        yield (
            f"{who:8} {len(one.seconds) / one.took_s:7.0f} a second  p50 {latency.p50_ms:5.1f} ms  "
            f"p99 {latency.p99_ms:5.1f} ms  {one.lost} lost  CPU {one.cpu_s:.2f} s  "
            f"{one.per_cpu_s:7.0f} answers per CPU second ({ratio:.2f} of dnsmasq)"
        )


def _ask(pid: int, port: int, names: Mapping[str, IPv4Address]) -> Answered:
    """Each machine asks for its own name, so many machines at once; who is not answered in time asks no more."""
    before, began = cpu_seconds([pid]), time.perf_counter()
    seconds, lost, some = list[float](), 0, list(names.items())
    for first in range(0, len(some), _AT_ONCE):
        lost += _asked(port, some[first : first + _AT_ONCE], seconds)
    return Answered(seconds, lost, time.perf_counter() - began, cpu_seconds([pid]) - before)


def _asked(port: int, names: Sequence[tuple[str, IPv4Address]], seconds: list[float]) -> int:
    """Add what each answer took; how many never came."""
    with ExitStack() as stack, select.epoll() as poll:
        asking: dict[int, _Asker] = {}
        for name, address in names:
            asker = _Asker(stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)), name, address, port)
            asking[asker.socket.fileno()] = asker
            poll.register(asker.socket, select.EPOLLIN)
        while asking and (ready := poll.poll(_LOST_S)):
            for descriptor, _ in ready:
                seconds.append(asking[descriptor].hear())
                if not asking[descriptor].left:
                    poll.unregister(descriptor)
                    del asking[descriptor]
        return sum(asker.left for asker in asking.values())


class _Asker:
    """A machine that asks for its own name, as often as is `left`."""

    def __init__(self, bare: socket.socket, name: str, address: IPv4Address, port: int) -> None:
        self.socket, self.left, self._address = bare, TIMES, address.packed
        bare.bind((str(address), 0))
        bare.connect(("127.0.0.1", port))
        self._question = bytes(dnslib.DNSRecord.question(name).pack())
        self._say()

    def hear(self) -> float:
        """Take the answer, and ask again; how long it took."""
        answer = self.socket.recv(512)
        took_s = time.perf_counter() - self._asked_at
        if self._address not in answer[len(self._question) :]:
            raise BenchError(f"a question was answered {answer!r}")
        self.left -= 1
        if self.left:
            self._say()
        return took_s

    def _say(self) -> None:
        self._asked_at = time.perf_counter()
        self.socket.send(self._question)


def _bmprov(names: Mapping[str, IPv4Address], folder: Path, stack: ExitStack) -> tuple[int, int]:
    """`bmprov pxe dns`, and a deployment under way for each machine: its process and its port."""
    site = Site(folder, stack.enter_context(valkey_server()))
    site.settings = replace(site.settings, pxe=replace(site.settings.pxe, dns_port=free_port()))
    for number, address in enumerate(names.values(), start=1):
        site.booted_at(site.deploy(number), str(address))
    file = folder / "bmprov.toml"
    file.write_text(dump(site.settings))
    command = [str(Path(sys.executable).with_name("bmprov")), "pxe", "dns", "--config", str(file)]
    pid = stack.enter_context(running(command, folder))
    bound(site.settings.pxe.dns_port)
    return pid, site.settings.pxe.dns_port


def _dnsmasq(program: str, names: Mapping[str, IPv4Address], folder: Path, stack: ExitStack) -> tuple[int, int]:
    hosts, port = folder / "hosts", free_port()
    hosts.write_text("".join(f"{address} {name}\n" for name, address in names.items()))
    own = ["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", f"--addn-hosts={hosts}"]
    at = ["--listen-address=127.0.0.1", "--bind-interfaces", f"--port={port}", "--local=/bmprov.internal/"]
    user = ["--user=root"] if os.geteuid() == 0 else []
    pid = stack.enter_context(running([program, *own, *at, *user], folder))
    bound(port)
    return pid, port
