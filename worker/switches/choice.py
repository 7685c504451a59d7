"""Which driver a switch wants, by its address. The only place where a switch's password is opened."""

from collections.abc import Collection

from bmprov.cabling import ManagedSwitch
from bmprov.queue import JobQueue
from bmprov.switch import Bounds, Switch, SwitchLogin
from bmprov.switch_address import FAKE, LINUX_BRIDGE, SwitchAddress
from bmprov.vault import Vault
from bmprov.vlans import VlanRanges
from worker.drivers.manners import login_name
from worker.switches.fake import FakeSwitch
from worker.switches.guarded import GuardedSwitch
from worker.switches.manners import SwitchManners
from worker.switches.switch_lock import QueueSwitchLock, SwitchLock

_ROOT = "root"
_AS_ROOT = ("sudo", "-n")


class Switches:
    """Makes the drivers of switches, none of which goes beyond its bounds."""

    def __init__(self, vault: Vault, queue: JobQueue) -> None:
        self._vault = vault
        self._queue = queue
        self._lock = QueueSwitchLock(queue)

    def of(self, switch: ManagedSwitch, cabled: Collection[str]) -> Switch:
        """The driver of a switch of which `cabled` ports may be touched.

        Raises:
            Invalid: no driver knows its address.
            Fatal: its password does not open.
        """
        vlans = VlanRanges.of({*switch.vlans, *switch.own_vlans})
        bounds = Bounds(frozenset(cabled), frozenset(switch.uplinks), vlans)
        return GuardedSwitch(switch.name, self._driver(switch, cabled), bounds)

    def _driver(self, switch: ManagedSwitch, cabled: Collection[str]) -> Switch:
        address = SwitchAddress.parse(switch.address)
        if address.dialect == FAKE:
            return FakeSwitch(switch.address, {*cabled, *switch.uplinks}, self._queue, self._lock_of(switch))
        if address.dialect == LINUX_BRIDGE:
            return self._bridge(switch, address)
        from worker.switches.command_line import CommandLineSwitch  # netmiko takes 0.4 s, for those who need it
        from worker.switches.dialects import DIALECTS

        return CommandLineSwitch(self._login(switch), DIALECTS[address.dialect], self._lock_of(switch))

    def _bridge(self, switch: ManagedSwitch, address: SwitchAddress) -> Switch:
        from worker.switches.commands import LocalCommands, SshCommands  # paramiko, likewise
        from worker.switches.linux_bridge import LinuxBridgeSwitch

        prefix = () if switch.user in ("", _ROOT) else _AS_ROOT
        commands = SshCommands(self._login(switch), prefix) if address.host else LocalCommands(prefix)
        return LinuxBridgeSwitch(switch.address, address.bridge, commands, self._lock_of(switch))

    def _lock_of(self, switch: ManagedSwitch) -> SwitchLock:
        login = login_name(switch.address, switch.user, b"".join(_secrets(switch)))
        return SwitchManners(self._lock, self._queue, login)

    def _login(self, switch: ManagedSwitch) -> SwitchLogin:
        password, enable, key = (self._vault.open(sealed).decode() if sealed else "" for sealed in _secrets(switch))
        return SwitchLogin(switch.address, switch.user, password, enable, switch.host_key, switch.create_vlans, key)


def _secrets(switch: ManagedSwitch) -> tuple[bytes, bytes, bytes]:
    return switch.sealed_password, switch.sealed_enable, switch.sealed_key
