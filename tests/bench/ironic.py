"""OpenStack Ironic with fake hardware, measured as bmprov measures itself.

Ironic's fake hardware takes no time, so what is left is the control plane: API, conductor, database. Authentication,
debug logging and periodic work are off. Nothing leaves loopback except the one installation from PyPI.
"""

import queue
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bmprov.deadline import Deadline
from tests.bench.ironic_client import MICROVERSION_HEADER, IronicClient
from tests.bench.ironic_database import Layout, best_layout
from tests.bench.ironic_install import VERSION, install_ironic
from tests.bench.ironic_service import LOOPBACK, Ironic, running_ironic
from tests.bench.measure import Deployments, Latency, Load, MemoryPeak, Target, cpu_seconds, http_load, wait_for

DEPLOY_TIMEOUT_S = 600.0
POWER_TIMEOUT_S = 30.0
POWER_CHANGES = 30
ASK_EVERY_S = 0.5  # each question costs Ironic some 10 ms, so asking more often would be measured too


@dataclass(frozen=True)
class IronicFigures:
    """All that was measured of Ironic in one run."""

    version: str
    layout: Layout
    deployments: Deployments
    reads: tuple[Load, ...]
    power_change: Latency


def measure_ironic(
    layout: Layout | None = None,
    nodes: int = 300,
    clients: int = 8,
    read_s: float = 10.0,
    readers: Sequence[int] = (1, 8),
) -> IronicFigures:
    """Install Ironic if need be, start it, measure it, end it.

    Args:
        layout: its database and processes; None for the faster one that this machine can run.
        nodes: how many are deployed at once; at most 1,000, which is what one page of Ironic's API lists.
        clients: how many connections ask for the deployments in parallel.
        read_s: how long one node's state is read, for each number of readers.
        readers: how many keep-alive clients read at once, one measurement each.

    Raises:
        BenchError: something did not install, start or answer; the text says what.
    """
    layout = layout or best_layout()
    installation = install_ironic()
    names = [f"node-{number}" for number in range(nodes)]
    with (
        tempfile.TemporaryDirectory(prefix="bench-ironic-") as work,
        running_ironic(installation, layout, nodes, Path(work)) as ironic,
    ):
        enrol(ironic, names, clients)
        return IronicFigures(
            version=VERSION,
            layout=layout,
            deployments=deploy(ironic, names, clients),
            reads=tuple(http_load(_power_of(ironic, names[0]), count, read_s) for count in readers),
            power_change=change_power(ironic, names[:POWER_CHANGES]),
        )


def enrol(ironic: Ironic, names: Sequence[str], clients: int) -> None:
    """Create the nodes and take them to `available`. Not measured."""
    by = Deadline.after(DEPLOY_TIMEOUT_S)
    with ironic.client() as watcher:
        _each(ironic, names, clients, lambda client, name: client.enrol(name), by)
        _each(ironic, names, clients, lambda client, name: client.provision(name, "manage"), by)
        _wait_until_in("manageable", names, watcher, by)
        _each(ironic, names, clients, lambda client, name: client.provision(name, "provide"), by)
        _wait_until_in("available", names, watcher, by)


def deploy(ironic: Ironic, names: Sequence[str], clients: int) -> Deployments:
    """Deploy all nodes at once. The clock runs from the first request until no node is deploying any more."""
    by = Deadline.after(DEPLOY_TIMEOUT_S)
    with ironic.client() as watcher, MemoryPeak(ironic.pids) as memory:
        cpu_before_s, began = cpu_seconds(ironic.pids), time.perf_counter()
        _each(ironic, names, clients, lambda client, name: client.provision(name, "active"), by)
        wait_for(lambda: not watcher.any_in("deploying"), "the last deployment's end", by, ASK_EVERY_S)
        seconds, cpu_s = time.perf_counter() - began, cpu_seconds(ironic.pids) - cpu_before_s
        _wait_until_in("active", names, watcher, Deadline.after(POWER_TIMEOUT_S))
    return Deployments(len(names), seconds, cpu_s, memory.bytes)


def change_power(ironic: Ironic, names: Sequence[str]) -> Latency:
    """From asking for another power state until it is read back, once on each node (it stays locked for a while)."""
    with ironic.client() as client:
        return Latency.of([_power_change_s(client, name) for name in names])


def _power_change_s(client: IronicClient, name: str) -> float:
    target = "power off" if client.power(name) == "power on" else "power on"
    by = Deadline.after(POWER_TIMEOUT_S)
    began = time.perf_counter()
    client.switch(name, target)
    wait_for(lambda: client.power(name) == target, f"{target} of {name}", by, every_s=0)
    return time.perf_counter() - began


def _wait_until_in(state: str, names: Sequence[str], watcher: IronicClient, by: Deadline) -> None:
    wait_for(lambda: watcher.count_in(state) == len(names), f"{state} of {len(names)} nodes", by, ASK_EVERY_S)


def _each(
    ironic: Ironic, names: Sequence[str], clients: int, ask: Callable[[IronicClient, str], bool], by: Deadline
) -> None:
    """Ask once for each node, over `clients` connections; again for the nodes of which Ironic says so."""
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for name in names:
        waiting.put(name)

    def work() -> None:
        with ironic.client() as client:
            while (name := _next(waiting)) is not None:
                wait_for(partial(ask, client, name), f"Ironic's acceptance of {name}", by)

    with ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(work) for _ in range(clients)]:
            done.result()


def _next(waiting: queue.SimpleQueue[str]) -> str | None:
    try:
        return waiting.get_nowait()
    except queue.Empty:
        return None


def _power_of(ironic: Ironic, name: str) -> Target:
    return Target(LOOPBACK, ironic.port, f"/v1/nodes/{name}?fields=power_state", MICROVERSION_HEADER)
