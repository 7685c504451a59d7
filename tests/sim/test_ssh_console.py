"""The serial console of a simulated Redfish BMC over SSH, judged by OpenSSH and our own line."""

import asyncio
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from bmprov.deadline import Deadline
from bmprov.errors import BmcAuthFailed, BmcRefused, BmcUnreachable
from bmprov.hardware import Console, ConsoleKind
from bmprov.power import BmcLogin, PowerAction
from bmprov.sim.login import Login
from bmprov.sim.ssh_port import SESSIONS
from tests import debian
from tests.contract.redfish_bmcs import RedfishBmcs, SimulatedRedfish, redfish_bmcs
from tests.sim.terminal import terminal
from tests.worker.console.ear import Ear, comes
from worker.console.ssh_line import SshLine
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.redfish_session import LocalSessions
from worker.drivers.redfish_tools import RedfishTools

LONG = "".join(f"{number:04}," for number in range(5000)).encode()
ACCOUNTS = "/redfish/v1/AccountService/Accounts"


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[RedfishBmcs]:
    with redfish_bmcs(tmp_path) as hall:
        yield hall


@pytest.fixture
def machine(hall: RedfishBmcs) -> SimulatedRedfish:
    machine = hall.start_redfish(with_tls=False, console=True)
    machine.call(lambda: machine.chassis.press(PowerAction.ON))
    return machine


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def console(machine: SimulatedRedfish) -> Console:
    """Where Redfish says that it is."""
    return RedfishTools(machine.login, LocalBmcLock(), LocalSessions()).console(Deadline.after(8))


async def opened(machine: SimulatedRedfish, ear: Ear, login: BmcLogin | None = None, pinned: str = "") -> SshLine:
    where = await asyncio.to_thread(console, machine)
    return await SshLine.open(login or machine.login, where, pinned, ear)


def test_openssh_has_a_console(machine: SimulatedRedfish, tmp_path: Path) -> None:
    """What the machine wrote last is shown; one may log in and is not let in; a break arrives; the console ends."""
    machine.call(lambda: Login("sim-1", machine.chassis.serial))
    told = console(machine)
    assert (told.kind, told.enter) == (ConsoleKind.SSH, "")
    secret = tmp_path / "secret"
    secret.write_text("#!/bin/sh\necho secret\n")
    secret.chmod(0o700)
    asks = ["env", f"SSH_ASKPASS={secret}", "SSH_ASKPASS_REQUIRE=force"]
    options = ["-tt", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={tmp_path / 'known'}"]
    where = ["-p", str(urlsplit(told.address).port), "admin@127.0.0.1"]
    with terminal(*asks, debian.program("ssh", "openssh-client"), *options, *where) as there:
        there.shows(b"sim-1 login: ")
        there.type(b"root\r")
        there.shows(b"sim-1 login: root\r\nPassword: ")
        there.type(b"secret\r")
        there.shows(b"Login incorrect\r\n\r\nsim-1 login: ")
        there.type(b"\r~B")
        there.shows(b"ttyS0: break\r\n")
        there.type(b"\r~.")
        assert there.program.wait(10) == 255


def test_nothing_is_lost(machine: SimulatedRedfish) -> None:
    """Every character arrives, both ways, and the host key stays as it was."""
    typed = bytearray()
    machine.chassis.serial.system = lambda characters: typed.extend(characters or b"<break>")

    machine.call(lambda: machine.chassis.serial.write("ready"))

    async def talk() -> None:
        ear = Ear()
        line = await opened(machine, ear)
        await ear.hears(b"ready")
        line.write(LONG)
        line.send_break()
        machine.call(lambda: machine.chassis.serial.write(LONG.decode()))
        await ear.hears(LONG)
        await comes(lambda: len(typed) > len(LONG))
        assert typed.replace(b"<break>", b"") == LONG
        assert b"<break>" in typed
        await line.close()
        again = await opened(machine, Ear(), pinned=line.host_key)
        await again.close()

    run(talk())


def test_who_may_not_use_it_is_not_let_in(machine: SimulatedRedfish) -> None:
    """A wrong password, and an account that only reads."""
    watcher = {"UserName": "watcher", "Password": "looks-on", "RoleId": "ReadOnly"}
    assert httpx.post(machine.url + ACCOUNTS, json=watcher, auth=("admin", "secret")).status_code == 201

    async def fail() -> None:
        for user, password in (("admin", "wrong"), ("watcher", "looks-on")):
            with pytest.raises(BmcAuthFailed):
                await opened(machine, Ear(), BmcLogin(machine.login.address, user, password))

    run(fail())


def test_only_so_many_look_at_once_and_nobody_at_a_silent_one(machine: SimulatedRedfish) -> None:
    """The next one is hung up on, until one goes."""

    async def crowd() -> None:
        lines = [await opened(machine, Ear()) for _ in range(SESSIONS)]
        with pytest.raises((BmcRefused, BmcUnreachable)):
            await opened(machine, Ear())
        for line in lines:
            await line.close()
        where = await asyncio.to_thread(console, machine)
        machine.faults.silent = True
        with pytest.raises((BmcRefused, BmcUnreachable)):
            await SshLine.open(machine.login, where, "", Ear())

    run(crowd())
