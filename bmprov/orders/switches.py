"""The orders about switches: add, change, remove. What makes no sense is refused before any port is touched by it."""

import re
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bmprov.cabling import ManagedSwitch
from bmprov.errors import Conflict, Invalid, NotFound
from bmprov.mac import spelt
from bmprov.orders.desk import Caller, OrderDesk, note
from bmprov.port_names import checked_port, port_names
from bmprov.store import Transaction
from bmprov.switch_address import FAKE, LINUX_BRIDGE, SwitchAddress
from bmprov.vlans import VlanRanges, checked, written

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}", re.ASCII)
_SECRETS = {"password": "sealed_password", "enable": "sealed_enable", "key": "sealed_key"}


@dataclass(frozen=True)
class NewSwitch:
    """A switch to add. `vlans` is written as in `100-199,1577`; the other fields are those of `ManagedSwitch`."""

    name: str
    address: str
    vlans: str
    provisioning_vlan: int
    quarantine_vlan: int
    user: str = ""
    password: str = field(default="", repr=False)
    enable: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    host_key: str = ""
    uplinks: tuple[str, ...] = ()
    known_as: tuple[str, ...] = ()
    create_vlans: bool = True
    save: bool = False
    site: str = "default"


@dataclass(frozen=True)
class SwitchChange:
    """What is to change about a switch; None stays as it is. Its name stays, by which LLDP knows it."""

    address: str | None = None
    vlans: str | None = None
    provisioning_vlan: int | None = None
    quarantine_vlan: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    enable: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)
    host_key: str | None = None
    uplinks: tuple[str, ...] | None = None
    known_as: tuple[str, ...] | None = None
    create_vlans: bool | None = None
    save: bool | None = None
    site: str | None = None


class SwitchOrders(OrderDesk):
    """Orders about switches."""

    def add_switch(self, new: NewSwitch, caller: Caller) -> ManagedSwitch:
        """Enter a switch.

        Raises:
            Conflict: its name, its address, or what else it is called, is another's.
            Invalid: its fields make no sense, together or by themselves.
        """
        switch = ManagedSwitch(id=str(uuid.uuid4()), **self._switch_columns(asdict(new)))
        _refuse_nonsense(switch)
        with self._store.write() as transaction:
            transaction.one_at_a_time("switches")
            _refuse_namesakes(switch, transaction.switches.all())
            transaction.switches.add(switch)
            note(transaction, caller, "switch added", f"{switch.name} at {switch.address}")
            return switch_named(transaction, switch.id)

    def change_switch(self, name: str, change: SwitchChange, caller: Caller) -> ManagedSwitch:
        """Change a switch; what is not told stays.

        Raises:
            Conflict: another switch has its address or is called so, or the cables that are entered do not go with it.
            Invalid: its fields would make no sense.
        """
        told = {key: value for key, value in asdict(change).items() if value is not None}
        columns = self._switch_columns(told)
        with self._store.write() as transaction:
            transaction.one_at_a_time("switches")
            switch = switch_named(transaction, name)
            changed = replace(switch, **columns)
            _refuse_nonsense(changed)
            _refuse_namesakes(changed, transaction.switches.all())
            _refuse_lost_cables(switch, changed, transaction.cabling.ports_of(switch))
            _refuse_tenants_vlans(switch, changed, transaction.switches.open_for(switch))
            if columns:
                transaction.switches.change(switch.id, **columns)
                detail = f"{switch.name}: {', '.join(_shown(key, columns) for key in told)}"
                note(transaction, caller, "switch changed", detail)
            return switch_named(transaction, switch.id)

    def remove_switch(self, name: str, caller: Caller) -> None:
        """Forget a switch; its ports stay as they are.

        Raises:
            Conflict: NICs are cabled to it.
        """
        with self._store.write() as transaction:
            switch = switch_named(transaction, name)
            transaction.switches.remove(switch)
            note(transaction, caller, "switch removed", f"{switch.name} at {switch.address}")

    def _switch_columns(self, told: dict[str, Any]) -> dict[str, Any]:
        """The columns of `switches` for what was told: one spelling of address and MACs, secrets sealed."""
        columns = {name: value for name, value in told.items() if name not in _SECRETS}
        if "address" in told:
            columns["address"] = str(SwitchAddress.parse(told["address"]))
        if "vlans" in told:
            columns["vlans"] = VlanRanges.parse(told["vlans"])
        if "known_as" in told:
            columns["known_as"] = tuple(spelt(name) or name for name in told["known_as"])
        for name, column in _SECRETS.items():
            if name in told:
                columns[column] = self._vault.seal(told[name].encode())
        return columns


