"""The Redfish BMC of a lab machine: our simulated one, with the QEMU behind it that `chassis.py` starts and stops.

What is in its virtual CD it fetches with curl when the machine is to boot from it.
"""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bmprov.power import BmcLogin, BootDevice, Power, PowerAction
from bmprov.sim.chassis import BootFlags, Drive
from bmprov.sim.facts import MachineFacts
from bmprov.sim.ipmi.session import Account
from bmprov.sim.redfish.bmc import RedfishBmc
from bmprov.sim.redfish.endpoint import serve_redfish
from bmprov.sim.serial_port import SerialPort
from tests import debian
from tests.contract.bmcs import PASSWORD, USER, SimulatedBmcs
from tests.lab.chassis import Chassis
from tests.lab.qemu import Hardware

_ORDERS = {BootDevice.NETWORK: "pxe", BootDevice.DISK: "default"}
_FETCH_S = 60


class QemuChassis:
    """A machine in QEMU as a simulated BMC sees it (`bmprov.sim.chassis.Chassis`)."""

    def __init__(self, folder: Path, cd: Path) -> None:
        self.boot = BootFlags()
        self.drive = Drive()
        self.serial = SerialPort()  # what the machine says on its own stays in its folder
        self._machine = Chassis(folder)
        self._order = folder / "boot"
        self._cd = cd

    @property
    def power(self) -> Power:
        """Whether its QEMU runs."""
        return Power.ON if self._machine.answer("power") == "1" else Power.OFF

    def press(self, action: PowerAction) -> None:
        """Do `action`."""
        if action is PowerAction.SOFT_OFF:
            self._machine.obey("shutdown", "")
        elif action is PowerAction.OFF:
            self._machine.obey("power", "0")
        elif action is not PowerAction.ON or self.power is Power.OFF:
            device = self.boot.take().device
            is_cd = device is BootDevice.CDROM and self._fetched()
            self._order.write_text("cdrom" if is_cd else _ORDERS.get(device, "none"))
            self._machine.obey("reset", "")

    def _fetched(self) -> bool:
        curl = [debian.program("curl", "curl"), "--silent", "--show-error", "--fail", "--output", str(self._cd)]
        return subprocess.run([*curl, self.drive.image], check=False, timeout=_FETCH_S).returncode == 0


@contextmanager
def redfish_bmc(hardware: Hardware) -> Iterator[BmcLogin]:
    """A BMC with this machine behind it, off. The machine loses its power with it."""
    hardware.install()
    (hardware.folder / "boot").write_text("none")
    chassis, hall = QemuChassis(hardware.folder, hardware.cd), SimulatedBmcs()
    facts = MachineFacts(hardware.folder.name, tuple(hardware.macs), boot_mode=hardware.firmware.boot_mode)
    bmc = RedfishBmc(chassis, Account(USER, PASSWORD), hall.loop.call_later, hall.loop.time, facts=facts)
    endpoint = asyncio.run_coroutine_threadsafe(serve_redfish(bmc), hall.loop).result()
    try:
        yield BmcLogin(f"redfish+http://127.0.0.1:{endpoint.port}", USER, PASSWORD)
    finally:
        asyncio.run_coroutine_threadsafe(endpoint.close(), hall.loop).result()
        hall.stop()
        chassis.press(PowerAction.OFF)
