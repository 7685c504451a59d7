"""Many deployments at once: with simulated machines that take their time, and with machines that take none."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from bmprov.deadline import Deadline
from tests.bench.measure import BenchError, Deployments, Latency, MemoryPeak, cpu_seconds, wait_for
from tests.bench.service import Client, Service, payload

DEPLOY_S = 1800.0
ASK_EVERY_S = 1.0
POWER_S = 30.0
POWER_EVERY_S = 0.0


def enrol_fakes(service: Service, count: int, clients: int = 8) -> None:
    """Enrol machines without hardware and wait until they are available. Not measured."""

    def enrol(numbers: Sequence[int]) -> None:
        client = Client(service.admin)
        for number in numbers:
            mac = f"52:54:00:f0:{number // 256:02x}:{number % 256:02x}"
            machine = {
                "name": f"fake-{number:05d}",
                "bmc": {"address": f"fake://{number}"},
                "nics": [{"mac": mac}],
                "cpus": 1,
            }
            client.ask("POST", "/machines", machine)

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(enrol, [range(first, count, clients) for first in range(clients)]))
    watcher = Client(service.admin)
    wait_for(
        lambda: len(_in_state(watcher, "available")) >= count, "the enrolment", Deadline.after(DEPLOY_S), ASK_EVERY_S
    )


def deploy(service: Service, count: int, image: str, clients: int = 8) -> Deployments:
    """Deploy `count` instances at once; the clock runs from the first request until the last machine is active."""

    def create(numbers: Sequence[int]) -> None:
        client = Client(service.cloud)
        for number in numbers:
            client.ask("POST", "/cloudstack/create", payload(number + 1, {"image": image}))

    watcher, pids = Client(service.admin), [service.pid]
    with MemoryPeak(pids, every_s=1.0) as memory:
        cpu_before_s, began = cpu_seconds(pids), time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(create, [range(first, count, clients) for first in range(clients)]))
        wait_for(lambda: not _unfinished(watcher), "the last deployment's end", Deadline.after(DEPLOY_S), ASK_EVERY_S)
        seconds, cpu_s = time.perf_counter() - began, cpu_seconds(pids) - cpu_before_s
    active = len(_in_state(watcher, "active"))
    if active != count:
        failed = [machine["fault"] for machine in _in_state(watcher, "error")][:3]
        raise BenchError(f"{active} of {count} machines are active; the first faults: {failed}")
    return Deployments(count, seconds, cpu_s, memory.bytes)


def change_power(service: Service, count: int) -> Latency:
    """From asking for another power state until it is read back, once on each of `count` machines."""
    client = Client(service.admin)
    names = [str(machine["name"]) for machine in _in_state(client, "active")[:count]]
    return Latency.of([power_change_s(client, name) for name in names])


def power_change_s(client: Client, name: str) -> float:
    target = "off" if client.ask("GET", f"/machines/{name}")["power"]["power"] == "on" else "on"
    by = Deadline.after(POWER_S)
    began = time.perf_counter()
    client.ask("POST", f"/machines/{name}/power", {"action": target})
    wait_for(
        lambda: client.ask("GET", f"/machines/{name}")["power"]["power"] == target,
        f"{target} of {name}",
        by,
        POWER_EVERY_S,
    )
    return time.perf_counter() - began


def _in_state(client: Client, state: str) -> list[dict[str, object]]:
    listed = client.ask("GET", f"/machines?state={state}")
    return list(listed["machines"])


def _unfinished(client: Client) -> bool:
    return bool(client.ask("GET", "/operations?unfinished=true&limit=1")["operations"])
