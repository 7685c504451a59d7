"""Which console somebody gets who asks for one. No BMC is asked: what it offers was found when it was inspected."""

from dataclasses import dataclass

from bmprov.console import Admission
from bmprov.errors import Conflict
from bmprov.hardware import Console, ConsoleKind
from bmprov.model import Machine


@dataclass(frozen=True)
class ConsoleOrder:
    """A place at a serial console, to be turned into a ticket; or `graphical`, the address of the BMC's own."""

    machine: Machine
    admission: Admission
    graphical: str = ""


def order_console(machine: Machine, known: Console | None, admission: Admission) -> ConsoleOrder:
    """The console of a machine. When nobody knows what its BMC offers, `bmprov console` finds out.

    Raises:
        Conflict: it has none.
    """
    if known is not None and known.kind is ConsoleKind.NONE:
        raise Conflict(
            f"the BMC of machine '{machine.name}' offers no console",
            "enable Serial over LAN in its settings, then `bmprov machine check` sees it",
        )
    graphical = known.address if known is not None and known.kind is ConsoleKind.GRAPHICAL else ""
    return ConsoleOrder(machine, admission, graphical)
