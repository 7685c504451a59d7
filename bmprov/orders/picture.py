"""What somebody saw of a machine before they ordered something of it: two people, or two tabs, may look at one machine.

Whoever orders from a page sends along what it showed. When that has changed meanwhile, nothing is done, and they are
told who did what: they decide again, on the new picture.
"""

from dataclasses import dataclass
from typing import Self

from bmprov.errors import Conflict, Invalid
from bmprov.lifecycle import State
from bmprov.model import AuditEvent, Machine
from bmprov.quantities import span
from bmprov.store import Transaction

_LOOKED_THROUGH = 50
_TOLD = 3


@dataclass(frozen=True)
class Picture:
    """A machine's state, the instance that has it, and the newest entry about it in the audit log."""

    state: State
    instance_id: str
    event_id: int

    def __str__(self) -> str:
        return f"{self.state}.{self.event_id}.{self.instance_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """A picture as it was written into a form.

        Raises:
            Invalid: it is none.
        """
        state, _, rest = text.partition(".")
        event_id, _, instance_id = rest.partition(".")
        try:
            return cls(State(state), instance_id, int(event_id))
        except ValueError:
            raise Invalid("the form does not say what you saw of the machine", "reload the page") from None


class Outdated(Conflict):
    """The machine is not any more as it was seen. `since` is what happened to it, newest first."""

    def __init__(self, machine: Machine, saw: Picture, since: tuple[AuditEvent, ...], now: float) -> None:
        told = "; ".join(f"{one.actor}: {one.what}, {span(now - one.at)} ago" for one in since[:_TOLD])
        is_now = f"it was {saw.state} and is {machine.state}" if saw.state is not machine.state else ""
        why = "; ".join(filter(None, (told, is_now))) or "another instance has it"
        super().__init__(f"machine '{machine.name}' has changed since you looked ({why})", "look again, then decide")
        self.since = since


def picture_of(transaction: Transaction, machine: Machine) -> Picture:
    """A machine as it is now."""
    newest = transaction.events.newest(1, machine=machine.name)
    return Picture(machine.state, machine.instance_id or "", newest[0].id if newest else 0)


def refuse_outdated(transaction: Transaction, machine: Machine, saw: Picture, *matters: str) -> None:
    """Go on only if the machine is as it was seen. Until the transaction ends, nobody else who asks this goes on.

    `matters` are the names of the events that alone change the picture for this order; none: everything does.

    Raises:
        Outdated: something has happened to it.
    """
    transaction.one_at_a_time(f"orders of {machine.id}")
    if picture_of(transaction, machine) == saw:
        return
    events = transaction.events.newest(_LOOKED_THROUGH, machine=machine.name)
    since = tuple(one for one in events if one.id > saw.event_id and (not matters or one.what in matters))
    if since or not matters:
        raise Outdated(machine, saw, since, transaction.now)
