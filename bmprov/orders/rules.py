"""What people may order of a machine in the state that it is in. Pure.

The orders ask here before they begin anything, and the page before it offers them, so that neither knows a rule that
the other does not. Which states an order fits stands in the one table of `bmprov.lifecycle`.
"""

from collections.abc import Mapping
from enum import StrEnum

from bmprov.errors import BmprovError, Conflict, Invalid
from bmprov.lifecycle import COURSES, Kind, State, advance
from bmprov.model import BackEnd, Machine, Operation
from bmprov.power import PowerAction


class Order(StrEnum):
    """What people order of one machine."""

    ON = "power-on"
    SOFT_OFF = "soft-off"
    CYCLE = "cycle"
    OFF = "power-off"
    RESET = "reset"
    CHECK = "check"
    INSPECT = "inspect"
    NETWORK_CHECK = "network-check"
    NETWORK_APPLY = "network-apply"
    MARK_FIXED = "mark-fixed"
    RELEASE = "release"
    REMOVE = "remove"


POWER: Mapping[Order, PowerAction] = {
    Order.ON: PowerAction.ON,
    Order.SOFT_OFF: PowerAction.SOFT_OFF,
    Order.CYCLE: PowerAction.CYCLE,
    Order.OFF: PowerAction.OFF,
    Order.RESET: PowerAction.RESET,
}
"""What the orders about power do to it."""

_KINDS = {Order.INSPECT: Kind.INSPECT, Order.RELEASE: Kind.RELEASE}
_INTERRUPTS = frozenset({Order.RELEASE})
_OF_SWITCHES = frozenset({Order.NETWORK_CHECK, Order.NETWORK_APPLY})
_CUTS_OFF = frozenset({Order.OFF, Order.RESET, Order.CYCLE, Order.RELEASE})


def refuse(order: Order, machine: Machine) -> None:
    """Refuse what does not fit the machine, whatever is being done to it.

    Raises:
        Conflict: an instance has it, or its state does not allow it.
        Invalid: it is not that kind of machine.
    """
    if order is Order.MARK_FIXED and machine.back_end is not BackEnd.MAAS:
        check = "end its maintenance with `bmprov machine maintenance`"
        raise Invalid(f"machine '{machine.name}' is not MAAS's", check)
    if order is Order.INSPECT and machine.instance_id is not None:
        raise Conflict(f"machine '{machine.name}' belongs to instance {machine.instance_id}", "release it instead")
    if order is Order.REMOVE and machine.instance_id is not None:
        raise Conflict(f"machine '{machine.name}' belongs to instance {machine.instance_id}", "delete it first")


def possible(order: Order, machine: Machine, running: Operation | None, *, has_switches: bool) -> bool:
    """Whether an order would be taken now. `running` is what is under way on the machine."""
    if running is not None and order not in _INTERRUPTS:
        return False
    if order in _OF_SWITCHES and not has_switches:
        return False
    try:
        refuse(order, machine)
        _begin(order, machine.state)
    except BmprovError:
        return False
    return True


def cuts_off(order: Order, machine: Machine) -> bool:
    """Whether a running instance loses its machine by it, at once or for a while."""
    return order in _CUTS_OFF and machine.state is State.ACTIVE and machine.instance_id is not None


def _begin(order: Order, state: State) -> None:
    event = COURSES[_KINDS[order]].begin if order in _KINDS else None
    if event is not None:
        advance(state, event)
