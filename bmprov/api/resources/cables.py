"""Routes of cables."""

from collections.abc import Iterator
from http import HTTPMethod

from bmprov.api.routing import API, route
from bmprov.api.shapes.base import Key
from bmprov.api.shapes.cable import (
    CableFileIn,
    CableFileOut,
    CableFilter,
    CableIn,
    CableList,
    CableOut,
    NicKey,
)
from bmprov.api.shapes.page import page_of
from bmprov.model import Machine
from bmprov.orders import Caller
from bmprov.orders.cable_entry import nic_named
from bmprov.orders.desk import named
from bmprov.orders.switches import switch_named
from bmprov.roles import OPERATORS, READERS
from bmprov.services import Services
from bmprov.store import Transaction

_ALL = f"{API}/cables"
_ONE = f"{_ALL}/{{machine}}/{{nic}}"
_MACHINES_AT_ONCE = 500


class Cables:
    """NICs and the switch ports that they are said to be on. A NIC is named by its MAC, or its position."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @route(HTTPMethod.POST, _ALL, roles=OPERATORS, answers={200: CableFileOut})
    def enter(self, body: CableFileIn, caller: Caller) -> CableFileOut:
        """Enter all cables of a file, or none when one of them is wrong."""
        return CableFileOut.of(self._services.orders.set_cables(body.to_order(), caller))

    @route(HTTPMethod.GET, _ALL, roles=READERS, answers={200: CableList})
    def all(self, query: CableFilter) -> CableList:
        """List which NIC is said to be on which port, by whom and when, and what holds."""
        with self._services.store.read() as transaction:
            switch = switch_named(transaction, query.switch) if query.switch else None
            machines = [named(transaction, query.machine)] if query.machine else transaction.machines.all()
            found = list(_cables(transaction, machines))
        wanted = [one for one in found if query.machine or one.facts]
        if switch is not None:
            wanted = [one for one in wanted if switch.name in _switches(one)]
        wanted = [one for one in wanted if one.conflicts or not query.conflicts]
        cables, after = page_of(wanted, query, "cables", (str, int), lambda one: (one.machine, one.position))
        return CableList(cables=list(cables), next=after)

    @route(HTTPMethod.GET, _ONE, roles=READERS, answers={200: CableOut})
    def one(self, machine: Key, nic: NicKey) -> CableOut:
        """Show all that is said of a NIC's cable."""
        with self._services.store.read() as transaction:
            found = named(transaction, machine)
            place = found.nics.index(nic_named(found, nic))
            return list(_cables(transaction, [found]))[place]

    @route(HTTPMethod.PUT, _ONE, roles=OPERATORS, answers={200: CableOut})
    def set(self, machine: Key, nic: NicKey, body: CableIn, caller: Caller) -> CableOut:
        """Enter a NIC's cable; what was heard before now does not speak against it any more."""
        self._services.orders.set_cable(machine, body.to_order(nic), caller)
        return self.one(machine, nic)

    @route(HTTPMethod.DELETE, _ONE, roles=OPERATORS, answers={204: None})
    def remove(self, machine: Key, nic: NicKey, caller: Caller) -> None:
        """Forget all that is said of a NIC's cable; what is true is heard again when the machine boots."""
        self._services.orders.remove_cable(machine, nic, caller)


def _cables(transaction: Transaction, machines: list[Machine]) -> Iterator[CableOut]:
    """The NICs of these machines."""
    switches = transaction.switches.all()
    for at in range(0, len(machines), _MACHINES_AT_ONCE):
        some = machines[at : at + _MACHINES_AT_ONCE]
        known = transaction.cabling.of([nic for machine in some for nic in machine.nics], switches)
        for machine in some:
            yield from (CableOut.at(machine, nic, known[nic.mac]) for nic in machine.nics)


def _switches(cable: CableOut) -> set[str]:
    """The switches of ours that somebody names for a NIC."""
    return {fact.place.switch for fact in cable.facts if fact.place}
