"""`make bench`: measures, prints ratios, asserts nothing. Results go to docs/benchmarks.md with the command."""

import argparse
import signal
import sys
from collections.abc import Iterator

from tests.bench.bmcs import bench_bmcs
from tests.bench.deployments import change_power, deploy, enrol_fakes
from tests.bench.dns import bench_dns
from tests.bench.extension import measure_extension
from tests.bench.hall_page import bench_hall_page
from tests.bench.http import bench_http
from tests.bench.ironic import POWER_CHANGES, IronicFigures, measure_ironic
from tests.bench.latency import bench_latency
from tests.bench.live import bench_live
from tests.bench.maas import bench_maas
from tests.bench.measure import Deployments, Load, http_load
from tests.bench.netboot import bench_netboot
from tests.bench.service import Service, payload, running
from tests.bench.storm import bench_storm
from tests.bench.switches import bench_switches
from tests.bench.tftp import bench_tftp
from tests.bench.writing import bench_ramdisk

WORKERS = "4"
DEMO_IMAGE = "demo"
NAMES = (
    "extension",
    "simulated",
    "control",
    "tftp",
    "http",
    "storm",
    "dns",
    "switches",
    "ramdisk",
    "netboot",
    "bmcs",
    "latency",
    "live",
    "maas",
    "hall",
)


def main() -> None:
    """Run the benches that were asked for."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the services that were started are ended
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--peers", action="store_true", help="install and measure OpenStack Ironic in the same run")
    parser.add_argument("--machines", type=int, default=1000, help="machines deployed at once")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each HTTP load")
    parser.add_argument("only", nargs="*", choices=[*NAMES, []], help="some of the benches")
    asked = parser.parse_args()
    chosen = asked.only or NAMES
    peer = measure_ironic(nodes=min(asked.machines, 1000), read_s=asked.seconds) if asked.peers else None
    benches = {
        "extension": bench_extension,
        "simulated": lambda: bench_simulated(asked.machines),
        "control": lambda: bench_control(asked.machines, asked.seconds, peer),
        "tftp": bench_tftp,
        "http": bench_http,
        "storm": lambda: bench_storm(asked.machines),
        "dns": lambda: bench_dns(asked.machines),
        "switches": bench_switches,
        "ramdisk": bench_ramdisk,
        "netboot": bench_netboot,
        "latency": bench_latency,
        "bmcs": lambda: bench_bmcs(asked.machines),
        "live": bench_live,
        "maas": bench_maas,
        "hall": bench_hall_page,
    }
    for name in chosen:
        for line in benches[name]():
            print(line, flush=True)


def bench_extension() -> Iterator[str]:
    """One call of the extension."""
    with running("--sim", "0") as service:
        calls = measure_extension(service)
    yield "## One call of the extension, whole process, median of 30"
    yield f"import requests_oauthlib          {calls.peer_import_ms:8.1f} ms"
    ratio = calls.status_ms / calls.peer_import_ms
    yield f"status                            {calls.status_ms:8.1f} ms  ratio {ratio:.2f}"
    ratio = calls.statuses_1000_ms / calls.status_ms
    yield f"statuses of 1,000 instances       {calls.statuses_1000_ms:8.1f} ms  {ratio:.2f} of one status"
    yield f"statuses of 10,000 instances      {calls.statuses_10000_ms:8.1f} ms"


def bench_simulated(machines: int) -> Iterator[str]:
    """Simulated machines with real protocols, which take tens of seconds for their firmware."""
    with running("--sim", str(machines), "--workers", WORKERS, "--sim-pace", "real") as service:
        figures = deploy(service, machines, DEMO_IMAGE)
    yield f"## {machines} simulated deployments at once, {WORKERS} workers, simulator included"
    yield _deployments("bmprov", figures)


def bench_control(machines: int, seconds: float, peer: IronicFigures | None) -> Iterator[str]:
    """The control plane alone, beside Ironic's with fake hardware."""
    with running("--sim", "0", "--workers", WORKERS) as service:
        enrol_fakes(service, machines)
        figures = deploy(service, machines, DEMO_IMAGE)
        reads = _reads(service, seconds)
        power_change = change_power(service, POWER_CHANGES)
    yield f"## {machines} deployments at once, machines that take no time"
    yield _deployments("bmprov", figures)
    if peer:
        yield _deployments(f"ironic {peer.version}", peer.deployments) + f"  ({peer.layout.value})"
        ratio = figures.cpu_ms_each / peer.deployments.cpu_ms_each
        yield f"CPU per deployment, bmprov / ironic: {ratio:.2f}"
    yield "## Reading one machine's power over the API (bmprov: TLS and a token; ironic: plain HTTP, no authentication)"
    yield from (_load("bmprov", load) for load in reads)
    yield from (_load("ironic", load) for load in (peer.reads if peer else ()))
    yield "## A power change of a machine that takes no time, from asking until it is read back"
    yield f"bmprov         p50 {power_change.p50_ms:6.1f} ms"
    if peer:
        yield f"ironic         p50 {peer.power_change.p50_ms:6.1f} ms"


def _reads(service: Service, seconds: float) -> list[Load]:
    path = f"/api/v1/instances/{payload(1, {})['virtualmachineid']}/power"
    return [http_load(service.cloud.target(path), clients, seconds) for clients in (1, 8)]


def _deployments(who: str, figures: Deployments) -> str:
    return (
        f"{who:14} {figures.per_minute:8.0f} machines/min  {figures.cpu_ms_each:7.1f} ms CPU each  "
        f"{figures.peak_bytes / 2**20:6.0f} MiB peak"
    )


def _load(who: str, load: Load) -> str:
    return (
        f"{who:14} {load.clients} clients {load.per_second:8.0f} requests/s  "
        f"p50 {load.latency.p50_ms:6.2f} ms  p99 {load.latency.p99_ms:6.2f} ms"
    )


if __name__ == "__main__":
    sys.exit(main())
