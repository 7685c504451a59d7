"""A line over OpenIPMI's ipmi_sim: what the machine writes, what is typed, and how it ends."""

import asyncio
import os
import pty
import signal
import subprocess
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from bmprov.deadline import Deadline
from bmprov.errors import BmcAuthFailed, BmcUnreachable
from bmprov.hardware import Console, ConsoleKind
from bmprov.power import BmcLogin, Power
from tests import debian
from tests.contract.bmcs import EMULATION, PASSWORD, USER, IpmiSimMachine, free_udp_port, ipmi_sim
from tests.worker.console.ear import Ear
from tests.worker.console.serial_port import SerialPort, until
from worker.console.ipmi_line import IpmiLine
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.ipmi import IpmiDriver
from worker.drivers.ipmi_serial import ConsoleInUse
from worker.drivers.ipmi_tools import IpmiTools

LONG = bytes(range(256)) * 60


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


async def opened(machine: IpmiSimMachine, ear: Ear, *, take_over: bool = False) -> IpmiLine:
    return await IpmiLine.open(machine.login, LocalBmcLock(), {}, ear, take_over=take_over)


def test_what_is_written_is_heard_and_what_is_typed_arrives(machine: IpmiSimMachine, port: SerialPort) -> None:
    async def talk() -> None:
        ear = Ear()
        line = await opened(machine, ear)
        port.write(b"lab login: ")
        await ear.hears(b"lab login: ")
        line.write(b"root\r")
        line.write(LONG)
        port.write(LONG)
        await ear.hears(LONG)
        await asyncio.to_thread(until, lambda: port.said == b"root\r" + LONG)
        await line.close()
        assert not ear.why, "who closes it knows"

    run(talk())


def test_the_power_is_read_while_the_console_is_open(machine: IpmiSimMachine) -> None:
    """The console keeps a session of the BMC's; another has its turn meanwhile, and does not wait for it."""

    async def read() -> None:
        lock = LocalBmcLock()
        line = await IpmiLine.open(machine.login, lock, {}, Ear(), take_over=False)
        power = await asyncio.to_thread(IpmiDriver(machine.login, lock).read, Deadline.after(5))
        assert power is Power.OFF
        await line.close()

    run(read())


def test_a_console_that_another_has_is_taken_only_on_demand_and_the_other_is_told(
    machine: IpmiSimMachine, port: SerialPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.console.ipmi_line._QUIET_S", 1.0)

    async def take() -> None:
        first, second = Ear(), Ear()
        await opened(machine, first)
        with pytest.raises(ConsoleInUse, match="another program has the console"):
            await opened(machine, second)
        line = await opened(machine, second, take_over=True)
        assert "taken" in await first.loses()
        await asyncio.sleep(1)  # the first logs out meanwhile, which must not cut off the second
        port.write(b"for the second")
        await second.hears(b"for the second")
        await line.close()

    run(take())


def test_ipmitool_gets_the_console_after_it_was_closed(machine: IpmiSimMachine) -> None:
    """Closing deactivates the payload: else the next one finds it in use until the BMC forgets the session."""

    async def open_and_close() -> None:
        line = await opened(machine, Ear())
        await line.close()

    run(open_and_close())
    where = machine.login.address.rpartition(":")
    words = ["-I", "lanplus", "-C", "3", "-H", "127.0.0.1", "-p", where[2], "-U", USER, "-P", PASSWORD]
    command = [debian.program("ipmitool", "ipmitool"), *words, "sol", "activate"]
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as ipmitool:
        try:
            assert b"SOL Session operational" in os.read(ours, 200)
        finally:
            ipmitool.kill()


def test_a_bmc_that_falls_silent_is_noticed(tmp_path: Path, port: SerialPort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.console.ipmi_line._QUIET_S", 0.5)
    monkeypatch.setattr("worker.console.ipmi_line._SILENT_S", 2.0)
    with ipmi_sim(tmp_path, EMULATION, port.port) as machine:
        login = machine.login

        async def watch() -> None:
            ear = Ear()
            line = await IpmiLine.open(login, LocalBmcLock(), {}, ear, take_over=False)
            await asyncio.sleep(3)
            assert not ear.why, "a quiet machine's BMC still answers"
            machine.process.send_signal(signal.SIGSTOP)
            assert "silent" in await ear.loses()
            await line.close()

        run(watch())


def test_a_wrong_password_and_an_address_with_nobody_are_told(machine: IpmiSimMachine) -> None:
    async def fail() -> None:
        wrong = BmcLogin(machine.login.address, USER, "wrong")
        with pytest.raises(BmcAuthFailed):
            await IpmiLine.open(wrong, LocalBmcLock(), {}, Ear(), take_over=False)
        nobody = BmcLogin(f"ipmi://127.0.0.1:{free_udp_port()}", USER, PASSWORD)
        with pytest.raises(BmcUnreachable):
            await IpmiLine.open(nobody, LocalBmcLock(), {}, Ear(), take_over=False)

    run(fail())


def test_a_bmc_tells_whether_it_has_a_console(machine: IpmiSimMachine, tmp_path: Path) -> None:
    by = Deadline.after(10)
    assert IpmiTools(machine.login, LocalBmcLock()).console(by) == Console(ConsoleKind.IPMI, machine.login.address)
    without = tmp_path / "without"
    without.mkdir()
    with ipmi_sim(without) as other:
        assert IpmiTools(other.login, LocalBmcLock()).console(by) == Console(ConsoleKind.NONE)
