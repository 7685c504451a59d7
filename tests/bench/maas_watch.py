"""Power truth of a MAAS region at the watch's default interval: what it asks, what it is sent, what that costs.

The watch tells nothing of a round that found nothing new, so how long one takes is measured in this process, beside it.
"""

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from bmprov.settings import WatchSettings
from bmprov.store import Store
from tests.bench.maas_region import REGION, enter
from tests.bench.measure import BenchError, cpu_seconds, memory_bytes, read_tree
from tests.bench.service import Service, running
from tests.maas.process import RegionProcess, region_process
from worker.maas.calls import MaasRegion
from worker.maas.follow import Follower
from worker.maas.wire import RegionLogin, Wire

ROUNDS = 5


def bench_watch(machines: int, latency_s: float, watched_s: float) -> Iterator[str]:
    """Nothing else goes on meanwhile."""
    with region_process(machines, latency_s=latency_s) as maas, running("--sim", "0") as service:
        enter(service, maas, machines)
        watch = _pid_of_watch(service)
        maas.counted()
        cpu_s, began = cpu_seconds([watch]), time.perf_counter()
        time.sleep(watched_s)  # what is measured is what goes on by itself
        minutes = (time.perf_counter() - began) / 60
        counted, cpu_s, memory = maas.counted(), cpu_seconds([watch]) - cpu_s, memory_bytes([watch])
        rounds = _rounds_s(service, maas, machines)
    took = f"median of {len(rounds)}"
    yield f"## Power truth of {machines:,} machines of MAAS, {60 * minutes:.0f} s at the default interval"
    yield f"calls to MAAS a minute         {sum(counted.calls.values()) / minutes:12.1f}"
    yield f"bytes from MAAS a minute       {counted.sent_bytes / minutes:12,.0f}"
    yield f"a round, {took:22}{statistics.median(rounds):12.2f} s  slowest {max(rounds):.2f} s"
    yield f"CPU of `bmprov watch`          {cpu_s / minutes / 60:12.1%} of a core, {memory / 2**20:.0f} MiB"


def _rounds_s(service: Service, maas: RegionProcess, machines: int) -> list[float]:
    """Seconds of each of some rounds, from the rows to the rows."""
    calls = MaasRegion(Wire(RegionLogin(REGION, maas.url, maas.key)))
    store, taken = Store(service.database), []
    with store.read() as transaction:
        region = transaction.regions.all()[0]
    follower = Follower(store, lambda _: calls, WatchSettings().regions_read_s)
    follower.follow(region)
    for _ in range(ROUNDS):
        began = time.perf_counter()
        told = follower.follow(region)
        taken.append(time.perf_counter() - began)
        if told != machines:
            raise BenchError(f"the region has told of {told} of {machines} machines")
    store.close()
    return taken


def _pid_of_watch(service: Service) -> int:
    for reading in read_tree([service.pid]):
        words = Path(f"/proc/{reading.pid}/cmdline").read_bytes().split(b"\0")
        if b"watch" in words:
            return reading.pid
    raise BenchError("no process of the service is its watch")
