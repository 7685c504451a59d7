"""Tickets to a machine's console: each opens one console, once, within a minute."""

from dataclasses import asdict, dataclass

from bmprov import tickets
from bmprov.queue import JobQueue
from bmprov.vault import Vault

VALID_S = 60
"""How long a ticket may be used, in seconds."""

_PURPOSE = "console"


@dataclass(frozen=True)
class Admission:
    """What a ticket is for.

    `instance_id` binds it to the instance that has the machine, so that it ends with that; empty for an operator's.
    `who` is shown to others who look at the same console, and kept in the log; `may_write` is false for a viewer's.
    """

    machine_id: str
    who: str
    instance_id: str = ""
    may_write: bool = True


def issue(queue: JobQueue, vault: Vault, admission: Admission) -> str:
    """A new ticket.

    Raises:
        Retryable: Redis does not answer.
    """
    return tickets.issue(queue, vault, _PURPOSE, asdict(admission), VALID_S)


def redeem(queue: JobQueue, vault: Vault, ticket: str) -> Admission | None:
    """What a ticket is for; None when it was used, is too old, or is none.

    Raises:
        Retryable: Redis does not answer.
    """
    told = tickets.redeem(queue, vault, _PURPOSE, ticket)
    return None if told is None else Admission(**told)
