"""The views of an operation: its timeline, and the question whether to cancel it."""

import re
from functools import partial
from http import HTTPStatus

from flask import Blueprint, flash, redirect
from werkzeug.wrappers import Response

from bmprov.errors import NotFound
from bmprov.model import Operation
from bmprov.roles import OPERATORS, READERS
from bmprov.services import Services
from bmprov.store import Transaction
from bmprov.web.doings import doing
from bmprov.web.live.topic import Topics
from bmprov.web.machine.asked import Asked, cancel_asked
from bmprov.web.machine.page import asking, seen
from bmprov.web.operation.topic import NAME, OperationTopic, no_operation
from bmprov.web.render import page
from bmprov.web.visitor import allowed, visitor

_ID = re.compile(r"[0-9a-f-]{4,36}")


class OperationPage:
    """The pages under `/operations/`."""

    def __init__(self, services: Services, topics: Topics) -> None:
        self._services = services
        self._topics = topics
        topics.add_each(NAME, partial(OperationTopic, services))

    def register(self, blueprint: Blueprint) -> None:
        """Add their rules."""
        one = "/operations/<prefix>"
        blueprint.add_url_rule(one, view_func=self.operation)
        blueprint.add_url_rule(f"{one}/cancel", view_func=self.ask_cancel, methods=["GET"])
        blueprint.add_url_rule(f"{one}/cancel", view_func=self.cancel, methods=["POST"])

    @allowed(READERS)
    def operation(self, prefix: str) -> str:
        """The page of one operation, by its id or the beginning of it."""
        with self._services.store.read() as transaction:
            found = _found(transaction, prefix)
            state = self._topics.paint(f"{NAME}/{found.id}", transaction)
        return page("operation.html", title=f"{doing(found).capitalize()} of {found.machine_name}", state=state)

    @allowed(OPERATORS)
    def ask_cancel(self, prefix: str) -> Response:
        """Whether to cancel it."""
        return asking(self._asked(prefix)[0])

    @allowed(OPERATORS)
    def cancel(self, prefix: str) -> Response:
        """Cancel it. One that has ended meanwhile stays as it ended."""
        asked, operation = self._asked(prefix)
        if operation.finished:
            return asking(asked, HTTPStatus.CONFLICT)
        ended = self._services.orders.cancel(operation.id, visitor().caller)
        self._services.nudge(ended)
        what = f"{doing(ended).capitalize()} of {ended.machine_name}"
        flash(f"{what} is cancelled." if ended.finished else f"{what} ends when its step has ended.", "good")
        return redirect(f"/operations/{ended.id}", HTTPStatus.SEE_OTHER)

    def _asked(self, prefix: str) -> tuple[Asked, Operation]:
        with self._services.store.read() as transaction:
            operation = _found(transaction, prefix)
            machine = transaction.machines.get(operation.machine_id)
            if machine is None:
                raise no_operation(prefix)
            asked = cancel_asked(seen(transaction, machine), operation)
        if not operation.finished:
            return asked, operation
        by = f", cancelled by {operation.cancelled_by}" if operation.cancelled_by else ""
        return asked.refusing(f"It has ended already: {operation.state}{by}"), operation


def _found(transaction: Transaction, prefix: str) -> Operation:
    """The one operation whose id begins with `prefix`.

    Raises:
        NotFound: there is none, or there are several.
    """
    wanted = prefix.lower()
    found = transaction.operations.find(wanted) if _ID.fullmatch(wanted) else []
    if not found:
        raise no_operation(prefix)
    if len(found) > 1:
        raise NotFound(f"several operations begin with {wanted}", "give more of the id")
    return found[0]
