"""A MAAS region that refuses, fails, stalls or is away, at every call of an instance's life."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from bmprov.deadline import Deadline
from tests.maas.power import Timings
from tests.maas.running import RunningRegion, region
from tests.worker.maas import life
from tests.worker.maas.house import MaasHouse, house

_QUICK_S = 0.2


@pytest.fixture
def maas() -> Iterator[RunningRegion]:
    with region(machines=1, timings=Timings(deploy_s=0.01, release_s=0.005)) as running:
        yield running


@pytest.fixture
def lab(tmp_path: Path, valkey: str, maas: RunningRegion) -> Iterator[MaasHouse]:
    with house(tmp_path, valkey, maas) as built:
        life.add_tenant_network(built)
        built.runner = built.worker("w1", **life.LIMITS)
        yield built


def calls_of_a_life(lab: MaasHouse) -> int:
    """How many calls a life without faults takes."""
    lab.maas.counts.clear()
    assert life.live(lab) is None
    return lab.maas.counts.total


def quiet(lab: MaasHouse) -> None:
    """Without faults from now on."""
    faults = lab.maas.faults
    faults.spared = faults.refusals = faults.unavailable = faults.drops_before = faults.drops_amid = faults.stalls = 0


Fault = dict[str, Any]
_FOR_GOOD = 10_000


def refusals(status: HTTPStatus, times: int = 1) -> Fault:
    return {"refusals": times, "refused_as": status}


def strike(lab: MaasHouse, number: int, faults: list[Fault]) -> None:
    """Let the call of this number meet one of the faults, each in its turn."""
    lab.maas.faults.spared = number
    vars(lab.maas.faults).update(faults[number % len(faults)])


_PASSING = {
    "not done": [
        refusals(HTTPStatus.INTERNAL_SERVER_ERROR),
        {"unavailable": 1},
        {"drops_before": 1},
        {"stalls": 1, "stall_s": 2 * _QUICK_S},
    ],
    "done": [{"drops_amid": 1}],
}
_REFUSING = {
    "conflict": [refusals(HTTPStatus.CONFLICT)],
    "others": [refusals(status) for status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.BAD_REQUEST)],
}
_LASTING = {
    "refuses": [
        refusals(status, _FOR_GOOD)
        for status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.FORBIDDEN)
    ],
    "away": [{"drops_before": _FOR_GOOD}, {"unavailable": _FOR_GOOD}],
}


@pytest.mark.parametrize("faults", _PASSING.values(), ids=_PASSING)
def test_a_fault_that_passes_is_not_noticed(
    lab: MaasHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: list[Fault]
) -> None:
    """Whichever call it meets: the life goes on to its end, and nothing is done twice."""
    calls, after = calls_of_a_life(lab), Deadline.after
    monkeypatch.setattr(Deadline, "after", lambda seconds: after(min(seconds, _QUICK_S)))
    for number in range(calls):
        strike(lab, number, faults)
        failed = life.live(lab)
        assert failed is None, (number, failed.error)
        quiet(lab)
        life.nothing_is_left(lab)
    life.no_secret_is_told(lab, tmp_path)


@pytest.mark.parametrize("faults", _REFUSING.values(), ids=_REFUSING)
def test_a_refusal_is_told_and_nothing_is_left_behind(lab: MaasHouse, tmp_path: Path, faults: list[Fault]) -> None:
    """Whichever call it meets: the operation says what was refused, and the instance can be deleted."""
    for number in range(calls_of_a_life(lab)):
        strike(lab, number, faults)
        failed = life.live(lab)
        quiet(lab)
        if failed is not None:  # a conflict may be what a step has done before
            life.says_what_to_do(failed)
        life.delete(lab)
        life.nothing_is_left(lab)
    life.no_secret_is_told(lab, tmp_path)


@pytest.mark.parametrize("faults", _LASTING.values(), ids=_LASTING)
def test_a_region_that_is_lost_for_long(lab: MaasHouse, tmp_path: Path, faults: list[Fault]) -> None:
    """From whichever call on: the operation ends with words; once the region is back the instance can be deleted."""
    for number in range(calls_of_a_life(lab)):
        strike(lab, number, faults)
        failed = life.live(lab)
        quiet(lab)
        assert failed is not None, number
        life.says_what_to_do(failed)
        life.delete(lab)
        life.nothing_is_left(lab)
    life.no_secret_is_told(lab, tmp_path)
