"""Routes of MAAS regions."""

from http import HTTPMethod

from bmprov.api.routing import API, route
from bmprov.api.shapes.base import Key
from bmprov.api.shapes.page import PageQuery, page_of
from bmprov.api.shapes.region import RegionIn, RegionList, RegionOut, RegionPatch
from bmprov.orders import Caller
from bmprov.orders.regions import region_named
from bmprov.roles import ADMINS, READERS
from bmprov.services import Services

_ALL = f"{API}/regions"
_ONE = f"{_ALL}/{{name}}"


class Regions:
    """MAAS regions, by name or id."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @route(HTTPMethod.POST, _ALL, roles=ADMINS, answers={201: RegionOut})
    def add(self, body: RegionIn, caller: Caller) -> RegionOut:
        """Add a MAAS region, whose machines are then listed by themselves."""
        return self.one(self._services.orders.add_region(body.to_order(), caller).id)

    @route(HTTPMethod.GET, _ALL, roles=READERS, answers={200: RegionList})
    def all(self, query: PageQuery) -> RegionList:
        """List the MAAS regions by name."""
        with self._services.store.read() as transaction:
            every, counts = transaction.regions.all(), transaction.regions.machine_counts()
        regions, after = page_of(every, query, "regions", (str,), lambda region: (region.name,))
        return RegionList(regions=[RegionOut.of(region, counts[region.name]) for region in regions], next=after)

    @route(HTTPMethod.GET, _ONE, roles=READERS, answers={200: RegionOut})
    def one(self, name: Key) -> RegionOut:
        """Show a MAAS region: when its machines were listed, how many they are, what went wrong."""
        with self._services.store.read() as transaction:
            region = region_named(transaction, name)
            return RegionOut.of(region, transaction.regions.machine_counts()[region.name])

    @route(HTTPMethod.PUT, _ONE, roles=ADMINS, answers={200: RegionOut})
    def change(self, name: Key, body: RegionPatch, caller: Caller) -> RegionOut:
        """Change a MAAS region; what is left out stays as it is."""
        return self.one(self._services.orders.change_region(name, body.to_order(), caller).id)

    @route(HTTPMethod.DELETE, _ONE, roles=ADMINS, answers={204: None})
    def remove(self, name: Key, caller: Caller) -> None:
        """Forget a MAAS region with its machines, none of which an instance has."""
        self._services.orders.remove_region(name, caller)
