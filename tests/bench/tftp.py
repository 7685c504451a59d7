"""Our TFTP server beside dnsmasq's and atftpd, on loopback, with atftp as the client of all three.

Everything runs in a network namespace of its own, since dnsmasq knows no port but 69. The servers take turns, so that
all see the same noise; a figure is the median of `ROUNDS`. What arrives is compared byte by byte with what was asked.

The client: one program in C, the same for all. `client CPU` beside the time taken, and what the same client takes when
the server sends windows, say how far it is from being what limits a fetch.
"""

import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bmprov.deadline import Deadline
from tests import debian
from tests.bench.measure import BenchError, cpu_seconds, wait_for

ROUNDS = 5
BLOCK_BYTES = 1428
WINDOW_BLOCKS = 16
LARGE, LARGE_BYTES = "undionly.kpxe", 64_000_000
LOADER, LOADER_BYTES = "snponly.efi", 1_000_000
MACHINES = 200
START_S = 15.0
FETCH_S = 120
OURS, DNSMASQ, ATFTPD = "bmprov", "dnsmasq", "atftpd"
_PORTS = {OURS: 6901, DNSMASQ: 69, ATFTPD: 6903}
_NOBODY = b"\0\1is-there-anybody\0octet\0"


@dataclass(frozen=True)
class Fetches:
    """Files fetched at once: how many bytes, how long until the last one was there, and the CPU of both sides."""

    size_bytes: int
    seconds: float
    server_cpu_s: float
    client_cpu_s: float

    @property
    def mb_per_s(self) -> float:
        """Of all together, in 10^6 bytes."""
        return self.size_bytes / self.seconds / 1e6


def bench_tftp() -> Iterator[str]:
    """Run this module in a network namespace of its own; its lines."""
    try:
        command = [*debian.own_network(), sys.executable, "-m", "tests.bench.tftp"]
        for program, package in (("dnsmasq", "dnsmasq-base"), ("atftpd", "atftpd"), ("atftp", "atftp")):
            debian.program(program, package)
    except pytest.skip.Exception as missing:
        yield f"## TFTP: not measured, {missing}"
        return
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield from (line.rstrip("\n") for line in process.stdout or ())
    if process.returncode != 0:
        raise BenchError("the TFTP bench failed: see its traceback above")


def main() -> None:
    """Measure, in the namespace that this process is alone in."""
    subprocess.run([debian.program("ip", "iproute2"), "link", "set", "lo", "up"], check=True)
    shared = Path("/dev/shm")  # noqa: S108 - in memory, so that no disk is measured
    with tempfile.TemporaryDirectory(prefix="bench-tftp-", dir=shared if shared.is_dir() else None) as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / LARGE).write_bytes(os.urandom(LARGE_BYTES))
        (folder / LOADER).write_bytes(os.urandom(LOADER_BYTES))
        with ExitStack() as stack:
            servers = {who: stack.enter_context(_running(who, folder)) for who in _PORTS}
            for line in _report(servers, folder):
                print(line, flush=True)


def _report(servers: dict[str, int], folder: Path) -> Iterator[str]:
    one = _turns(servers, lambda who, pid: _fetch(who, pid, folder, LARGE, 1, 1))
    yield f"## TFTP, one fetch of 64 MB, blocks of {BLOCK_BYTES}, each acknowledged"
    yield from _table(one, DNSMASQ)
    windows = _turns(servers, lambda who, pid: _fetch(who, pid, folder, LARGE, 1, WINDOW_BLOCKS))
    yield f"## TFTP, one fetch of 64 MB, windows of {WINDOW_BLOCKS} blocks (dnsmasq has none)"
    yield from _table(windows, ATFTPD)
    many = _turns(servers, lambda who, pid: _fetch(who, pid, folder, LOADER, MACHINES, 1))
    yield f"## TFTP, {MACHINES} fetches of a loader of 1 MB at once"
    yield from _table(many, DNSMASQ)


