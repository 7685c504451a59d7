"""Which driver a machine's BMC wants, by the scheme of its address. The only place where a BMC's password is opened."""

from bmprov.errors import Fatal
from bmprov.model import BootMode, Machine
from bmprov.power import BmcLogin, PowerDriver
from bmprov.queue import JobQueue
from bmprov.vault import Vault
from worker.drivers.fake import FakeDriver
from worker.drivers.ipmi import IpmiDriver


class Drivers:
    """Makes the power driver of a machine."""

    def __init__(self, vault: Vault, queue: JobQueue) -> None:
        self._vault = vault
        self._queue = queue
        self._suites: dict[str, int] = {}  # the cipher suite that each BMC has agreed to, so that it is asked once

    def of(self, machine: Machine) -> PowerDriver:
        """The driver of this machine's BMC.

        Raises:
            Fatal: no driver knows the scheme of its address, or its password does not open.
        """
        scheme = machine.bmc.address.partition("://")[0]
        if scheme == "fake":
            return FakeDriver(machine.reading.power)
        if scheme == "ipmi":
            uefi = machine.boot_mode is BootMode.UEFI
            return IpmiDriver(self._login(machine), self._queue, self._suites, uefi=uefi)
        raise Fatal(f"no driver speaks '{scheme}' to the BMC of {machine.name}", "use ipmi://user@host:port")

    def _login(self, machine: Machine) -> BmcLogin:
        bmc = machine.bmc
        return BmcLogin(bmc.address, bmc.user, self._vault.open(bmc.sealed_password).decode(), bmc.cipher_suites)
