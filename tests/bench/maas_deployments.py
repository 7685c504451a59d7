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
from pathlib import Path
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
_IMAGE = "demo"
_FIRST = 1000  # the numbers below are the other machine's instance


@dataclass(frozen=True)
class Stage:
    """One action for all instances: how long until the last was done, what MAAS was asked, and the workers' part."""

    seconds: float
    calls: Counter[str]
    steps_s: float

    @property
    def busy(self) -> float:
        """The share of their time that the workers were in steps."""
        return self.steps_s / self.seconds / WORKERS


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
            time.sleep(10)
        prepared = _stage(service, maas, count, "prepare")
        with _Switching(service) as switching:
            created = _stage(service, maas, count, "create")
        active = Client(service.admin).ask("GET", "/machines?state=active")["machines"]
    if len(active) != count + 1:
        raise BenchError(f"{len(active) - 1} of {count} machines of MAAS are active")
    yield f"## {count} deployments through MAAS at once, {WORKERS} workers, {deploy_s:g} s each in MAAS"
    for what, stage in (("prepare", prepared), ("create to active", created)):
        yield f"{what:18} {stage.seconds:7.1f} s   workers busy {stage.busy:6.1%}   {_calls(stage, count)}"
    yield f"MAAS installs for {count * deploy_s:,.0f} s in all, workers are in steps for {created.steps_s:.1f} s"
    yield f"a power change of another machine meanwhile {_latency(switching.taken)}, before {_latency(idle.taken)}"
    every = prepared.calls + created.calls
    yield from (f"  {name:28} {number / count:6.2f} a deployment" for name, number in sorted(every.items()))


def _stage(service: Service, maas: RegionProcess, count: int, action: str) -> Stage:
    """From the first order until no operation is under way."""

    def order(numbers: Sequence[int]) -> None:
        client = Client(service.cloud)
        for number in numbers:
            client.ask("POST", f"/cloudstack/{action}", asking(_FIRST + number))

    watcher = Client(service.admin)
    maas.counted()
    steps_s, began = _steps_s(service), time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(order, [range(first, count, CLIENTS) for first in range(CLIENTS)]))
    by = Deadline.after(_END_S)
    wait_for(lambda: not _under_way(watcher), f"the last {action}'s end", by, _ASK_EVERY_S)
    return Stage(time.perf_counter() - began, Counter(maas.counted().calls), _steps_s(service) - steps_s)


def _under_way(client: Client) -> bool:
    found = client.ask("GET", "/operations?unfinished=true&limit=10")["operations"]
    return any(one["kind"] != "power" for one in found)


def _steps_s(service: Service) -> float:
    """Seconds that the workers have spent in steps so far, by their logs."""
    logs = [service.folder / "log" / f"worker-{number}.log" for number in range(1, WORKERS + 1)]
    return sum(float(line["ms"]) for log in logs for line in _lines(log) if line.get("event") == "step") / 1000


def _lines(log: Path) -> Iterator[dict[str, object]]:
    return (json.loads(line) for line in log.read_text().splitlines() if line.startswith("{"))


class _Switching:
    """Switches the machine that is not MAAS's while its `with` block runs; `taken` is how long each took, in seconds."""

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
            self.taken.append(power_change_s(self._client, "fake-00000"))


def _calls(stage: Stage, count: int) -> str:
    rounds = stage.calls["Users.whoami"]
    by_watch = 2 * rounds
    each = (stage.calls.total() - by_watch) / count
    return f"{each:5.2f} calls a deployment, and {by_watch} of the watch in {rounds} rounds"


def _latency(seconds: Sequence[float]) -> str:
    return f"p50 {Latency.of(seconds).p50_ms:.0f} ms, slowest {1000 * max(seconds):.0f} ms of {len(seconds)}"
