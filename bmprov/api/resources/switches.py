"""Routes of switches."""

from collections import Counter
from http import HTTPMethod

from bmprov.api.routing import API, route
from bmprov.api.shapes.base import Key
from bmprov.api.shapes.page import PageQuery, page_of
from bmprov.api.shapes.switch import SwitchIn, SwitchList, SwitchOut, SwitchPatch
from bmprov.orders import Caller
from bmprov.orders.switches import switch_named
from bmprov.roles import ADMINS, READERS
from bmprov.services import Services
from bmprov.store import Transaction

_ALL = f"{API}/switches"
_ONE = f"{_ALL}/{{name}}"


class Switches:
    """Switches whose ports bmprov sets, by name or id."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @route(HTTPMethod.POST, _ALL, roles=ADMINS, answers={201: SwitchOut})
    def add(self, body: SwitchIn, caller: Caller) -> SwitchOut:
        """Add a switch; nothing is said to it until a machine is cabled to it and deployed."""
        return self.one(self._services.orders.add_switch(body.to_order(), caller).id)

    @route(HTTPMethod.GET, _ALL, roles=READERS, answers={200: SwitchList})
    def all(self, query: PageQuery) -> SwitchList:
        """List the switches by name."""
        with self._services.store.read() as transaction:
            every, cables = transaction.switches.all(), _cables(transaction)
        switches, after = page_of(every, query, "switches", (str,), lambda switch: (switch.name,))
        return SwitchList(switches=[SwitchOut.of(switch, cables[switch.id]) for switch in switches], next=after)

    @route(HTTPMethod.GET, _ONE, roles=READERS, answers={200: SwitchOut})
    def one(self, name: Key) -> SwitchOut:
        """Show a switch: its VLANs, its uplinks, when it was heard, what went wrong."""
        with self._services.store.read() as transaction:
            switch = switch_named(transaction, name)
            return SwitchOut.of(switch, _cables(transaction)[switch.id])

    @route(HTTPMethod.PUT, _ONE, roles=ADMINS, answers={200: SwitchOut})
    def change(self, name: Key, body: SwitchPatch, caller: Caller) -> SwitchOut:
        """Change a switch; what is left out stays as it is."""
        return self.one(self._services.orders.change_switch(name, body.to_order(), caller).id)

    @route(HTTPMethod.DELETE, _ONE, roles=ADMINS, answers={204: None})
    def remove(self, name: Key, caller: Caller) -> None:
        """Forget a switch to which nothing is cabled; its ports stay as they are."""
        self._services.orders.remove_switch(name, caller)


def _cables(transaction: Transaction) -> Counter[str]:
    """How many NICs are entered for each switch, by id."""
    return Counter(cable.switch_id for cable in transaction.cabling.entered())
