"""What somebody tried who may not, in the audit log: once a minute for each person and address, whatever they send."""

import time
from collections.abc import Callable

from flask import request

from bmprov.errors import Retryable
from bmprov.orders import Orders
from bmprov.web.visitor import known

_EVERY_S = 60.0
_REMEMBERED = 4096


class Refusals:
    """Notes refusals."""

    def __init__(self, orders: Orders, clock: Callable[[], float] = time.monotonic) -> None:
        self._orders = orders
        self._clock = clock
        self._noted: dict[tuple[str, str, str], float] = {}

    def note(self) -> None:
        """Note that the request which is being answered was refused. Of strangers nothing is noted."""
        looks = known()
        if looks is None:
            return
        what = (looks.name, request.method, request.path)
        if self._clock() - self._noted.get(what, -_EVERY_S) < _EVERY_S:
            return
        if len(self._noted) >= _REMEMBERED:
            self._noted.clear()
        self._noted[what] = self._clock()
        try:
            self._orders.note_refusal(looks.caller, f"{request.method} {request.path}, as {looks.role}")
        except Retryable:
            del self._noted[what]  # the refusal stands, and the next one is noted
