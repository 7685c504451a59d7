"""Which drivers a BMC wants, by the scheme of its address. The only place where a BMC's password is opened."""

from collections.abc import Callable
from functools import lru_cache

from bmprov.errors import Fatal
from bmprov.maas import place_of
from bmprov.model import Bmc, BootMode, Machine, Region
from bmprov.power import BmcLogin
from bmprov.queue import JobQueue
from bmprov.vault import Vault
from worker.drivers.bmc_lock import BmcLock
from worker.drivers.fake import FakeDriver, FakeMedia, FakeTools
from worker.drivers.ipmi import IpmiDriver
from worker.drivers.ipmi_session import Habit
from worker.drivers.ipmi_tools import IpmiTools
from worker.drivers.maas import MaasPower, MaasTools
from worker.drivers.manners import Manners, login_name
from worker.drivers.no_media import NoMedia
from worker.drivers.preferred import PreferredDriver, PreferredTools
from worker.flow import MachineDrivers
from worker.maas.calls import MaasRegion
from worker.maas.place import Place
from worker.maas.wire import RegionLogin, Wire


class Drivers:
    """Makes the drivers of a machine. `urgent` is as `Manners` has it, `region_of` finds a MAAS region by its name."""

    def __init__(
        self, vault: Vault, queue: JobQueue, *, urgent: bool, region_of: Callable[[str], Region | None] = lambda _: None
    ) -> None:
        self._region_of = region_of
        self._wires = dict[RegionLogin, Wire]()
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
            case "maas":
                place = self._place(machine)
                return MachineDrivers(MaasPower(place), MaasTools(place), NoMedia(bmc.address), place)
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

    def _place(self, machine: Machine) -> Place:
        found = place_of(machine.bmc.address)
        region = self._region_of(found[0]) if found else None
        if found is None or region is None:
            raise Fatal(f"the MAAS region of machine {machine.name} is not known", "look with `bmprov maas list`")
        return Place(region, self.calls_of(region), found[1], machine.instance_id or "")

    def calls_of(self, region: Region) -> MaasRegion:
        """The calls of a MAAS region; its connections are kept as long as its key is the same.

        Raises:
            Fatal: its key does not open.
        """
        login = RegionLogin(region.name, region.url, self._password(region.sealed_key), region.trust)
        if login not in self._wires:
            self._wires[login] = Wire(login)
        return MaasRegion(self._wires[login])

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
