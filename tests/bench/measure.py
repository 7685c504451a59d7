"""What a bench reads off other processes: their CPU time, their memory, and how fast they answer HTTP.

Both sides of a comparison are measured with these pieces, so that neither pays for another way of counting. CPU and
memory come from `/proc` (proc(5)), so Linux only. The HTTP clients are processes of their own: threads would wait for
one another's interpreter lock and blame the server for it.
"""

import http.client
import math
import multiprocessing
import os
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

from bmprov.deadline import Deadline

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
KIBIBYTE = 1024
CONNECT_TIMEOUT_S = 30.0


class BenchError(Exception):
    """A figure could not be taken; the text says what to check."""


# --- Statistics ---


@dataclass(frozen=True)
class Latency:
    """How long one thing took, over many tries."""

    p50_ms: float
    p99_ms: float
    tries: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Self:
        """The figures of durations given in seconds; at least one."""
        return cls(1000 * percentile(seconds, 50), 1000 * percentile(seconds, 99), len(seconds))


@dataclass(frozen=True)
class Deployments:
    """Many machines deployed at once, and what the services (their database included) spent on it."""

    machines: int
    seconds: float
    cpu_s: float
    peak_bytes: int

    @property
    def per_minute(self) -> float:
        """Machines deployed in a minute."""
        return 60 * self.machines / self.seconds

    @property
    def cpu_ms_each(self) -> float:
        """CPU milliseconds of all service processes together, per machine."""
        return 1000 * self.cpu_s / self.machines


@dataclass(frozen=True)
class Load:
    """How a server answered a number of keep-alive clients, each asking again as soon as it was answered."""

    clients: int
    per_second: float
    latency: Latency


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest value that at least `percent` of all values do not exceed."""
    if not values:
        raise BenchError("no value was measured: check that the measured time is longer than one request")
    rank = math.ceil(percent / 100 * len(values))
    return sorted(values)[max(rank, 1) - 1]


# --- Processes ---


@dataclass(frozen=True)
class ProcessReading:
    """One process as `/proc/PID/stat` shows it. `cpu_s` includes the children that it has waited for."""

    pid: int
    parent: int
    cpu_s: float


def read_process(pid: int) -> ProcessReading | None:
    """One process now; None when there is none of that id."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the command in brackets and may hold blanks and brackets itself; the third follows the last.
    fields = stat[stat.rindex(")") + 2 :].split()
    cpu_ticks = sum(int(value) for value in fields[11:15])  # utime, stime, cutime, cstime
    return ProcessReading(pid, int(fields[1]), cpu_ticks / TICKS_PER_S)


