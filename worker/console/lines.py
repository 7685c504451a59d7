"""Opens the line to a machine's serial port, of whatever kind its BMC has."""

import asyncio
from urllib.parse import urlsplit

import structlog

from bmprov.deadline import Deadline
from bmprov.errors import BmprovError
from bmprov.hardware import Console, ConsoleKind
from bmprov.model import Bmc, Machine
from bmprov.power import BmcLogin
from bmprov.store import Store
from worker.console.ipmi_line import IpmiLine
from worker.console.line import Line, Listener
from worker.console.ssh_line import SshLine
from worker.drivers.choice import Drivers

log = structlog.get_logger()

_ASK_S = 15.0


class Lines:
    """Opens lines. What it learns of consoles on the way is stored."""

    def __init__(self, store: Store, drivers: Drivers) -> None:
        self._store = store
        self._drivers = drivers

    async def console_of(self, machine: Machine) -> Console:
        """What console the machine's BMC offers: as was found before, else by asking it.

        Raises:
            BmprovError: it cannot be asked.
        """
        return await asyncio.to_thread(self._console_of, machine)

    async def open(self, machine: Machine, console: Console, listener: Listener, *, take_over: bool) -> Line:
        """Open the line.

        Raises:
            ConsoleInUse: another program has it.
            BmprovError: as the lines have them.
        """
        bmc = _bmc_of(machine, console)
        login = self._drivers.login(bmc)
        if console.kind is ConsoleKind.IPMI:
            there = BmcLogin(console.address, login.user, login.password, login.cipher_suites, "", login.privilege)
            lock = self._drivers.lock(bmc)
            return await IpmiLine.open(there, lock, self._drivers.habits, listener, take_over=take_over)
        pinned = await asyncio.to_thread(self._pinned, machine)
        line = await SshLine.open(login, console, pinned, listener)
        if line.host_key != pinned:
            log.info("a BMC's SSH host key is kept", machine=machine.name, host_key=line.host_key)
            await asyncio.to_thread(self._pin, machine, line.host_key)
        return line

    def _pinned(self, machine: Machine) -> str:
        with self._store.read() as transaction:
            return transaction.consoles.host_key(machine.id)

    def _pin(self, machine: Machine, host_key: str) -> None:
        with self._store.write() as transaction:
            transaction.consoles.pin(machine.id, host_key)

    def _console_of(self, machine: Machine) -> Console:
        with self._store.read() as transaction:
            known = transaction.consoles.of(machine.id)
        if known is not None:
            return known
        console = self._drivers.of(machine).tools.console(Deadline.after(_ASK_S))
        try:
            with self._store.write() as transaction:
                transaction.consoles.keep(machine.id, console)
        except BmprovError as error:
            log.warning("what console a machine has is not kept", machine=machine.name, error=str(error))
        return console


def _bmc_of(machine: Machine, console: Console) -> Bmc:
    """The BMC that the console belongs to: its login is the console's."""
    bmcs = [bmc for bmc in (machine.bmc, machine.second_bmc) if bmc is not None]
    same = [bmc for bmc in bmcs if bmc.address == console.address]
    near = [bmc for bmc in bmcs if _host(bmc.address) == _host(console.address)]
    return (same or near or bmcs)[0]


def _host(address: str) -> str:
    return urlsplit(address).hostname or ""
