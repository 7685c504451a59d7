"""Which driver a machine's BMC wants, by the scheme of its address. The only place where a BMC's password is opened."""

from bmprov.errors import Fatal
from bmprov.model import Bmc, BootMode, Machine
from bmprov.power import BmcLogin, PowerDriver
from bmprov.queue import JobQueue
from bmprov.vault import Vault
from worker.drivers.fake import FakeDriver
from worker.drivers.ipmi import IpmiDriver
from worker.drivers.preferred import PreferredDriver


class Drivers:
    """Makes the power driver of a machine."""

    def __init__(self, vault: Vault, queue: JobQueue) -> None:
        self._vault = vault
        self._queue = queue
        self._suites: dict[str, int] = {}  # the cipher suite that each BMC has agreed to, so that it is asked once

    def of(self, machine: Machine) -> PowerDriver:
        """The driver of this machine's BMC, or of its two.

        Raises:
            Fatal: no driver knows the scheme of an address, or a password does not open.
        """
        first = self._of(machine, machine.bmc)
        if machine.second_bmc is None:
            return first
        return PreferredDriver(machine.name, first, self._of(machine, machine.second_bmc))

    def _of(self, machine: Machine, bmc: Bmc) -> PowerDriver:
        uefi = machine.boot_mode is BootMode.UEFI
        match bmc.address.partition("://")[0]:
            case "fake":
                return FakeDriver(machine.reading.power)
            case "ipmi":
                return IpmiDriver(self._login(bmc), self._queue, self._suites, uefi=uefi)
            case "redfish" | "redfish+http":
                from worker.drivers.redfish import RedfishDriver  # sushy takes 0.2 s and 20 MiB, for those who need it
                from worker.drivers.session_memory import SharedSessions

                sessions = SharedSessions(self._queue, self._vault)
                return RedfishDriver(self._login(bmc), self._queue, sessions, uefi=uefi)
            case scheme:
                raise Fatal(
                    f"no driver speaks '{scheme}' to the BMC of {machine.name}", "use ipmi:// or redfish://HOST[:PORT]"
                )

    def _login(self, bmc: Bmc) -> BmcLogin:
        password = self._vault.open(bmc.sealed_password).decode()
        return BmcLogin(bmc.address, bmc.user, password, bmc.cipher_suites, bmc.trust)