def read_tree(roots: Collection[int]) -> list[ProcessReading]:
    """The processes of these ids and all their descendants, each once. What has ended is left out."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    readings = {reading.pid: reading for pid in pids if (reading := read_process(pid))}
    members = set(roots) & readings.keys()
    grown = True
    while grown:
        found = {pid for pid, reading in readings.items() if reading.parent in members} - members
        members |= found
        grown = bool(found)
    return [readings[pid] for pid in members]


def cpu_seconds(roots: Collection[int]) -> float:
    """CPU that these processes and their descendants have used so far, user and system, in steps of 10 ms.

    A descendant that ended counts once its parent has waited for it. One whose parent ended before it is lost.
    """
    return sum(reading.cpu_s for reading in read_tree(roots))


def least_tick(cpu_s: float) -> float:
    """CPU time to divide by: less than a tick reads as nothing."""
    return max(cpu_s, 1 / TICKS_PER_S)


def memory_bytes(roots: Collection[int]) -> int:
    """Memory of these processes and their descendants: proportional set sizes, so a shared page counts once in all."""
    return sum(_pss_bytes(reading.pid) for reading in read_tree(roots))


def _pss_bytes(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) * KIBIBYTE for line in rollup.splitlines() if line.startswith("Pss:"))


class MemoryPeak:
    """Samples `memory_bytes` in a thread while its `with` block runs; `bytes` is the highest sum seen."""

    def __init__(self, roots: Iterable[int], every_s: float = 0.25) -> None:
        self.bytes = 0
        self._roots = tuple(roots)
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="memory-peak", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while True:
            self.bytes = max(self.bytes, memory_bytes(self._roots))
            if self._ended.wait(self._every_s):
                return


def wait_for(holds: Callable[[], bool], what: str, by: Deadline, every_s: float = 0.1) -> None:
    """Ask until it holds. Raises `BenchError` naming `what` when the deadline passes first."""
    pause = threading.Event()
    while not holds():
        if by.passed:
            raise BenchError(f"{what} did not happen in time")
        pause.wait(every_s)


# --- HTTP ---


@dataclass(frozen=True)
class Target:
    """One URL to ask again and again. TLS when `ca` names the file of the certificate to trust."""

    host: str
    port: int
    path: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)  # repr: one of them may be a token
    ca: str | None = None

    def connect(self) -> http.client.HTTPConnection:
        """A connected keep-alive connection."""
        if self.ca is None:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=CONNECT_TIMEOUT_S)
        else:
            trust = ssl.create_default_context(cafile=self.ca)
            connection = http.client.HTTPSConnection(self.host, self.port, timeout=CONNECT_TIMEOUT_S, context=trust)
        connection.connect()
        return connection

    def get(self, connection: http.client.HTTPConnection) -> bytes:
        """Ask once over an open connection; any answer but 200 is a `BenchError`."""
        connection.request("GET", self.path, headers=self.headers)
        response = connection.getresponse()
        body = response.read()
        if response.status != http.HTTPStatus.OK:
            raise BenchError(f"GET {self.path} was answered {response.status}: {body[:200]!r}")
        return body


def http_load(target: Target, clients: int, seconds: float) -> Load:
    """Ask for `seconds` with that many clients at once, each a process with one keep-alive connection.

    Every client connects and asks once before the clock starts. A failed request fails the measurement.
    """
    spawn = multiprocessing.get_context("spawn")  # a fork would copy the locks of the caller's threads as they stand
    pipes = [spawn.Pipe() for _ in range(clients)]
    crowd = [spawn.Process(target=_client, args=(theirs, target, seconds), daemon=True) for _, theirs in pipes]
    try:
        for process, (_, theirs) in zip(crowd, pipes, strict=True):
            process.start()
            theirs.close()  # so that a client which dies is an end of file here, not silence
        answers = _conduct([ours for ours, _ in pipes])
    finally:
        for process in crowd:
            process.terminate()
            process.join()
    return Load(clients, sum(len(answer) for answer in answers) / seconds, Latency.of([s for a in answers for s in a]))


def _conduct(pipes: Sequence[Connection]) -> list[list[float]]:
    """Start all clients when the last one is ready, and collect the durations that each measured."""
    for pipe in pipes:
        _receive(pipe)
    for pipe in pipes:
        pipe.send("go")
    return [_receive(pipe) for pipe in pipes]


def _receive(pipe: Connection) -> list[float]:
    try:
        said: list[float] | str = pipe.recv()
    except EOFError as error:
        raise BenchError("a load client died: see its traceback above") from error
    if isinstance(said, str):
        raise BenchError(said)
    return said


def _client(pipe: Connection, target: Target, seconds: float) -> None:
    """One client: its own process. Sends an empty list when ready, then the durations, or a sentence if it failed."""
    try:
        connection = target.connect()
        target.get(connection)
        pipe.send([])
        pipe.recv()
        pipe.send(_durations(connection, target, seconds))
    except (OSError, http.client.HTTPException, BenchError) as error:
        pipe.send(f"a load client failed: {error!r}")


def _durations(connection: http.client.HTTPConnection, target: Target, seconds: float) -> list[float]:
    taken: list[float] = []
    now = time.perf_counter()
    end = now + seconds
    while now < end:
        began = now
        target.get(connection)
        now = time.perf_counter()
        taken.append(now - began)
    return taken
