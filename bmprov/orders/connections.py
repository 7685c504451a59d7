"""What is on the cables of a machine, NIC by NIC: the switch port, what it must carry, and the instance's network.

Which addresses and networks CloudStack issued stands in the instance's sealed payload, among secrets. It is opened here
for them alone: nothing else of it is returned.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from bmprov.adoption import adopt
from bmprov.cabling import Fact, Interface
from bmprov.errors import BmprovError, Refused
from bmprov.lifecycle import State
from bmprov.model import Machine, Nic
from bmprov.orders.desk import OrderDesk
from bmprov.payload import InstanceRequest, NicRequest, parse_request
from bmprov.port_orders import PortOrder, PortView, isolated, tenants
from bmprov.power import Power
from bmprov.store import Transaction


@dataclass(frozen=True)
class InstanceNetwork:
    """A network of the instance on one NIC: its name in CloudStack, the addresses, and an imposed MAC if there is one.

    `by_dhcp`: the network gives the addresses, which are those that CloudStack expects.
    """

    name: str
    addresses: tuple[str, ...] = ()
    imposed_mac: str = ""
    by_dhcp: bool = False


@dataclass(frozen=True)
class Connection:
    """One NIC. `port` is empty when nobody knows it, or when `conflicts` say why none holds; `facts` say who told it.

    `wanted` is what the port must carry while nothing is under way. `is_open`: it was opened for this machine and not
    closed since; `taken_by` names another machine that it is open for.
    """

    nic: Nic
    port: str = ""
    facts: tuple[Fact, ...] = ()
    conflicts: tuple[str, ...] = ()
    wanted: str = ""
    is_open: bool = False
    taken_by: str = ""
    network: InstanceNetwork | None = None


@dataclass(frozen=True)
class Connections:
    """All NICs of a machine. `managed`: bmprov sets switches at its site. `doubt`: why no network is known."""

    nics: tuple[Connection, ...]
    managed: bool
    doubt: str = ""


class ConnectionOrders(OrderDesk):
    """Asks what is connected; nothing is ordered."""

    def connections_of(self, transaction: Transaction, machine: Machine) -> Connections:
        """A machine's NICs as the store has them."""
        view = transaction.ports.view(machine)
        request, doubt = self._request_of(transaction, machine)
        networks = _networks(request, machine) if request and not doubt else {}
        wanted = self._wanted(machine, view, request)
        nics = tuple(_connection(nic, view, wanted, networks.get(nic.mac)) for nic in machine.nics)
        return Connections(nics, view.managed, doubt)

    def _request_of(self, transaction: Transaction, machine: Machine) -> tuple[InstanceRequest | None, str]:
        instance = transaction.instances.get(machine.instance_id) if machine.instance_id else None
        if instance is None:
            return None, ""
        try:
            return parse_request(json.loads(self._vault.open(instance.sealed_payload))), ""
        except (BmprovError, ValueError):
            return None, "what CloudStack asked for cannot be read with this service's key"

    def _wanted(
        self, machine: Machine, view: PortView, request: InstanceRequest | None
    ) -> Mapping[Interface, PortOrder]:
        serves = machine.state is State.ACTIVE and machine.reading.power is not Power.OFF
        try:
            orders = tenants(machine, view, request, self._vlan_map) if serves and request else isolated(view)
        except Refused:
            return {}
        return {order.interface: order for order in orders}


def _connection(
    nic: Nic, view: PortView, wanted: Mapping[Interface, PortOrder], network: InstanceNetwork | None
) -> Connection:
    cabling = view.cabling.get(nic.mac)
    if cabling is None or cabling.place is None:
        told = cabling.facts if cabling else ()
        return Connection(nic, facts=told, conflicts=cabling.conflicts if cabling else (), network=network)
    interface = cabling.place.interface
    order = wanted.get(interface)
    return Connection(
        nic,
        port=str(cabling.place),
        facts=cabling.facts,
        wanted=str(order) if order else "",
        is_open=interface in view.opened,
        taken_by=view.others.get(interface, ""),
        network=network,
    )


def _networks(request: InstanceRequest, machine: Machine) -> dict[str, InstanceNetwork]:
    try:
        carriers = adopt(request.nics, machine.nics)
    except Refused:
        return {}
    found = {nic.nic_uuid: _network(nic) for nic in request.nics}
    return {member.mac: found[nic_uuid] for nic_uuid, carrier in carriers.items() for member in carrier.nics}


def _network(nic: NicRequest) -> InstanceNetwork:
    addresses = tuple(filter(None, (nic.address, nic.address6)))
    imposed = nic.mac if nic.impose else ""
    return InstanceNetwork(nic.broadcast_uri or "a network without a name", addresses, imposed, by_dhcp=nic.by_dhcp)
