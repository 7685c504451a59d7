"""The switch ports of one machine, as a step moves them.

What is about to be opened is written down first, and struck off once its closing reads back: after any crash the store
names every port that may be open, so that none is forgotten.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from bmprov.adoption import adopt
from bmprov.cabling import Interface, ManagedSwitch
from bmprov.deadline import Deadline
from bmprov.errors import BmprovError, SwitchHeld, SwitchRefused
from bmprov.model import Machine
from bmprov.payload import InstanceRequest
from bmprov.port_orders import PortOrder, PortView, by_switch, isolated, provisioning, tenants, unknown
from bmprov.store import Store
from bmprov.switch import Change, Outcome, PortState, Switch
from bmprov.vlan_map import VlanMap


@dataclass(frozen=True)
class PortMover:
    """Moves ports. `driver_of` makes the driver of a switch, given the ports of it that may be touched."""

    store: Store
    driver_of: Callable[[ManagedSwitch, Collection[str]], Switch]
    vlan_map: VlanMap

    def of(self, machine: Machine) -> "MachinePorts":
        """The ports of a machine, as the store has them now."""
        with self.store.read() as transaction:
            view = transaction.ports.view(machine)
        return MachinePorts(self, machine, view)


@dataclass(frozen=True)
class MachinePorts:
    """The ports of a machine. All orders may be given twice; each raises what `bmprov.switch.Switch` raises.

    They return what was found and what is now, a sentence for each port.
    """

    mover: PortMover
    machine: Machine
    view: PortView

    @property
    def managed(self) -> bool:
        """Whether the machine's site has switches that bmprov sets."""
        return self.view.managed

    @property
    def unknown(self) -> list[str]:
        """The MACs of the NICs whose port nobody has told."""
        return unknown(self.machine, self.view) if self.managed else []

    def to_provisioning(self, by: Deadline) -> list[str]:
        """Let the ramdisk boot.

        Raises:
            Invalid: the cabling contradicts itself.
        """
        return self.move(provisioning(self.machine, self.view), by)

    def to_tenant(self, request: InstanceRequest, by: Deadline) -> list[str]:
        """Give the machine the networks of its instance, and no other.

        Raises:
            Invalid: the cabling contradicts itself, or a network is none that a port may carry.
        """
        return self.move(self.wished(request), by)

    def wished(self, request: InstanceRequest) -> list[PortOrder]:
        """What the ports must carry while this instance has the machine."""
        return tenants(self.machine, self.view, request, self.mover.vlan_map)

    def carriers(self, request: InstanceRequest) -> list[str]:
        """The MACs of the NICs that carry the instance's."""
        return [nic.mac for carrier in adopt(request.nics, self.machine.nics).values() for nic in carrier.nics]

    def networks(self, request: InstanceRequest) -> dict[str, str]:
        """What CloudStack calls the network that each NIC of the machine must be on, by MAC."""
        carriers = adopt(request.nics, self.machine.nics)
        names = {nic.nic_uuid: nic.broadcast_uri or "a network without a name" for nic in request.nics}
        return {member.mac: name for nic_uuid, name in names.items() for member in carriers[nic_uuid].nics}

    def read(self, interfaces: Iterable[Interface], by: Deadline) -> dict[Interface, PortState | str]:
        """What the switches have; a sentence in place of what one of them does not tell."""
        found = dict[Interface, PortState | str]()
        for switch, mine in groupby(interfaces, key=lambda interface: interface.switch):
            names = {interface.name: interface for interface in mine}
            try:
                states = self.mover.driver_of(switch, names).read(list(names), by)
                found |= {names[name]: state for name, state in states.items()}
            except BmprovError as error:
                found |= dict.fromkeys(names.values(), str(error))
        return found

    def plan(self, orders: Iterable[PortOrder], by: Deadline) -> dict[str, Sequence[str]]:
        """The exact lines that `move` would send, by the name of the switch."""
        planned = dict[str, Sequence[str]]()
        for switch, mine in by_switch(orders).items():
            driver = self.mover.driver_of(switch, {order.interface.name for order in mine})
            planned[switch.name] = driver.plan([order.change for order in mine], by).commands
        return planned

    def isolate(self, by: Deadline) -> list[str]:
        """Let no port of the machine lead anywhere. A switch that fails keeps no other one from being told."""
        told, failed = list[str](), None
        grouped = by_switch(isolated(self.view))
        for place, (switch, orders) in enumerate(grouped.items()):
            share_s = by.remaining_s / (len(grouped) - place)
            try:
                told += self._closed(switch, orders, by.within(share_s))
            except BmprovError as error:
                failed = failed or error
        if failed:
            raise failed
        return told

    def move(self, orders: Iterable[PortOrder], by: Deadline) -> list[str]:
        """Carry out orders, switch by switch, in one session each."""
        return [told for switch, mine in by_switch(orders).items() for told in self._moved(switch, mine, by)]

    def _moved(self, switch: ManagedSwitch, orders: Sequence[PortOrder], by: Deadline) -> list[str]:
        with self.mover.store.write() as transaction:
            transaction.ports.open(self.machine, [order.interface for order in orders if order.enabled])
        outcome = self._applied(switch, [order.change for order in orders], by)
        with self.mover.store.write() as transaction:
            transaction.ports.close(self.machine, [order.interface for order in orders if not order.enabled])
            transaction.switches.heard(switch.id)
        return [_told(order, outcome) for order in orders]

    def _closed(self, switch: ManagedSwitch, orders: Sequence[PortOrder], by: Deadline) -> list[str]:
        try:
            return self._moved(switch, orders, by)
        except SwitchRefused as refused:  # it may have no room for the quarantine VLAN
            self._applied(switch, [Change(order.interface.name, enabled=False) for order in orders], by)
            check = f"{refused.check}; until then they are disabled, and still in the VLANs that they had"
            raise SwitchRefused(refused.why, check) from refused

    def _applied(self, switch: ManagedSwitch, changes: Sequence[Change], by: Deadline) -> Outcome:
        ports = [change.port for change in changes]
        with self.mover.store.read() as transaction:
            cabled = transaction.cabling.ports_of(switch) | set(ports)
        try:
            return self.mover.driver_of(switch, cabled).apply(changes, by, save=switch.save)
        except BmprovError as error:
            if not isinstance(error, SwitchHeld):
                with self.mover.store.write() as transaction:
                    transaction.switches.heard(switch.id, error.why)
            error.concerns(f"{switch.name} {', '.join(ports)}")
            raise


def _told(order: PortOrder, outcome: Outcome) -> str:
    before, after = outcome.before[order.interface.name], outcome.after[order.interface.name]
    if before == after:
        return f"{order.interface} ({order.purpose}) is {after} already"
    return f"{order.interface} ({order.purpose}): {before} -> {after}"