def switch_named(transaction: Transaction, name: str) -> ManagedSwitch:
    """The switch with this name or id.

    Raises:
        NotFound: there is none.
    """
    switch = transaction.switches.named(name)
    if switch is None:
        raise NotFound(f"there is no switch '{name}'", "look with `bmprov switch list`")
    return switch


def _refuse_nonsense(switch: ManagedSwitch) -> None:
    """What can be said of a switch without knowing any other."""
    for name in switch.uplinks:
        checked_port(switch.dialect, name)
    if switch.dialect != FAKE and SwitchAddress.parse(switch.address).host and not switch.user:
        raise Invalid(f"nobody logs in to switch '{switch.name}'", "give it the user that bmprov logs in as")
    if switch.host_key and not _FINGERPRINT.fullmatch(switch.host_key):
        raise Invalid(
            f"'{switch.host_key}' is no fingerprint of an SSH host key",
            "it is SHA256: and 43 characters, as `ssh-keyscan HOST | ssh-keygen -lf -` tells it",
        )
    if switch.save and switch.dialect == LINUX_BRIDGE:
        raise Invalid(
            "a Linux bridge has no configuration to save",
            "leave `save` out; what sets up the bridge when its host starts must keep its ports closed",
        )
    _refuse_vlans(switch)


def _refuse_vlans(switch: ManagedSwitch) -> None:
    provisioning, quarantine = checked(switch.provisioning_vlan), checked(switch.quarantine_vlan)
    if provisioning == quarantine:
        raise Invalid(
            f"VLAN {provisioning} cannot be both the provisioning and the quarantine VLAN",
            "a port that nobody has must not reach the network that machines boot from: take a VLAN that leads nowhere",
        )
    if not switch.vlans.ranges:
        raise Invalid(
            f"switch '{switch.name}' has no VLANs for tenants", "give those that CloudStack issues, as in 100-199,1577"
        )
    own = [vlan for vlan in (provisioning, quarantine) if vlan in switch.vlans]
    if own:
        what = "provisioning" if own[0] == provisioning else "quarantine"
        raise Invalid(
            f"the {what} VLAN {written(own[:1])} is inside the tenants' VLANs {switch.vlans}",
            "a tenant that was issued it would reach other machines: take it out of them",
        )


def _refuse_namesakes(switch: ManagedSwitch, others: Iterable[ManagedSwitch]) -> None:
    """LLDP and relays name a switch: two of one name could not be told apart."""
    for other in others:
        shared = switch.names & other.names if other.id != switch.id else None
        if shared:
            raise Conflict(
                f"switch '{other.name}' is called {', '.join(sorted(shared))} too", "LLDP could mean either of them"
            )


def _refuse_lost_cables(before: ManagedSwitch, after: ManagedSwitch, cabled: Iterable[str]) -> None:
    """A change must leave each cable that is entered a port that bmprov may set."""
    ports = sorted(cabled)
    look = f"see `bmprov cable list --switch {before.name}`"
    uplinks = [port for port in ports if port in after.uplinks]
    if uplinks:
        raise Conflict(f"NICs are cabled to port {', '.join(uplinks)} of switch '{before.name}', no uplink", look)
    strange = [port for port in ports if not port_names(after.dialect).has(port)]
    if strange:
        raise Conflict(
            f"NICs are cabled to port {', '.join(strange)} of switch '{before.name}', which {after.dialect} has not",
            look,
        )
    if ports and after.site != before.site:
        raise Conflict(f"NICs of site {before.site} are cabled to switch '{before.name}'", look)


def _refuse_tenants_vlans(before: ManagedSwitch, after: ManagedSwitch, machines: Iterable[str]) -> None:
    """A VLAN that a tenant may be in now must not become bmprov's own: the tenant would be in it."""
    taken = [vlan for vlan in sorted(after.own_vlans) if vlan in before.vlans]
    names = ", ".join(machines)
    if taken and names:
        raise Conflict(
            f"VLAN {taken[0]} is one of the tenants' on switch '{before.name}', which has open ports of {names}",
            "choose another VLAN, or wait until nobody has one of its ports",
        )


def _shown(name: str, columns: dict[str, Any]) -> str:
    """What the event log says of a field that was told: secrets are only named."""
    if name in _SECRETS:
        return name
    value = columns[name]
    return f"{name} {', '.join(value) if isinstance(value, tuple) else value}".rstrip()
