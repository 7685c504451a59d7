"""Many deployments through MAAS at once: how long, what MAAS is asked, and whether a worker is held while it installs.

All are prepared first, as CloudStack does, then all are created. Meanwhile a machine that is not MAAS's is switched off
and on again and again: how long that takes is how long a worker is not to be had.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from bmprov.deadline import Deadline
from tests.bench.deployments import deploy, enrol_fakes, power_change_s
from tests.bench.maas_region import asking, enter
from tests.bench.measure import BenchError, Latency, wait_for
from tests.bench.service import Client, Service, running
from tests.maas.process import RegionProcess, region_process

WORKERS = 2
CLIENTS = 8
_END_S = 1800.0
_ASK_EVERY_S = 0.25
_POWER_PAUSE_S = 0.5
_IDLE_S = 15.0
_IMAGE = "demo"
_OTHER = "fake-00000"
_FIRST = 1000  # below is the other machine's instance
_WAIT = "wait for Deployed"
_ASKING = {
    "allocate",
    "choose the interfaces",
    "interfaces and VLANs",
    "deploy with user data",
    _WAIT,
    "read back the interfaces",
    "verify",
}
"""The steps that ask whether the machine is the instance's: a list of one. An `allocate` that takes it does not."""


@dataclass(frozen=True)
class Step:
    """One run of a step on a machine of MAAS, as a worker has logged it."""

    at: str
    name: str
    seconds: float


@dataclass(frozen=True)
class Stage:
    """One action for all instances: how long until the last was done, what MAAS was asked, and the workers' steps."""

    seconds: float
    calls: Counter[str]
    steps: Sequence[Step]

    @property
    def busy(self) -> float:
        """The share of their time that the workers were in steps."""
        return sum(one.seconds for one in self.steps) / self.seconds / WORKERS

    @property
    def calls_of_watch(self) -> int:
        """The lists that are not the workers': all of the region, and of what is waited for."""
        asked = sum(one.name in _ASKING for one in self.steps) - self.calls["Machines.allocate"]
        return self.calls["Machines.read"] - asked

    def __str__(self) -> str:
        count = self.calls["Machines.allocate"] or self.calls["Machine.deploy"]
        each = (self.calls.total() - self.calls_of_watch) / count
        return (
            f"{self.seconds:7.1f} s  workers busy {self.busy:6.1%}  {each:6.2f} calls each, "
            f"and {self.calls_of_watch} lists of the watch"
        )


def bench_deployments(count: int, latency_s: float, deploy_s: float) -> Iterator[str]:
    """All at once, with two workers."""
    with (
        region_process(count, latency_s=latency_s, deploy_s=deploy_s) as maas,
        running("--sim", "0", "--workers", str(WORKERS)) as service,
    ):
        enrol_fakes(service, 1)
        deploy(service, 1, _IMAGE)
        enter(service, maas, count)
        with _Switching(service) as idle:
            time.sleep(_IDLE_S)  # power changes are measured meanwhile, and nothing else goes on
        prepared = _stage(service, maas, count, "prepare")
        with _Switching(service) as switching:
            created = _stage(service, maas, count, "create")
        _check(Client(service.admin), count)
    yield f"## {count} deployments through MAAS at once, {WORKERS} workers, {deploy_s:g} s each in MAAS"
    yield f"prepare                      {prepared}"
    yield f"create, until all are active {created}"
    waits = [one.seconds for one in created.steps if one.name == _WAIT]
    yield f"MAAS installs for {count * deploy_s:,.0f} s, workers look for {sum(waits):.1f} s, {len(waits)} times"
    yield f"a power change of another machine, before   {_latency(idle.taken)}"
    yield f"a power change of another machine meanwhile {_latency(switching.taken)}"
    yield "calls to MAAS in all"
    every = prepared.calls + created.calls
    yield from (f"  {name:26} {number:6}" for name, number in sorted(every.items()))


def _stage(service: Service, maas: RegionProcess, count: int, action: str) -> Stage:
    """From the first order until no operation is under way."""

    def order(numbers: Sequence[int]) -> None:
        client = Client(service.cloud)
        for number in numbers:
            client.ask("POST", f"/cloudstack/{action}", asking(_FIRST + number))

    watcher, before = Client(service.admin), len(_steps(service))
    maas.counted()
    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(order, [range(first, count, CLIENTS) for first in range(CLIENTS)]))
    by = Deadline.after(_END_S)
    wait_for(lambda: not _under_way(watcher), f"the last {action}'s end", by, _ASK_EVERY_S)
    return Stage(time.perf_counter() - began, Counter(maas.counted().calls), _steps(service)[before:])


def _under_way(client: Client) -> bool:
    found = client.ask("GET", "/operations?unfinished=true&limit=10")["operations"]
    return any(one["kind"] != "power" for one in found)


def _check(client: Client, count: int) -> None:
    machines = [one for one in client.ask("GET", "/machines")["machines"] if one["name"] != _OTHER]
    active = sum(one["state"] == "active" for one in machines)
    if active != count:
        faults = [one["fault"] for one in machines if one["fault"]][:3]
        raise BenchError(f"{active} of {count} machines of MAAS are active; the first faults: {faults}")


def _steps(service: Service) -> list[Step]:
    """What the workers have done so far, by their logs."""
    logs = (service.folder / "log" / f"worker-{number}.log" for number in range(1, WORKERS + 1))
    told = (json.loads(line) for log in logs for line in log.read_text().splitlines() if line.startswith("{"))
    steps = (one for one in told if one["event"] == "step" and one["machine"] != _OTHER)
    found = (Step(one["timestamp"], one["step"], one["ms"] / 1000) for one in steps)
    return sorted(found, key=lambda one: one.at)


class _Switching:
    """Switches the machine that is not MAAS's while its `with` block runs; `taken` are the seconds of each time."""

    def __init__(self, service: Service) -> None:
        self.taken: list[float] = []
        self._client = Client(service.admin)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._switch, name="switching", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def _switch(self) -> None:
        while not self._ended.wait(_POWER_PAUSE_S):
            self.taken.append(power_change_s(self._client, _OTHER))


def _latency(seconds: Sequence[float]) -> str:
    told = Latency.of(seconds)
    return (
        f"p50 {told.p50_ms:4.0f} ms  p99 {told.p99_ms:5.0f} ms  slowest {1000 * max(seconds):5.0f} ms of {told.tries}"
    )
