"""Serial over LAN of the simulated BMC, judged by ipmitool, FreeIPMI's ipmiconsole and our own line, with losses."""

import asyncio
import shlex
import sys
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from bmprov.power import PowerAction
from bmprov.sim.login import Login
from tests import debian
from tests.contract.bmcs import SimulatedMachine, simulated_bmcs
from tests.sim.bad_network import bad_network
from tests.sim.terminal import Terminal, terminal
from tests.worker.console.ear import Ear, comes
from worker.console.ipmi_line import IpmiLine
from worker.drivers.bmc_lock import LocalBmcLock
from worker.drivers.ipmi_serial import ConsoleInUse

ON_PORT_623 = """
import subprocess
import sys
from bmprov.power import PowerAction
from bmprov.sim.login import Login
from tests.contract.bmcs import simulated_bmcs

with simulated_bmcs() as hall:
    machine = hall.start(port=623)
    machine.call(lambda: machine.chassis.press(PowerAction.ON))
    machine.call(lambda: Login("sim-1", machine.chassis.serial))
    subprocess.run(sys.argv[1:])
"""
LONG = "".join(f"{number:04}," for number in range(2000)).encode()


@pytest.fixture
def machine() -> Iterator[SimulatedMachine]:
    with simulated_bmcs() as hall:
        machine = hall.start()
        machine.chassis.press(PowerAction.ON)
        yield machine


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def ipmitool(machine: SimulatedMachine, *arguments: str) -> tuple[str, ...]:
    """The command of ipmitool."""
    login = ["-H", "127.0.0.1", "-p", str(machine.endpoint.port), "-U", "admin", "-P", "secret"]
    return (debian.program("ipmitool", "ipmitool"), "-I", "lanplus", *login, *arguments)


def talks(there: Terminal, begins: bytes, sends_break: bytes, leaves: bytes) -> None:
    """What the machine wrote last is shown; one may log in and is not let in; a break arrives; the console ends."""
    there.shows(begins)
    there.shows(b"sim-1 login: ")
    there.type(b"root\r")
    there.shows(b"sim-1 login: root\r\nPassword: ")
    there.type(b"secret\r")
    there.shows(b"\r\nLogin incorrect\r\n\r\nsim-1 login: ")
    assert b"secret" not in there.shown
    there.type(b"\r" + sends_break)
    there.shows(b"ttyS0: break\r\n")
    there.type(b"\r" + leaves)
    there.program.wait(10)


def test_ipmitool_has_a_console(machine: SimulatedMachine) -> None:
    """And leaves it free for the next one."""
    machine.call(lambda: Login("sim-1", machine.chassis.serial))
    for _ in range(2):
        with terminal(*ipmitool(machine, "sol", "activate")) as there:
            talks(there, b"SOL Session operational", b"~B", b"~.")


def test_ipmiconsole_has_a_console() -> None:
    """FreeIPMI's knows no port but 623, so it gets a network of its own."""
    login = ["-h", "127.0.0.1", "-u", "admin", "-p", "secret", "-I", "17"]
    console = shlex.join([sys.executable, "-c", ON_PORT_623, debian.program("ipmiconsole", "freeipmi-tools"), *login])
    up = f"{debian.program('ip', 'iproute2')} link set lo up && exec {console}"
    with terminal(*debian.own_network(), "sh", "-c", up) as there:
        talks(there, b"SOL established", b"&B", b"&.")


def test_a_console_that_is_switched_off(machine: SimulatedMachine) -> None:
    """`ipmitool sol set enabled` switches it off and on; what cannot be set is told, and so is what it is."""
    with terminal(*ipmitool(machine, "sol", "set", "enabled", "false")) as setting:
        setting.program.wait(10)
    with terminal(*ipmitool(machine, "sol", "info")) as info:
        info.shows(b"Enabled                         : false")
        info.shows(f"Payload Port                    : {machine.endpoint.port}".encode())
    with terminal(*ipmitool(machine, "sol", "payload", "status", "1", "2")) as access:
        access.shows(b"User 2 on channel 1 is enabled")
    with terminal(*ipmitool(machine, "sol", "activate")) as refused:
        refused.shows(b"SOL payload disabled")


def test_nothing_is_lost_or_doubled_on_a_bad_network(
    machine: SimulatedMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packets are lost, come twice and in another order; every character arrives once, and where it belongs."""
    for retry in ("bmprov.sim.ipmi.sol_line.RETRY_S", "worker.console.sol._RESEND_S"):
        monkeypatch.setattr(retry, 0.03)
    typed = bytearray()
    machine.chassis.serial.system = lambda characters: typed.extend(characters or b"")
    machine.bmc.serial.port = 623  # as behind any relay

    async def talk() -> None:
        async with bad_network(machine.login) as (login, network):
            ear = Ear()
            line = await IpmiLine.open(login, LocalBmcLock(), {}, ear, take_over=False)
            network.bad = True
            line.write(LONG)
            machine.call(lambda: machine.chassis.serial.write(LONG.decode()))
            await ear.hears(LONG)
            await comes(lambda: len(typed) >= len(LONG))
            assert (typed, ear.said) == (LONG, LONG)
            assert network.lost > 20
            network.bad = False
            await line.close()

    run(talk())


def test_a_console_is_taken_over_only_on_demand(machine: SimulatedMachine) -> None:
    """The second is refused; when it takes the console the first is told at once, and does not disturb it."""

    async def take() -> None:
        first, second = Ear(), Ear()
        await IpmiLine.open(machine.login, LocalBmcLock(), {}, first, take_over=False)
        with pytest.raises(ConsoleInUse):
            await IpmiLine.open(machine.login, LocalBmcLock(), {}, second, take_over=False)
        line = await IpmiLine.open(machine.login, LocalBmcLock(), {}, second, take_over=True)
        assert "taken" in await first.loses()
        machine.call(lambda: machine.chassis.serial.write("for the second"))
        await second.hears(b"for the second")
        await line.close()
        await comes(lambda: machine.open_sessions() == 0)

    run(take())


def test_what_is_typed_at_a_machine_that_is_off_is_gone(machine: SimulatedMachine) -> None:
    """Whoever types is told so, and again when the machine takes input."""
    typed = bytearray()
    machine.chassis.serial.system = lambda characters: typed.extend(characters or b"")

    async def switch() -> None:
        ear = Ear()
        line = await IpmiLine.open(machine.login, LocalBmcLock(), {}, ear, take_over=False)
        machine.call(lambda: machine.chassis.press(PowerAction.OFF))
        line.write(b"lost")
        await comes(lambda: ear.notices)
        machine.call(lambda: machine.chassis.press(PowerAction.ON))
        line.write(b"taken")
        await comes(lambda: len(ear.notices) == 2)
        assert typed == b"taken"
        await line.close()

    run(switch())
