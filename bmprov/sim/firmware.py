"""A simulated machine behind its BMC: firmware, boot from the network or a CD, ramdisk, installed system.

Everything that leaves it is real: DHCP, TFTP and HTTP from the address that DHCP gave.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NoReturn

import structlog

from bmprov.errors import Invalid
from bmprov.model import BootMode
from bmprov.power import BootDevice, BootOverride, Power, PowerAction
from bmprov.sim import cd
from bmprov.sim.chassis import BootFlags, Drive
from bmprov.sim.http_client import Http, HttpFailed
from bmprov.sim.login import Login
from bmprov.sim.pace import FirmwareFaults, Pace
from bmprov.sim.ramdisk import Installed, Ramdisk
from bmprov.sim.relay import IPXE_CLASS, NoAnswer, Relay
from bmprov.sim.script import BadScript, kernel_arguments
from bmprov.sim.serial_port import SerialPort
from bmprov.sim.tftp_client import TftpFailed, fetch
from pxe.dhcp.local_boot import DISK_LOADERS
from pxe.dhcp.packet import Option

log = structlog.get_logger()

_ARCHES = {BootMode.BIOS: b"\0\0", BootMode.UEFI: b"\0\x07"}
_DISK_BOOTS = {"", *chain(*DISK_LOADERS.values())}
_BOOT_TRIES = 10
_BOOT_PAUSE_S = 1.0
_BMC_ADDRESS = "0.0.0.0"  # whichever leads there
_TOLD = {"bmprov.api", "bmprov.token"}
_STARTS = (PowerAction.ON, PowerAction.CYCLE, PowerAction.RESET)


@dataclass
class SimulatedMachine:
    """A machine as its BMC sees it (`Chassis`). `inventory` is what its ramdisk will say it is.

    On its serial port it shows what it does.
    """

    name: str
    mac: str
    boot_mode: BootMode
    inventory: Mapping[str, Any]
    relay: Relay
    tftp_port: int
    pace: Pace = field(default_factory=Pace)
    faults: FirmwareFaults = field(default_factory=FirmwareFaults)
    boot: BootFlags = field(default_factory=BootFlags)
    serial: SerialPort = field(default_factory=SerialPort)
    drive: Drive = field(default_factory=Drive)
    power: Power = Power.OFF
    installed: Installed | None = None
    running: bool = False
    written: int = 0
    """How many times an image was written, for those who want to know that it was once."""
    _life: asyncio.Task[None] | None = None
    _echoes: set[asyncio.Task[None]] = field(default_factory=set)

    def press(self, action: PowerAction) -> None:
        """Do what the BMC asks for."""
        if action is PowerAction.SOFT_OFF:
            if self.running:
                asyncio.get_running_loop().call_later(self._spread(self.pace.shutdown_s), self._shut_down, self._life)
        elif action is PowerAction.OFF:
            self._end()
        elif action in _STARTS and not (action is PowerAction.ON and self.power is Power.ON):
            self._end()
            self.power = Power.ON
            self._life = asyncio.get_running_loop().create_task(self._start())
            self._life.add_done_callback(self._died)

    def _end(self) -> None:
        if self._life is not None:
            self._life.cancel()
        self._life, self.running, self.power = None, False, Power.OFF
        self.serial.system = None

    def _died(self, life: asyncio.Task[None]) -> None:
        if not life.cancelled() and (error := life.exception()) is not None:
            log.error("the simulated machine has a fault of its own", machine=self.name, exc_info=error)

    def _shut_down(self, life: asyncio.Task[None] | None) -> None:
        if self._life is life:  # it may have been switched off and on again meanwhile
            self._end()

    async def _start(self) -> None:
        override = self.boot.take()
        self._show_start(override)
        await asyncio.sleep(self._spread(self.pace.post_s))
        if override.device is BootDevice.NETWORK and not self.faults.ignores_override:
            await self._boot(self._load)
        if override.device is BootDevice.CDROM and not self.faults.ignores_override:
            await self._boot(self._load_cd, tries=1)
        while self.installed is None:
            await self._boot(self._load)
        self.serial.write("Booting from disk\n")
        await asyncio.sleep(self._spread(self.pace.os_boot_s))
        self.running = True
        Login(self.name, self.serial)
        log.info("system is running", machine=self.name)

    def _show_start(self, override: BootOverride) -> None:
        kind, told = ("BIOS" if self.boot_mode is BootMode.BIOS else "UEFI"), self.inventory
        self.serial.write(f"\n\nbmprov simulated {kind} firmware, machine {self.name}\n")
        self.serial.write(f"{told.get('cpus', 1)} processors, {told.get('memory_mib', 0)} MiB of memory\n")
        once = " (once)" if override.once else ""
        self.serial.write(f"Boot override: {override.device}{once}\n")

    async def _boot(self, load: Callable[[], Awaitable[tuple[dict[str, str], str]]], tries: int = _BOOT_TRIES) -> None:
        """Boot the ramdisk, which stays until the BMC restarts the machine. Returns when there is nothing to boot.

        When something on the way does not answer, the firmware begins again, as real ones do from the network.
        """
        for _ in range(tries):
            try:
                arguments, source = await load()
            except (NoAnswer, TftpFailed, HttpFailed, BadScript, Invalid, OSError) as error:
                log.info("the ramdisk was not booted", machine=self.name, why=str(error))
                self.serial.write(f"The ramdisk was not booted: {error}\n")
                await asyncio.sleep(self._spread(_BOOT_PAUSE_S))
            else:
                await self._run_ramdisk(arguments, source)

    async def _run_ramdisk(self, arguments: Mapping[str, str], source: str) -> NoReturn:
        await asyncio.sleep(self._spread(self.pace.kernel_s))
        if not self.faults.ramdisk_hangs:
            self.installed = None
            api, token = arguments["bmprov.api"], arguments["bmprov.token"]
            inventory, http = self.inventory, Http(source)
            ramdisk = Ramdisk(http, api, token, inventory, self.pace, self.faults, self._keep, self._echo, self._show)
            try:
                await ramdisk.run()
            except HttpFailed as error:
                log.info("ramdisk stopped", machine=self.name, why=str(error))
                self._show(f"stopped: {error}")
        while True:
            await asyncio.Event().wait()

    def _show(self, what: str) -> None:
        self.serial.write(f"ramdisk: {what}\n")

    def _keep(self, installed: Installed) -> None:
        self.installed = installed
        self.written += 1

    def _echo(self, after_s: float, call: Callable[[], Awaitable[None]]) -> None:
        async def late() -> None:
            await asyncio.sleep(after_s)
            try:
                await call()
            except HttpFailed as error:
                log.info("a late call was not taken", machine=self.name, why=str(error))

        echo = asyncio.get_running_loop().create_task(late())
        self._echoes.add(echo)
        echo.add_done_callback(self._echoes.discard)

    async def _load(self) -> tuple[dict[str, str], str]:
        """What the firmware and iPXE do: the kernel's arguments, and the machine's address."""
        if self.faults.no_dhcp:
            raise NoAnswer("its DHCP packets vanish")
        self.serial.write(f"DHCP on {self.mac}\n")
        firmware: dict[int, bytes] = {Option.CLIENT_ARCH: _ARCHES[self.boot_mode], Option.VENDOR_CLASS: b"PXEClient"}
        lease = await self.relay.lease(self.mac, firmware)
        if lease.boot_file in _DISK_BOOTS:
            raise NoAnswer("it is told to boot its disk")
        self.serial.write(f"Address {lease.address}, boot file {lease.boot_file} from {lease.server}\n")
        if self.faults.tftp_lost:
            raise TftpFailed("its TFTP packets vanish")
        await fetch(lease.boot_file, (lease.server, self.tftp_port), lease.address)
        again = await self.relay.lease(self.mac, {**firmware, **IPXE_CLASS})
        if self.faults.script_unread:
            raise HttpFailed("the script cannot be fetched")
        self.serial.write(f"iPXE: script from {again.server}\n")  # its address holds the operation's token
        script = await Http(again.address).get(again.boot_file)
        arguments = kernel_arguments(script.decode(errors="replace"), self.mac, again.address)
        return _sound(arguments), again.address

    async def _load_cd(self) -> tuple[dict[str, str], str]:
        """What the firmware and GRUB do with the virtual CD, which the BMC fetches from an address of its own."""
        if not self.drive.image:
            raise HttpFailed("nothing is in the virtual CD")
        self.serial.write("GRUB: read from the virtual CD\n")
        arguments = _sound(await cd.kernel_arguments(Http(_BMC_ADDRESS), self.drive.image))
        if arguments.get("BOOTIF") != f"01-{self.mac.replace(':', '-')}":
            raise BadScript("the ramdisk is told another NIC")
        return arguments, arguments.get("bmprov.net", "").partition("/")[0]

    def _spread(self, seconds: float) -> float:
        return seconds * random.uniform(1 - self.pace.jitter, 1 + self.pace.jitter)  # noqa: S311 - not cryptography


def _sound(arguments: dict[str, str]) -> dict[str, str]:
    if _TOLD - arguments.keys():
        raise BadScript(f"the kernel is not told {' and '.join(sorted(_TOLD))}")
    return arguments
