"""A region in a process of its own, so that a benchmark's processor is not the region's.

It prints a JSON object with the address, the key and the process's number, then at each line on its standard input one
with what was called and sent since the last; it ends with its input. `process.py` starts it.
"""

import argparse
import json
import os
import resource
import sys

from tests.maas.power import Timings
from tests.maas.running import RunningRegion, region


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.maas", description=__doc__)
    parser.add_argument("--machines", type=int, default=10)
    parser.add_argument("--latency-s", type=float, default=0.0)
    parser.add_argument("--deploy-s", type=float, default=Timings.deploy_s)
    asked = parser.parse_args()
    with region(asked.machines, Timings(deploy_s=asked.deploy_s)) as maas:
        maas.faults.latency_s = asked.latency_s
        _print({"url": maas.url, "key": maas.key, "pid": os.getpid()})
        for _ in sys.stdin:
            _print(_counted(maas))


def _counted(maas: RunningRegion) -> dict[str, object]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    counts = maas.counts
    told = {
        "calls": dict(counts.calls),
        "received_bytes": counts.received_bytes,
        "sent_bytes": counts.sent_bytes,
        "cpu_s": used.ru_utime + used.ru_stime,
    }
    counts.clear()
    return told


def _print(told: dict[str, object]) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
