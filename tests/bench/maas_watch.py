"""Power truth of a MAAS region at the watch's default interval: what it asks, what it is sent, what that costs."""

import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.maas_region import enter
from tests.bench.measure import BenchError, cpu_seconds, memory_bytes, read_tree
from tests.bench.service import Service, running
from tests.maas.process import region_process


def bench_watch(machines: int, latency_s: float, watched_s: float) -> Iterator[str]:
    """Nothing else goes on meanwhile."""
    with region_process(machines, latency_s=latency_s) as maas, running("--sim", "0") as service:
        enter(service, maas, machines)
        watch = _pid_of_watch(service)
        before = len(_rounds_ms(service))
        maas.counted()
        cpu_s, began = cpu_seconds([watch]), time.perf_counter()
        time.sleep(watched_s)
        seconds = time.perf_counter() - began
        counted, cpu_s, memory = maas.counted(), cpu_seconds([watch]) - cpu_s, memory_bytes([watch])
        rounds = _rounds_ms(service)[before:]
    minutes = seconds / 60
    yield f"## Power truth of {machines:,} machines of MAAS, {seconds:.0f} s at the default interval"
    yield f"calls to MAAS a minute         {sum(counted.calls.values()) / minutes:10.1f}"
    yield f"bytes from MAAS a minute       {counted.sent_bytes / minutes:10,.0f}"
    yield f"a round, median of {len(rounds):2}         {statistics.median(rounds):10,.0f} ms   slowest {max(rounds):,.0f} ms"
    yield f"CPU of `bmprov watch`          {cpu_s / seconds:10.1%} of a core   {memory / 2**20:.0f} MiB"


def _pid_of_watch(service: Service) -> int:
    for reading in read_tree([service.pid]):
        words = Path(f"/proc/{reading.pid}/cmdline").read_bytes().split(b"\0")
        if b"watch" in words:
            return reading.pid
    raise BenchError("no process of the service is its watch")


def _rounds_ms(service: Service) -> list[float]:
    """How long each round took, by the watch's log."""
    lines = (service.folder / "log" / "watch.log").read_text().splitlines()
    told = [json.loads(line) for line in lines if line.startswith("{")]
    return [float(line["ms"]) for line in told if line["event"] == "MAAS region"]
