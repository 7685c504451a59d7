"""Routes of machines."""

from http import HTTPMethod

from flask import request

from bmprov.api.routing import API, route
from bmprov.api.shapes.base import Key
from bmprov.api.shapes.machine import (
    BmcsIn,
    ConsoleOut,
    Enrolled,
    FirmwareOrder,
    MachineIn,
    MachineList,
    MachineOut,
    MaintenanceOrder,
    NetworkOrder,
    NotesOrder,
    PlaceOrder,
    PowerOrder,
)
from bmprov.api.shapes.machine_filter import MACHINES, MachineFilter
from bmprov.api.shapes.nic import NicsOrder
from bmprov.api.shapes.operation import OperationBegun, OperationOut
from bmprov.api.shapes.page import cut
from bmprov.errors import NotFound
from bmprov.model import Operation
from bmprov.orders import Caller
from bmprov.roles import ADMINS, OPERATORS, READERS
from bmprov.services import Services

_ALL = f"{API}/machines"
_ONE = f"{_ALL}/{{name}}"


class Machines:
    """Physical servers, by name or id."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @route(HTTPMethod.POST, _ALL, roles=ADMINS, answers={202: Enrolled})
    def enrol(self, body: MachineIn, caller: Caller) -> Enrolled:
        """Enter a machine and begin to inspect it."""
        machine, operation = self._services.orders.enrol(body.to_order(), caller)
        self._services.nudge(operation)
        return Enrolled(machine=MachineOut.of(machine, operation), operation=OperationOut.of(operation))

    @route(HTTPMethod.GET, _ALL, roles=READERS, answers={200: MachineList})
    def all(self, query: MachineFilter) -> MachineList:
        """List the machines by name."""
        with self._services.store.read() as transaction:
            found = transaction.machines.search(query.to_search())
            machines, after = cut(found, query.limit, MACHINES, lambda machine: (machine.name,))
            running = transaction.operations.under_way(None if query.limit is None else [one.id for one in machines])
        told = [MachineOut.of(machine, running.get(machine.id)) for machine in machines]
        return MachineList(machines=told, next=after)

    @route(HTTPMethod.GET, _ONE, roles=READERS, answers={200: MachineOut})
    def one(self, name: Key) -> MachineOut:
        """Show a machine, its NICs, its power, and what is being done to it."""
        with self._services.store.read() as transaction:
            machine = transaction.machines.named(name)
            if machine is None:
                raise NotFound(f"there is no machine '{name}'", "look with `bmprov machine list`")
            cabling = transaction.cabling.of(machine.nics, transaction.switches.all())
            return MachineOut.of(machine, transaction.operations.unfinished_of(machine.id), cabling)

    @route(HTTPMethod.DELETE, _ONE, roles=ADMINS, answers={204: None})
    def remove(self, name: Key, caller: Caller) -> None:
        """Forget a machine that no instance has."""
        self._services.orders.remove(name, caller)

    @route(HTTPMethod.PUT, f"{_ONE}/maintenance", roles=OPERATORS, answers={200: MachineOut})
    def maintain(self, name: Key, body: MaintenanceOrder, caller: Caller) -> MachineOut:
        """Set or end a machine's maintenance."""
        machine = self._services.orders.maintenance(name, body.reason, caller)
        return self.one(machine.id)

    @route(HTTPMethod.PUT, f"{_ONE}/place", roles=OPERATORS, answers={200: MachineOut})
    def put_at(self, name: Key, body: PlaceOrder, caller: Caller) -> MachineOut:
        """Note where a machine stands, all of it anew: zone, pod, rack and units."""
        return self.one(self._services.orders.put_at(name, body.to_place(), caller).id)

    @route(HTTPMethod.PUT, f"{_ONE}/notes", roles=OPERATORS, answers={200: MachineOut})
    def note(self, name: Key, body: NotesOrder, caller: Caller) -> MachineOut:
        """Keep what people have to tell of a machine."""
        return self.one(self._services.orders.note(name, body.notes, caller).id)

    @route(HTTPMethod.PUT, f"{_ONE}/firmware", roles=ADMINS, answers={200: MachineOut})
    def set_firmware(self, name: Key, body: FirmwareOrder, caller: Caller) -> MachineOut:
        """Note how a machine boots, after its firmware was set up anew."""
        set_firmware, secure_boot = self._services.orders.set_firmware, body.secure_boot
        return self.one(set_firmware(name, body.boot_mode, body.boot_from, caller, secure_boot=secure_boot).id)

    @route(HTTPMethod.PUT, f"{_ONE}/bmcs", roles=ADMINS, answers={200: MachineOut})
    def set_bmcs(self, name: Key, body: BmcsIn, caller: Caller) -> MachineOut:
        """Note where a machine's BMCs are and how to log in to them, passwords included."""
        second = body.second_bmc.to_login() if body.second_bmc else None
        return self.one(self._services.orders.set_bmcs(name, body.bmc.to_login(), second, caller).id)

    @route(HTTPMethod.PUT, f"{_ONE}/nics", roles=ADMINS, answers={200: MachineOut})
    def set_nics(self, name: Key, body: NicsOrder, caller: Caller) -> MachineOut:
        """Note which NICs a machine that no instance has is fitted with, and which of them form bonds."""
        return self.one(self._services.orders.set_nics(name, body.to_nics(), caller).id)

    @route(HTTPMethod.POST, f"{_ONE}/power", roles=OPERATORS, answers={202: OperationBegun})
    def power(self, name: Key, body: PowerOrder, caller: Caller) -> OperationBegun:
        """Begin to switch a machine."""
        return self._begun(self._services.orders.power(name, body.action, caller))

    @route(HTTPMethod.POST, f"{_ONE}/check", roles=OPERATORS, answers={202: OperationBegun})
    def check(self, name: Key, caller: Caller) -> OperationBegun:
        """Begin to find out whether a machine can do what will be asked of it; the operation answers with findings."""
        return self._begun(self._services.orders.check(name, caller))

    @route(HTTPMethod.POST, f"{_ONE}/network/check", roles=OPERATORS, answers={202: OperationBegun})
    def check_network(self, name: Key, caller: Caller) -> OperationBegun:
        """Begin to compare a machine's switch ports with what CloudStack wants; the operation answers port by port."""
        return self._begun(self._services.orders.check_network(name, caller))

    @route(HTTPMethod.POST, f"{_ONE}/network/apply", roles=OPERATORS, answers={202: OperationBegun})
    def apply_network(self, name: Key, body: NetworkOrder, caller: Caller) -> OperationBegun:
        """Begin to set a machine's switch ports to what they must carry; a dry run answers with the commands."""
        return self._begun(self._services.orders.apply_network(name, caller, dry_run=body.dry_run))

    @route(HTTPMethod.POST, f"{_ONE}/mark-fixed", roles=OPERATORS, answers={202: OperationBegun})
    def mark_fixed(self, name: Key, caller: Caller) -> OperationBegun:
        """Begin to put a machine that is Broken in MAAS into use again."""
        return self._begun(self._services.orders.mark_fixed(name, caller))

    @route(HTTPMethod.POST, f"{_ONE}/console", roles=READERS, answers={200: ConsoleOut})
    def console(self, name: Key, caller: Caller) -> ConsoleOut:
        """Tell where the machine's console is, for one browser, once, within a minute; a viewer may only watch."""
        order = self._services.orders.console_of(name, caller)
        return ConsoleOut(url=self._services.console_url(order, request.host), graphical=bool(order.graphical))

    @route(HTTPMethod.POST, f"{_ONE}/inspect", roles=OPERATORS, answers={202: OperationBegun})
    def inspect(self, name: Key, caller: Caller) -> OperationBegun:
        """Begin to inspect a machine; one in `error` comes back into the pool by it."""
        return self._begun(self._services.orders.inspect(name, caller))

    @route(HTTPMethod.POST, f"{_ONE}/release", roles=OPERATORS, answers={202: OperationBegun})
    def release(self, name: Key, caller: Caller) -> OperationBegun:
        """Begin to give a machine back, whatever instance has it."""
        return self._begun(self._services.orders.release(name, caller))

    def _begun(self, operation: Operation) -> OperationBegun:
        self._services.nudge(operation)
        return OperationBegun.of(operation)
