"""Tells of machines that an operation wants booted and that are not answered: no address is left, no loader is there.

The log has each of them. The operation's timeline has each reason once, because that is where an operator looks.
"""

from collections import OrderedDict
from collections.abc import Callable

from pxe.dhcp.packet import Packet
from pxe.dhcp.policy import Answer, Ignored, Wanted

_KEPT = 10_000


class Refusals:
    """Watches what is not answered. `tell` is given each operation's reasons once, with the MAC that asked."""

    def __init__(self, tell: Callable[[Wanted, str, str], None]) -> None:
        self._tell = tell
        self._told: OrderedDict[tuple[str, str], None] = OrderedDict()

    def saw(self, asked: Packet, told: Answer | Ignored) -> None:
        """A request came in, and this became of it."""
        if not isinstance(told, Ignored) or not told.costs_a_boot or not isinstance(told.wanted, Wanted):
            return
        key = (told.wanted.operation_id, told.why)
        if key in self._told:
            return
        self._told[key] = None
        if len(self._told) > _KEPT:
            self._told.popitem(last=False)
        self._tell(told.wanted, asked.mac, told.why)

    def tick(self) -> None:
        """Nothing is due."""
