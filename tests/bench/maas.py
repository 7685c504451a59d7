"""The MAAS back end: `prepare` beside CloudStack's built-in extension, many deployments at once, and power truth.

MAAS is the simulator of `tests/maas`, in a process of its own. It keeps machines encoded, so that a list costs it
little more than its sending: it is kind to whoever lists.
"""

from collections.abc import Iterator

from tests.bench.maas_deployments import bench_deployments
from tests.bench.maas_prepare import bench_prepare
from tests.bench.maas_watch import bench_watch

MACHINES = 1000
DEPLOYMENTS = 200
LATENCY_S = 0.05
DEPLOY_S = 20.0
WATCHED_S = 180.0


def bench_maas() -> Iterator[str]:
    """The three parts, in this order."""
    yield from bench_prepare(MACHINES, LATENCY_S)
    yield from bench_deployments(DEPLOYMENTS, LATENCY_S, DEPLOY_S)
    yield from bench_watch(MACHINES, LATENCY_S, WATCHED_S)
