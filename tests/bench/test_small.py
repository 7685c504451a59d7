"""The benches that simulate, with few machines and no delays: they run, and count what was done."""

import re

import pytest

from tests import debian
from tests.bench import switches
from tests.bench.dns import bench_dns
from tests.bench.hall_page import bench_hall_page
from tests.bench.live import bench_live
from tests.bench.storm import bench_storm


@pytest.mark.timeout(300)
def test_a_small_storm_is_served() -> None:
    """Five machines, from both databases; and all get an address beside dnsmasq."""
    debian.own_network()
    debian.program("dnsmasq", "dnsmasq-base")
    debian.file("/usr/lib/postgresql", "postgresql")
    told = list(bench_storm(5))
    assert [line for line in told if line.startswith("5 served, 0 failed")] == [
        line for line in told if " served, " in line
    ]
    assert len([line for line in told if line.startswith("kernel and initramfs")]) == 2
    assert len([line for line in told if "requests per CPU second" in line]) == 3


def test_names_are_told() -> None:
    """Three machines ask for their names, and no question is lost."""
    debian.program("dnsmasq", "dnsmasq-base")
    told = list(bench_dns(3))
    assert [re.sub(r" +", " ", line).split()[0] for line in told[1:]] == ["bmprov", "dnsmasq"]
    assert all(" 0 lost " in line for line in told[1:])


def test_ports_are_changed_in_one_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three ports: one session for all of them, or three."""
    monkeypatch.setattr(switches, "LOGIN_S", 0.0)
    monkeypatch.setattr(switches, "ANSWER_S", 0.0)
    told = list(switches.bench_switches(3))
    assert [re.findall(r"(\d+) sessions", line) for line in told[1:]] == [["1"], ["3"], ["3"]] * 2


@pytest.mark.timeout(300)
def test_open_pages_hear() -> None:
    """Three pages of a hall of ten machines, on both databases: every change arrives at each."""
    debian.file("/usr/lib/postgresql", "postgresql")
    told = list(bench_live(streams=3, machines=10, changes=4, seconds=0.2, calls=1))
    assert [re.findall(r"\((\d+) arrivals", line) for line in told if "arrivals" in line] == [["12"], ["12"]]
    assert len([line for line in told if "% of one core" in line]) == 4
    assert any(line.startswith("the extension's status") for line in told)


@pytest.mark.timeout(300)
def test_a_small_hall_is_shown() -> None:
    """Forty machines: the page is served in three codings and by the peer, and the search answers in a browser."""
    debian.program("chromium", "chromium")
    told = list(bench_hall_page((40,), 0.2, 1))
    assert len([line for line in told if " p50 " in line]) == 5
    [sent] = [line for line in told if line.startswith("sent:")]
    plain, gzip, zstd = (int(number) for number in re.findall(r"(\d+) KiB", sent))
    assert plain > 3 * max(gzip, zstd)
    [frames] = [line for line in told if line.startswith("scrolling:")]
    assert int(frames.split()[1]) > 10
