"""`prepare` of an instance in a region of many machines: our extension, and what CloudStack's built-in one does.

Whole processes of the same Python, in turns, from their start to their end; ours goes through the API, the queue and a
worker to MAAS. The watch has listed the region before and does not meanwhile: what that costs is another part's.
"""

import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.extension import ENTRY_POINT, PEER_FOLDER, SYSTEM_PYTHON, TIMEOUT_S, install_peer, run_timed
from tests.bench.maas_region import asking, enter
from tests.bench.measure import BenchError
from tests.bench.service import Service, running
from tests.maas.process import RegionProcess, region_process

ROUNDS = 20
_BUILT_IN = Path(__file__).parent / "builtin" / "maas.py"  # a folder of its own: ours has an `http.py`
_NO_ROUNDS = "[watch]\nregions_s = 3600.0\n"


@dataclass(frozen=True)
class Call:
    """One `prepare`: how long, what MAAS was asked, and what it sent."""

    ms: float
    calls: int
    sent_bytes: int


def bench_prepare(machines: int, latency_s: float) -> Iterator[str]:
    """Both, in turns."""
    install_peer()
    with region_process(machines, latency_s=latency_s) as maas, running("--sim", "0", settings=_NO_ROUNDS) as service:
        enter(service, maas, machines)
        maas.counted()
        pairs = [(_ours(service, maas, number), _built_in(service, maas, number)) for number in range(1, ROUNDS + 1)]
    ours, built_in = map(list, zip(*pairs, strict=True))
    yield f"## prepare, {machines:,} machines, {1000 * latency_s:.0f} ms latency, whole process, median of {ROUNDS}"
    yield _line("built-in's way", built_in)
    yield _line("bmprov", ours)
    yield (
        f"{'ratio':14} {_median(ours, 'ms') / _median(built_in, 'ms'):7.2f}    "
        f"{'':12}{_median(built_in, 'sent_bytes') / _median(ours, 'sent_bytes'):10,.0f} times less data"
    )


def _ours(service: Service, maas: RegionProcess, number: int) -> Call:
    asked = asking(number)
    login = service.cloud
    details = asked["externaldetails"]
    assert isinstance(details, dict)
    details["extension"] = {"endpoint": login.endpoint, "token": login.token, "ca": login.ca}
    path = _written(service, asked)
    return _call(maas, [str(ENTRY_POINT), "prepare", str(path), str(TIMEOUT_S)])


def _built_in(service: Service, maas: RegionProcess, number: int) -> Call:
    asked = asking(number)
    asked["externaldetails"] = {"host": {"maas_url": maas.url, "maas_key": maas.key}}
    path = _written(service, asked)
    return _call(maas, [SYSTEM_PYTHON, str(_BUILT_IN), str(path)], PYTHONPATH=str(PEER_FOLDER))


def _written(service: Service, asked: dict[str, object]) -> Path:
    path = service.folder / "payload-prepare.json"
    path.write_text(json.dumps(asked))
    return path


def _call(maas: RegionProcess, command: Sequence[str], **environment: str) -> Call:
    ms, output = run_timed(command, **environment)
    counted = maas.counted()
    if not json.loads(output).get("nics"):
        raise BenchError(f"{command[0]} answered prepare with {output[:300]!r}")
    return Call(ms, sum(counted.calls.values()), counted.sent_bytes)


def _line(who: str, calls: Sequence[Call]) -> str:
    return (
        f"{who:14} {_median(calls, 'ms'):7.0f} ms {_median(calls, 'calls'):5.0f} calls "
        f"{_median(calls, 'sent_bytes'):12,.0f} bytes  slowest {max(one.ms for one in calls):.0f} ms"
    )


def _median(calls: Sequence[Call], figure: str) -> float:
    return statistics.median(getattr(one, figure) for one in calls)
