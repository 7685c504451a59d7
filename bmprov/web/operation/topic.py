"""What an operation's page shows, live."""

import math
from collections.abc import Mapping

from markupsafe import Markup

from bmprov.errors import NotFound
from bmprov.model import Operation
from bmprov.services import Services
from bmprov.store import Transaction
from bmprov.web.operation.view import OperationShown, answer, bounds, progress, rows
from bmprov.web.render import part

NAME = "operation"
_PARTS = ("head", "trouble", "facts", "progress", "course", "answer", "log")
_EVERY_S = 1.0  # bytes written stand in Redis, and the time axis grows, as long as it goes on


class OperationTopic:
    """One operation, by its id."""

    def __init__(self, services: Services, operation_id: str) -> None:
        self._services = services
        self._operation_id = operation_id
        self.every_s: float | None = _EVERY_S

    def look(self, transaction: Transaction) -> Mapping[str, Markup]:
        """The page's regions.

        Raises:
            NotFound: the operation's machine was removed, and the operation with it.
        """
        operation = transaction.operations.get(self._operation_id)
        if operation is None:
            raise no_operation(self._operation_id)
        self.every_s = None if operation.finished else _EVERY_S
        shown = self._shown(transaction, operation)
        return {f"operation-{one}": part("operation_parts.html", one, shown) for one in _PARTS}

    def _shown(self, transaction: Transaction, operation: Operation) -> OperationShown:
        now = float(math.floor(transaction.now))  # so that all who look in one second see the same
        runs = transaction.operations.steps_of(operation.id)
        begin, end = bounds(operation, [], max(now, operation.created_at))
        return OperationShown(
            operation=operation,
            instance=transaction.instances.get(operation.instance_id) if operation.instance_id else None,
            has_machine=transaction.machines.get(operation.machine_id) is not None,
            rows=rows(operation, runs, max(now, operation.created_at)),
            length_s=end - begin,
            progress=progress(operation, self._services.progress(operation), runs, now),
            answer=answer(operation.answer),
        )


def no_operation(operation_id: str) -> NotFound:
    """There is none with this id."""
    return NotFound(f"there is no operation {operation_id[:40]}", "it was of a machine that is removed, or never was")
