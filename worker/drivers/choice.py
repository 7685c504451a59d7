"""Which drivers a BMC wants, by the scheme of its address. The only place where a BMC's password is opened."""

from functools import lru_cache

from bmprov.errors import Fatal
from bmprov.model import Bmc, BootMode, Machine
from bmprov.power import BmcLogin
from bmprov.queue import JobQueue
from bmprov.vault import Vault
from worker.drivers.bmc_lock import BmcLock
from worker.drivers.fake import FakeDriver, FakeMedia, FakeTools
from worker.drivers.ipmi import IpmiDriver
from worker.drivers.ipmi_session import Habit
from worker.drivers.ipmi_tools import IpmiTools
from worker.drivers.manners import Manners, login_name
from worker.drivers.no_media import NoMedia
from worker.drivers.preferred import PreferredDriver, PreferredTools
from worker.flow import MachineDrivers


class Drivers:
    """Makes the drivers of a machine. `urgent` is as `Manners` has it."""

    def __init__(self, vault: Vault, queue: JobQueue, *, urgent: bool) -> None:
        self._vault = vault
        self._urgent = urgent
        self._queue = queue
        # opened once: whoever could read it here could read the vault's key too
        self._password = lru_cache(maxsize=16_384)(lambda sealed: vault.open(sealed).decode())
        self.habits = dict[str, Habit]()  # of BMCs, so that each is asked once

    def of(self, machine: Machine) -> MachineDrivers:
        """The drivers of this machine's BMC, or of its two.

        Raises:
            Fatal: no driver knows the scheme of an address, or a password does not open.
        """
        first = self._of(machine, machine.bmc)
        if machine.second_bmc is None:
            return first
        second = self._of(machine, machine.second_bmc)
        return MachineDrivers(
            PreferredDriver(machine.name, first.power, second.power),
            PreferredTools(machine.name, first.tools, second.tools),
            second.media if isinstance(first.media, NoMedia) else first.media,
        )

    def _of(self, machine: Machine, bmc: Bmc) -> MachineDrivers:
        uefi = machine.boot_mode is BootMode.UEFI
        match bmc.address.partition("://")[0]:
            case "fake":
                return MachineDrivers(FakeDriver(machine.reading.power), FakeTools(), FakeMedia())
            case "ipmi":
                login, lock = self.login(bmc), self.lock(bmc)
                power = IpmiDriver(login, lock, self.habits, uefi=uefi)
                return MachineDrivers(power, IpmiTools(login, lock, self.habits), NoMedia(bmc.address))
            case "redfish" | "redfish+http":
                return self._redfish(self.login(bmc), self.lock(bmc), uefi=uefi)
            case scheme:
                raise Fatal(
                    f"no driver speaks '{scheme}' to the BMC of {machine.name}", "use ipmi:// or redfish://HOST[:PORT]"
                )

    def _redfish(self, login: BmcLogin, lock: BmcLock, *, uefi: bool) -> MachineDrivers:
        from worker.drivers.redfish import RedfishDriver  # sushy takes 0.2 s and 20 MiB, for those who need it
        from worker.drivers.redfish_media import RedfishMedia
        from worker.drivers.redfish_tools import RedfishTools
        from worker.drivers.session_memory import SharedSessions

        sessions = SharedSessions(self._queue, self._vault)
        power = RedfishDriver(login, lock, sessions, uefi=uefi)
        return MachineDrivers(power, RedfishTools(login, lock, sessions), RedfishMedia(login, lock, sessions))

    def lock(self, bmc: Bmc) -> Manners:
        """What holds a BMC."""
        return Manners(self._queue, self._queue, self.login_name(bmc), urgent=self._urgent)

    @staticmethod
    def login_name(bmc: Bmc) -> str:
        """Names the login of a BMC, for `Manners`."""
        return login_name(bmc.address, bmc.user, bmc.sealed_password)

    def login(self, bmc: Bmc) -> BmcLogin:
        """How to log in to a BMC.

        Raises:
            Fatal: its password does not open.
        """
        return BmcLogin(
            bmc.address, bmc.user, self._password(bmc.sealed_password), bmc.cipher_suites, bmc.trust, bmc.privilege
        )
