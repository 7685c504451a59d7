"""What is asked before an order is given: a page of its own, or a dialogue where the browser runs scripts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from bmprov.errors import BmprovError
from bmprov.model import AuditEvent, Instance, Machine, Operation
from bmprov.orders import Outdated, Picture
from bmprov.orders.rules import Order, cuts_off
from bmprov.web.doings import doing
from bmprov.web.machine.view import PowerShown
from bmprov.web.machine.words import WORDS


@dataclass(frozen=True)
class Seen:
    """A machine as it is shown to whoever is asked."""

    machine: Machine
    power: PowerShown
    instance: Instance | None
    running: Operation | None
    picture: Picture


@dataclass(frozen=True)
class Asked:
    """A question. `typed`: the machine's name must be typed. `again`: whether going on is possible at all.

    `refused` is why nothing was done when it was tried, and `since` what others have done meanwhile.
    """

    title: str
    what: str
    button: str
    action: str
    back: str
    machine: Machine
    power: PowerShown
    saw: Picture
    instance: Instance | None = None
    running: Operation | None = None
    becomes: str = ""
    dangerous: bool = False
    typed: bool = False
    field: str = ""
    value: str = ""
    refused: str = ""
    since: Sequence[AuditEvent] = ()
    again: bool = True

    def after(self, error: BmprovError) -> "Asked":
        """The same question, once more, after it was not done."""
        since = error.since if isinstance(error, Outdated) else ()
        why = f"{self.machine.name} has changed since you looked" if since else str(error)
        return replace(self.refusing(why), since=since)

    def refusing(self, why: str) -> "Asked":
        """The same question, with the reason why it was not or cannot be done."""
        return replace(self, refused=f"{why[:1].upper()}{why[1:]}")


def order_asked(order: Order, seen: Seen, *, is_possible: bool) -> Asked:
    """Whether to give one of the orders."""
    words, name = WORDS[order], seen.machine.name
    dangerous = cuts_off(order, seen.machine) or order is Order.REMOVE
    asked = _asked(seen, f"{words.button} {name}?", f"orders/{order}", f"{words.button} {name}")
    return replace(
        asked, what=words.what, becomes=words.instance, dangerous=dangerous, typed=dangerous, again=is_possible
    )


def maintenance_asked(seen: Seen, reason: str = "") -> Asked:
    """Why nothing should be placed on the machine; or whether it may again."""
    name = seen.machine.name
    if seen.machine.maintenance:
        asked = _asked(seen, f"End the maintenance of {name}?", "maintenance", f"End the maintenance of {name}")
        set_by = f"Set by {seen.machine.maintenance_by}: {seen.machine.maintenance}."
        return replace(asked, what=f"{set_by} Instances may be placed on it again.")
    asked = _asked(seen, f"Maintenance of {name}", "maintenance", f"Put {name} into maintenance")
    what = "No instance is placed on it until the maintenance ends. Its power and its ports stay as they are."
    return replace(asked, what=what, field="reason", value=reason, becomes="It goes on running.")


def notes_asked(seen: Seen, notes: str | None = None) -> Asked:
    """What people have to tell of the machine."""
    asked = _asked(seen, f"Notes of {seen.machine.name}", "notes", "Keep the notes")
    return replace(asked, what="", running=None, field="notes", value=seen.machine.notes if notes is None else notes)


def cancel_asked(seen: Seen, operation: Operation) -> Asked:
    """Whether to cancel what is under way."""
    name, what = seen.machine.name, doing(operation)
    asked = _asked(seen, f"Cancel {what} of {name}?", "", f"Cancel {what} of {name}")
    ends = "It ends when the step that it is in has ended. A deployment that is cancelled leaves the machine off."
    page = f"/operations/{operation.id}"
    return replace(asked, what=ends, action=f"{page}/cancel", back=page, dangerous=True, again=not operation.finished)


def _asked(seen: Seen, title: str, action: str, button: str) -> Asked:
    back = f"/machines/{quote(seen.machine.name, safe='')}"
    return Asked(
        title=title,
        what="",
        button=button,
        action=f"{back}/{action}",
        back=back,
        machine=seen.machine,
        power=seen.power,
        saw=seen.picture,
        instance=seen.instance,
        running=seen.running,
    )
