"""Routes of the extension: one for each of CloudStack's actions.

`answer` is the object that the extension prints. Where a machine has to be waited for there is an `operation` instead,
and the extension polls it. Asking again while it runs gives the same operation.
"""

from collections.abc import Mapping
from http import HTTPMethod

from flask import request
from pydantic import BaseModel

from bmprov.api.routing import API, route
from bmprov.api.shapes.cloudstack import Answered, Payload
from bmprov.api.shapes.operation import OperationBegun
from bmprov.model import Operation
from bmprov.orders import Answer, Caller, for_account
from bmprov.roles import CLOUDS
from bmprov.services import Services

_AT = f"{API}/cloudstack"
_EITHER: Mapping[int, type[BaseModel]] = {200: Answered, 202: OperationBegun}


class CloudStack:
    """CloudStack's actions. Only an extension's token may ask: its cloud decides which instances are meant."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @route(HTTPMethod.POST, f"{_AT}/prepare", roles=CLOUDS, answers=_EITHER)
    def prepare(self, body: Payload, caller: Caller) -> Answered | OperationBegun:
        """Reserve a machine and tell the MACs of its NICs; of a MAAS machine, as the `answer` of the operation."""
        return self._told(self._services.orders.prepare(body.root, for_account(body.root, caller)))

    @route(HTTPMethod.POST, f"{_AT}/create", roles=CLOUDS, answers=_EITHER)
    def create(self, body: Payload, caller: Caller) -> Answered | OperationBegun:
        """Deploy an instance."""
        return self._told(self._services.orders.create(body.root, for_account(body.root, caller)))

    @route(HTTPMethod.POST, f"{_AT}/start", roles=CLOUDS, answers=_EITHER)
    def start(self, body: Payload, caller: Caller) -> Answered | OperationBegun:
        """Switch an instance's machine on."""
        return self._told(self._services.orders.start(body.root, for_account(body.root, caller)))

    @route(HTTPMethod.POST, f"{_AT}/stop", roles=CLOUDS, answers=_EITHER)
    def stop(self, body: Payload, caller: Caller) -> Answered | OperationBegun:
        """Shut an instance's machine down; an instance that does not exist is stopped."""
        return self._told(self._services.orders.stop(body.root, for_account(body.root, caller)))

    @route(HTTPMethod.POST, f"{_AT}/reboot", roles=CLOUDS, answers=_EITHER)
    def reboot(self, body: Payload, caller: Caller) -> Answered | OperationBegun:
        """Restart an instance's machine."""
        return self._told(self._services.orders.reboot(body.root, for_account(body.root, caller)))

    @route(HTTPMethod.POST, f"{_AT}/delete", roles=CLOUDS, answers=_EITHER)
    def delete(self, body: Payload, caller: Caller) -> Answered | OperationBegun:
        """Give an instance's machine back; an instance that does not exist is deleted."""
        return self._told(self._services.orders.delete(body.root, for_account(body.root, caller)))

    @route(HTTPMethod.POST, f"{_AT}/custom", roles=CLOUDS, answers={202: OperationBegun})
    def custom(self, body: Payload, caller: Caller) -> OperationBegun:
        """Carry out a custom action on an instance's machine; the operation's `answer` is what it tells."""
        operation = self._services.orders.custom(body.root, for_account(body.root, caller))
        self._services.nudge(operation)
        return OperationBegun.of(operation)

    @route(HTTPMethod.POST, f"{_AT}/getconsole", roles=CLOUDS, answers={200: Answered})
    def getconsole(self, body: Payload, caller: Caller) -> Answered:
        """Tell where the console of an instance's machine is, for one browser, once, within a minute."""
        url = self._services.console_url(self._services.orders.console(body.root, caller), request.host)
        return Answered(answer={"status": "success", "console": {"url": url, "protocol": "direct"}})

    @route(HTTPMethod.POST, f"{_AT}/status", roles=CLOUDS, answers={200: Answered})
    def status(self, body: Payload, caller: Caller) -> Answered:
        """Tell the power of an instance."""
        return Answered(answer=self._services.orders.status(body.root, caller))

    @route(HTTPMethod.POST, f"{_AT}/statuses", roles=CLOUDS, answers={200: Answered})
    def statuses(self, body: Payload, caller: Caller) -> Answered:
        """Tell the power of every instance of a CloudStack host, by internal name."""
        return Answered(answer=self._services.orders.statuses(body.root, caller))

    def _told(self, result: Operation | Answer) -> Answered | OperationBegun:
        if not isinstance(result, Operation):
            return Answered(answer=result)
        self._services.nudge(result)
        return OperationBegun.of(result)
