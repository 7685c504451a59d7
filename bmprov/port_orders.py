"""What each switch port of a machine must carry, by what is being done to the machine. Pure.

One rule is above all others: a port carries the provisioning VLAN only while the ramdisk runs, a tenant's VLAN only
while that tenant has the machine, and else it is disabled, in a VLAN that leads nowhere.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bmprov.adoption import adopt
from bmprov.cabling import Interface, ManagedSwitch, NicCabling, PortPlace
from bmprov.carrier import Carrier
from bmprov.errors import Invalid
from bmprov.model import BondMode, Machine
from bmprov.payload import InstanceRequest, NicRequest
from bmprov.switch import Change, PortSetting
from bmprov.vlan_map import VlanMap


@dataclass(frozen=True)
class PortOrder:
    """What one interface must carry. `enabled` ones are open to a machine; `purpose` says why, in words."""

    interface: Interface
    setting: PortSetting
    enabled: bool
    purpose: str

    @property
    def change(self) -> Change:
        """The same, for the switch."""
        return Change(self.interface.name, self.setting, self.enabled)

    def __str__(self) -> str:
        return f"{self.setting}{'' if self.enabled else ', disabled'}"


@dataclass(frozen=True)
class PortView:
    """A machine's ports as the store has them: its site's switches, its NICs' cables, and what is open for it.

    What is open for it may be on a switch that has moved to another site since; it is closed there all the same.
    `others` are those of its ports that are open for another machine, whose name is the value.
    """

    switches: tuple[ManagedSwitch, ...] = ()
    cabling: Mapping[str, NicCabling] = field(default_factory=dict)
    opened: tuple[Interface, ...] = ()
    others: Mapping[Interface, str] = field(default_factory=dict)

    @property
    def managed(self) -> bool:
        """Whether there is a switch to be told of the machine."""
        return bool(self.switches or self.opened)

    @property
    def conflicts(self) -> tuple[str, ...]:
        """What contradicts the cabling, each as a sentence."""
        in_doubt = [f"NIC {mac}: {told}" for mac, nic in self.cabling.items() for told in nic.conflicts]
        return (*in_doubt, *(f"port {port} is open for machine '{name}'" for port, name in self.others.items()))

    def check(self, machine: Machine) -> None:
        """Refuse to go on where the cabling contradicts itself.

        Raises:
            Invalid: it does.
        """
        if self.conflicts:
            raise Invalid(
                f"the cabling of {machine.name} is in doubt: {'; '.join(self.conflicts)}",
                f"see `bmprov network check {machine.name}`, look at the cable, then `bmprov cable set`",
            )


def provisioning(machine: Machine, view: PortView) -> list[PortOrder]:
    """While the ramdisk runs: the NIC that boots is on the provisioning network, the others hear LLDP and no more.

    Raises:
        Invalid: the cabling contradicts itself.
    """
    view.check(machine)
    boots = machine.netboot_nic
    made = dict[Interface, PortOrder]()
    for mac, place in _places(view).items():
        interface = place.interface
        if boots is not None and mac == boots.mac:
            setting = PortSetting.access(place.switch.provisioning_vlan)
            made[interface] = PortOrder(interface, setting, enabled=True, purpose="provisioning")
        elif interface not in made:
            setting = PortSetting.access(place.switch.quarantine_vlan)
            made[interface] = PortOrder(interface, setting, enabled=True, purpose="quarantine")
    return _closed_first(view, made)


def tenants(machine: Machine, view: PortView, request: InstanceRequest, vlan_map: VlanMap) -> list[PortOrder]:
    """While an instance has the machine: each of its NICs is on the VLAN that CloudStack issued, the others nowhere.

    So is every member of a bond. A NIC whose port is not known has no order.

    Raises:
        Invalid: the cabling contradicts itself, a network of the instance is none that its port may carry, or a bond by
            LACP is in no link aggregation of its switch.
        NoCapacity: the machine has too few NICs.
    """
    view.check(machine)
    carriers, places = adopt(request.nics, machine.nics), _places(view)
    made = dict[Interface, PortOrder]()
    for nic in request.nics:
        carrier = carriers[nic.nic_uuid]
        for place in (places[member.mac] for member in carrier.nics if member.mac in places):
            _check_aggregated(carrier, place)
            setting = PortSetting.access(_vlan(nic, place.switch, vlan_map))
            order = PortOrder(place.interface, setting, enabled=True, purpose=f"NIC {nic.position}")
            if made.setdefault(place.interface, order).setting != setting:
                raise Invalid(
                    f"{made[place.interface].purpose} and {order.purpose} share {place.interface}, and want two VLANs",
                    "cable them to ports that are not aggregated, or give the instance one network",
                )
    return _closed_first(view, made)


def _check_aggregated(carrier: Carrier, place: PortPlace) -> None:
    """Refuse a bond that its switch would not answer: it would come up on no port."""
    if carrier.bond_mode is BondMode.LACP and not place.aggregate:
        raise Invalid(
            f"{carrier.bond} is by LACP, and {place} is in no link aggregation",
            "make one on the switch, and tell it: `bmprov cable set MACHINE NIC SWITCH PORT --aggregate …`",
        )


def _vlan(nic: NicRequest, switch: ManagedSwitch, vlan_map: VlanMap) -> int:
    vlan = vlan_map.vlan_of(nic.broadcast_uri)
    if vlan not in switch.vlans or vlan in switch.own_vlans:
        raise Invalid(
            f"VLAN {vlan} of NIC {nic.position} is not one that switch {switch.name} has for tenants ({switch.vlans})",
            f"use another network, or give it that VLAN: `bmprov switch set {switch.name} --vlans …`",
        )
    return vlan


def isolated(view: PortView) -> list[PortOrder]:
    """While nobody has the machine, or something is wrong with it: no port of its own leads anywhere."""
    return _closed_first(view, {})


def unknown(machine: Machine, view: PortView) -> list[str]:
    """The MACs of the NICs whose port nobody has told."""
    places = _places(view)
    return [nic.mac for nic in machine.nics if nic.mac not in places]


def _closed_first(view: PortView, made: Mapping[Interface, PortOrder]) -> list[PortOrder]:
    """The orders made, behind those that close whatever else is the machine's."""
    mine = dict.fromkeys([*view.opened, *(place.interface for place in _places(view).values())])
    idle = [interface for interface in mine if interface not in made and interface not in view.others]
    return [_close(interface) for interface in idle] + list(made.values())


def _close(interface: Interface) -> PortOrder:
    setting = PortSetting.access(interface.switch.quarantine_vlan)
    return PortOrder(interface, setting, enabled=False, purpose="quarantine")


def _places(view: PortView) -> dict[str, PortPlace]:
    return {mac: nic.place for mac, nic in view.cabling.items() if nic.place is not None}


def by_switch(orders: Iterable[PortOrder]) -> dict[ManagedSwitch, list[PortOrder]]:
    """The orders of each switch, in their order."""
    grouped = dict[ManagedSwitch, list[PortOrder]]()
    for order in orders:
        grouped.setdefault(order.interface.switch, []).append(order)
    return grouped
