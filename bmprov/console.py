"""Tickets to a machine's console: each opens one console, once, within a minute.

The ticket is a secret of which Redis keeps the hash; what it is for is kept there sealed, so that nobody who can write
to Redis can make one.
"""

import hashlib
import json
import secrets
from dataclasses import asdict, dataclass

from bmprov.errors import Fatal
from bmprov.queue import JobQueue
from bmprov.vault import Vault

VALID_S = 60
"""How long a ticket may be used, in seconds."""


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
    ticket = secrets.token_urlsafe(32)
    queue.keep(_name(ticket), vault.seal(json.dumps(asdict(admission)).encode()), VALID_S)
    return ticket


def redeem(queue: JobQueue, vault: Vault, ticket: str) -> Admission | None:
    """What a ticket is for; None when it was used, is too old, or is none.

    Raises:
        Retryable: Redis does not answer.
    """
    sealed = queue.take(_name(ticket))
    if sealed is None:
        return None
    try:
        return Admission(**json.loads(vault.open(sealed)))
    except Fatal:
        return None  # not sealed by us


def _name(ticket: str) -> str:
    return f"console:{hashlib.sha256(ticket.encode()).hexdigest()}"
