"""Rates of what is written, and how long the service is left in peace."""

from typing import Any

import pytest

from bmprov.cli.top.now import bar
from bmprov.cli.top.pace import Pace, breather

MIB, GIB = 2**20, 2**30


def told(done_bytes: int, name: str = "a") -> list[dict[str, Any]]:
    return [{"id": name, "progress": {"done_bytes": done_bytes, "total_bytes": GIB}}, {"id": "b", "progress": None}]


def test_a_rate_is_that_of_the_last_ten_seconds() -> None:
    """Nothing is claimed of what was seen once, or was not told; what was fast a minute ago is not."""
    pace = Pace()
    pace.note(0, told(0))
    assert (pace.of("a"), pace.of("b"), pace.of("c")) == (None, None, None)
    for second in range(1, 31):
        pace.note(second, told(100 * MIB * min(second, 15)))
        assert second > 15 or pace.of("a") == 100 * MIB
    assert pace.of("a") == 0
    pace.note(31, [])
    assert pace.of("a") is None


def test_a_machine_that_begins_anew_is_counted_anew() -> None:
    """Its bytes go down, and no rate is negative."""
    pace = Pace()
    pace.note(0, told(900 * MIB))
    pace.note(2, told(10 * MIB))
    assert pace.of("a") is None
    pace.note(4, told(30 * MIB))
    assert pace.of("a") == 10 * MIB


@pytest.mark.parametrize(
    ("done_bytes", "rate", "words"),
    [
        (0, None, "░░░░ 0 % of 1.0 GiB"),
        (GIB // 2, 64.0 * MIB, "██░░ 50 % of 1.0 GiB, 64.0 MiB/s, 8 s left"),
        (GIB // 2, 0.0, "██░░ 50 % of 1.0 GiB, stands still"),
        (GIB, 1.0, "████ 100 % of 1.0 GiB, 1 B/s, 0 s left"),
        (2 * GIB, 1.0, "████ 200 % of 1.0 GiB, 1 B/s, 0 s left"),
    ],
)
def test_a_bar(done_bytes: int, rate: float | None, words: str) -> None:
    """What is told is shown, be it nonsense."""
    assert bar(done_bytes, GIB, rate, 4).plain == words


@pytest.mark.parametrize(
    ("took_s", "failures", "pause_s"),
    [(0.01, 0, 1.0), (0.5, 0, 2.0), (0.01, 1, 2.0), (0.01, 2, 4.0), (0.01, 3, 5.0), (0.01, 9999, 5.0), (10, 3, 40.0)],
)
def test_a_slow_service_is_asked_less_often(took_s: float, failures: int, pause_s: float) -> None:
    """Four times as long as it took is a pause; one that fails is asked each time later, down to every five seconds."""
    assert breather(1.0, took_s, failures) == pause_s
