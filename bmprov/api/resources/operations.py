"""Routes of operations: what CloudStack's extension polls and what an operator looks at."""

from collections.abc import Sequence
from http import HTTPMethod

from bmprov.api.routing import API, route
from bmprov.api.shapes.base import Key
from bmprov.api.shapes.operation import OPERATIONS, OperationDetail, OperationFilter, OperationList, OperationOut
from bmprov.api.shapes.page import cut
from bmprov.errors import NotFound
from bmprov.model import Operation
from bmprov.orders import Caller
from bmprov.orders.desk import visible
from bmprov.roles import CLOUDS, OPERATORS, READERS
from bmprov.services import Services
from bmprov.store import Transaction

_ALL = f"{API}/operations"
_ONE = f"{_ALL}/{{operation_id}}"


class Operations:
    """What is being, and was, done to machines."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @route(HTTPMethod.GET, _ALL, roles=READERS, answers={200: OperationList})
    def all(self, query: OperationFilter) -> OperationList:
        """List operations, newest first."""
        with self._services.store.read() as transaction:
            found, after = _find(transaction, query)
        progress = self._services.progress_of(found) if query.unfinished else {}
        return OperationList(operations=[OperationOut.of(one, progress.get(one.id)) for one in found], next=after)

    @route(HTTPMethod.GET, _ONE, roles=READERS | CLOUDS, answers={200: OperationDetail})
    def one(self, operation_id: Key, caller: Caller) -> OperationDetail:
        """Show an operation with its timeline and its progress."""
        with self._services.store.read() as transaction:
            operation = transaction.operations.get(operation_id)
            steps = transaction.operations.steps_of(operation_id)
        if operation is None or not visible(operation, caller):
            raise NotFound(f"there is no operation {operation_id}", "look with `bmprov operation list`")
        return OperationDetail.with_steps(operation, steps, self._services.progress(operation))

    @route(HTTPMethod.POST, f"{_ONE}/cancel", roles=OPERATORS | CLOUDS, answers={200: OperationDetail})
    def cancel(self, operation_id: Key, caller: Caller) -> OperationDetail:
        """Cancel an operation.

        It ends at once between two steps, else when its step has ended: then the answer is not yet `cancelled`.
        """
        self._services.nudge(self._services.orders.cancel(operation_id, caller))
        return self.one(operation_id, caller)


def _find(transaction: Transaction, query: OperationFilter) -> tuple[Sequence[Operation], str | None]:
    if query.id is not None:
        return transaction.operations.find(query.id), None
    machine = transaction.machines.named(query.machine) if query.machine else None
    if query.machine and machine is None:
        raise NotFound(f"there is no machine '{query.machine}'", "look with `bmprov machine list`")
    found = transaction.operations.search(query.to_search(machine.id if machine else ""))
    return cut(found, query.limit, OPERATIONS, lambda operation: (operation.created_at, operation.id))
