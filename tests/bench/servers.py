"""Servers that a bench starts and ends: ours and its peers', each a process with a log."""

import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bmprov.deadline import Deadline
from tests.bench.measure import BenchError, wait_for

START_S = 15.0
_UDP_TABLE = Path("/proc/self/net/udp")


@contextmanager
def running(command: Sequence[str], folder: Path, name: str = "") -> Iterator[int]:
    """A process while the block lasts; its id. What it says goes to `NAME.log`, or its program's, in the folder."""
    log = folder / f"{name or Path(command[0]).name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
    try:
        yield process.pid
        if process.poll() is not None:
            raise BenchError(f"{command[0]} ended: {log.read_text(errors='replace')[-1000:]}")
    finally:
        process.terminate()
        process.wait(START_S)


def listening(port: int) -> None:
    """Wait until something listens on this TCP port."""

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_for(answers, f"the start of the server on port {port}", Deadline.after(START_S))


def bound(port: int) -> None:
    """Wait until somebody has bound this UDP port."""

    def is_bound() -> bool:
        return any(line.split()[1].endswith(f":{port:04X}") for line in _UDP_TABLE.read_text().splitlines()[1:])

    wait_for(is_bound, f"the start of the server on UDP port {port}", Deadline.after(START_S))


def dropped() -> int:
    """Datagrams that sockets of this network namespace, as far as they are open, had no room for (proc(5))."""
    return sum(int(line.split()[-1]) for line in _UDP_TABLE.read_text().splitlines()[1:])


def free_port() -> int:
    """A TCP port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port