def _turns(servers: dict[str, int], fetch: Callable[[str, int], Fetches]) -> dict[str, Fetches]:
    taken: dict[str, list[Fetches]] = {who: [] for who in servers}
    for _ in range(ROUNDS):
        for who, pid in servers.items():
            taken[who].append(fetch(who, pid))
    return {who: sorted(some, key=lambda one: one.seconds)[len(some) // 2] for who, some in taken.items()}


def _table(figures: dict[str, Fetches], peer: str) -> Iterator[str]:
    for who, one in figures.items():
        yield (
            f"{who:14} {one.mb_per_s:7.1f} MB/s  {one.seconds:6.2f} s  server CPU {one.server_cpu_s:5.2f} s  "
            f"client CPU {one.client_cpu_s:5.2f} s  {one.mb_per_s / figures[peer].mb_per_s:5.2f} of {peer}"
        )


def _fetch(who: str, pid: int, folder: Path, name: str, count: int, window: int) -> Fetches:
    """Fetch a file `count` times at once, each with a client process of its own."""
    got = folder / "got"
    got.mkdir()
    options = f'--option "blksize {BLOCK_BYTES}"' + (f' --option "windowsize {window}"' if window > 1 else "")
    client = f"{debian.program('atftp', 'atftp')} {options} -g -r {name} -l {got}/$n 127.0.0.1 {_PORTS[who]}"
    script = f"for n in $(seq {count}); do {client} >/dev/null 2>&1 & done; wait"
    server_s, client_s, began = cpu_seconds([pid]), _children_cpu_s(), time.perf_counter()
    subprocess.run(["/bin/sh", "-c", script], check=True, timeout=FETCH_S)
    seconds = time.perf_counter() - began
    figures = Fetches(
        count * (folder / name).stat().st_size, seconds, cpu_seconds([pid]) - server_s, _children_cpu_s() - client_s
    )
    _compare(list(got.iterdir()), (folder / name).read_bytes(), count, who)
    shutil.rmtree(got)
    return figures


def _compare(files: Sequence[Path], content: bytes, count: int, who: str) -> None:
    wrong = [f"{len(got):,} bytes" for file in files if (got := file.read_bytes()) != content]
    if wrong or len(files) != count:
        missing = f"{count - len(files)} of {count} files from {who} are missing"
        raise BenchError(f"{missing}, {len(wrong)} are not what was asked for ({len(content):,} bytes): {wrong[:5]}")


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def _running(who: str, folder: Path) -> Iterator[int]:
    """Start a server, and end it; its process ID."""
    log = folder / f"{who}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(_command(who, folder), stdout=output, stderr=output)
    try:
        wait_for(lambda: process.poll() is not None or _answers(_PORTS[who]), f"{who}'s start", Deadline.after(START_S))
        if process.poll() is not None:
            raise BenchError(f"{who} ended: {log.read_text()[-1000:]}")
        yield process.pid
    finally:
        process.terminate()
        process.wait(START_S)


def _command(who: str, folder: Path) -> list[str]:
    port = str(_PORTS[who])
    if who == OURS:
        settings = folder / "bmprov.toml"
        settings.write_text(f'[pxe]\nlisten = "127.0.0.1"\ntftp_port = {port}\nloaders = "{folder}"\n')
        bmprov = str(Path(sys.executable).with_name("bmprov"))
        return [bmprov, "pxe", "tftp", "--config", str(settings)]
    if who == DNSMASQ:
        dnsmasq = [debian.program("dnsmasq", "dnsmasq-base"), "--no-daemon", "--conf-file=/dev/null", "--port=0"]
        root = [f"--tftp-root={folder}", "--enable-tftp", f"--tftp-max={2 * MACHINES}", "--user=root"]
        return [*dnsmasq, *root, "--listen-address=127.0.0.1", "--bind-interfaces", "--quiet-tftp"]
    atftpd = [debian.program("atftpd", "atftpd"), "--daemon", "--no-fork", "--port", port, "--logfile", "/dev/null"]
    threads = ["--maxthread", str(2 * MACHINES), "--user", "root", "--group", "root"]
    return [*atftpd, *threads, "--bind-address", "127.0.0.1", str(folder)]


def _answers(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(1.0)
        probe.sendto(_NOBODY, ("127.0.0.1", port))
        try:
            return bool(probe.recv(512))
        except OSError:
            return False


if __name__ == "__main__":
    main()
