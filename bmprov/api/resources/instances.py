"""Routes of instances."""

from http import HTTPMethod

from bmprov.api.routing import API, route
from bmprov.api.shapes.base import Key
from bmprov.api.shapes.instance import InstanceList, InstanceOut, PowerOut
from bmprov.api.shapes.page import PageQuery, page_of
from bmprov.errors import NotFound
from bmprov.orders import Caller
from bmprov.roles import CLOUDS, READERS
from bmprov.services import Services

_ALL = f"{API}/instances"
_ONE = f"{_ALL}/{{instance_id}}"


class Instances:
    """CloudStack instances that have a machine."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @route(HTTPMethod.GET, _ALL, roles=READERS, answers={200: InstanceList})
    def all(self, query: PageQuery) -> InstanceList:
        """List the instances by name."""
        with self._services.store.read() as transaction:
            every = transaction.instances.all()
            instances, after = page_of(every, query, "instances", (str, str), lambda one: (one.name, one.id))
            theirs = None if query.limit is None else [one.machine_id for one in instances]
            machines = {machine.id: machine for machine in transaction.machines.of(theirs)}
            images = {image.id: image for image in transaction.images.all()}
        told = [InstanceOut.of(one, machines[one.machine_id], images.get(one.image_id or "")) for one in instances]
        return InstanceList(instances=told, next=after)

    @route(HTTPMethod.GET, _ONE, roles=READERS | CLOUDS, answers={200: InstanceOut})
    def one(self, instance_id: Key, caller: Caller) -> InstanceOut:
        """Show an instance and its machine."""
        with self._services.store.read() as transaction:
            found = transaction.instances.get(instance_id, caller.scope)
            machine = transaction.machines.get(found.machine_id) if found else None
            image = transaction.images.named(found.image_id) if found and found.image_id else None
        if found is None or machine is None:
            raise NotFound(f"there is no instance {instance_id} here", "it was never created, or it was deleted")
        return InstanceOut.of(found, machine, image)

    @route(HTTPMethod.GET, f"{_ONE}/power", roles=READERS | CLOUDS, answers={200: PowerOut})
    def power(self, instance_id: Key, caller: Caller) -> PowerOut:
        """Tell the power of an instance as CloudStack is told it, from the store alone."""
        return PowerOut.of(self._services.orders.told(instance_id, caller))
