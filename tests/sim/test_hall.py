"""A hall of simulated machines: its file, and the process that follows it."""

import socket
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bmprov.cli.embedded import free_ports
from bmprov.deadline import Deadline
from bmprov.errors import BmcBusy, Fatal
from bmprov.model import BootMode
from bmprov.power import BmcLogin, Power, PowerAction
from bmprov.sim import hall
from tests.sim.running_hall import ENDS_S, hall_command, running_hall, wait_for
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.ipmi import IpmiDriver

BY_S = 5.0


def test_a_plan_is_a_hall_of_different_machines() -> None:
    """In racks of forty, each with its own name, BMC and MACs; some have SSDs, some are old and boot by BIOS."""
    machines = hall.plan(1000, range(20_000, 21_000))
    assert len({one.name for one in machines}) == len({mac for one in machines for mac in one.macs}) / 2 == 1000
    assert machines[41].name == "sim-r02-u02"
    assert {one.boot_mode for one in machines} == {BootMode.BIOS, BootMode.UEFI}
    assert {one.tags for one in machines} == {(), ("ssd",)}


def test_the_file_gives_back_what_was_written(tmp_path: Path) -> None:
    """Pace, faults and all; and only its owner may read the passwords in it."""
    first, second = hall.plan(2, [1, 2])
    told = [
        replace(first, pace={"post_s": 2.5}, faults={"corrupts": True}, bmc_faults={"slow_s": 1.0, "lies": "off"}),
        replace(second, boot_mode=BootMode.BIOS, cipher_suites=(3,)),
        replace(second, bmc_protocol=hall.BmcProtocol.REDFISH, bmc_tls=False, bmc_faults={"html": True}),
    ]
    hall.dump(told, tmp_path / "sim.yaml")
    assert hall.load(tmp_path / "sim.yaml") == told
    assert stat.S_IMODE((tmp_path / "sim.yaml").stat().st_mode) == 0o600
    assert first.password not in repr(first)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "machines: 7",
        "machines: [{name: a}]",
        "machines: [",
        "machines: [{name: a, bmc_port: 1, macs: [], pace: hurried}]",
        "machines: [{name: a, bmc_port: 1, macs: [], pace: {post: 1}}]",
        "machines: [{name: a, bmc_port: 1, macs: [], faults: {no_dchp: true}}]",
        "machines: [{name: a, bmc_port: 1, macs: [], bmc_faults: {lies: sometimes}}]",
        "machines: [{name: a, bmc_port: 1, macs: [], bmc_faults: {html: true}}]",
        "machines: [{name: a, bmc_port: 1, macs: [], bmc_protocol: telnet}]",
    ],
)
def test_a_file_that_makes_no_sense_is_told(tmp_path: Path, text: str) -> None:
    """Misspelt faults too, before any machine is put up."""
    path = tmp_path / "sim.yaml"
    path.write_text(text)
    with pytest.raises(Fatal, match=r"sim\.yaml is not usable"):
        hall.load(path)
    with pytest.raises(Fatal, match=r"none\.yaml is not usable"):
        hall.load(tmp_path / "none.yaml")


@dataclass
class Running:
    """A hall of one machine, as a process."""

    path: Path
    driver: IpmiDriver

    def change(self, **changes: object) -> None:
        (one,) = hall.load(self.path)
        hall.dump([replace(one, **changes)], self.path)  # type: ignore[arg-type] # any field

    def power(self) -> Power:
        return self.driver.read(Deadline.after(BY_S))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    (port,) = free_ports(socket.SOCK_DGRAM, 1)
    path, login = tmp_path / "sim.yaml", BmcLogin(f"ipmi://127.0.0.1:{port}", "admin", "simulated")
    hall.dump(hall.plan(1, [port], "instant"), path)
    with running_hall(path):
        yield Running(path, IpmiDriver(login, LocalBmcLock()))


def test_a_hall_follows_its_file(running: Running) -> None:
    """A fault that is written down begins, and one that is taken out ends, without a restart; nonsense is ignored."""

    def refused() -> bool:
        try:
            return running.power() is Power.UNKNOWN
        except BmcBusy:
            return True

    assert running.power() is Power.OFF
    assert running.driver.switch(PowerAction.ON, Deadline.after(BY_S)) is Power.ON
    running.change(bmc_faults={"refuses_sessions": True})
    wait_for(refused)
    running.path.write_text("machines: nonsense")
    assert refused()
    hall.dump(hall.plan(1, [1]), running.path)
    running.change(bmc_faults={"lies": "off"})
    wait_for(lambda: not refused())
    assert running.power() is Power.OFF


def test_a_port_that_is_taken_is_told(running: Running) -> None:
    """A second hall of the same file says so, and ends."""
    second = subprocess.run(hall_command(running.path), capture_output=True, text=True, timeout=ENDS_S, check=False)
    assert second.returncode == 1
    assert "a simulated BMC cannot use its port" in second.stderr
