"""Tickets: secrets that open something once, within a while.

Redis keeps the ticket's hash and, sealed, what it is for. The seal covers the hash, the purpose and the end too, so
that who can write to Redis can neither make a ticket, nor turn one into another, nor use one again.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

from bmprov.errors import Fatal
from bmprov.queue import JobQueue
from bmprov.vault import Vault


def issue(queue: JobQueue, vault: Vault, purpose: str, content: Mapping[str, Any], valid_s: int) -> str:
    """A new ticket.

    Raises:
        Retryable: Redis does not answer.
    """
    ticket = secrets.token_urlsafe(32)
    name = _name(purpose, ticket)
    sealed = vault.seal(json.dumps({"name": name, "until": time.time() + valid_s, "content": dict(content)}).encode())
    queue.keep(name, sealed, valid_s)
    return ticket


def redeem(queue: JobQueue, vault: Vault, purpose: str, ticket: str) -> dict[str, Any] | None:
    """What a ticket is for; None when it was used, is too old, is for something else, or is none.

    Raises:
        Retryable: Redis does not answer.
    """
    name = _name(purpose, ticket)
    sealed = queue.take(name)
    if sealed is None:
        return None
    try:
        told = json.loads(vault.open(sealed))
    except Fatal:
        return None  # not sealed by us
    if told.get("name") != name or told["until"] < time.time():
        return None
    content: dict[str, Any] = told["content"]
    return content


def _name(purpose: str, ticket: str) -> str:
    return f"{purpose}:{hashlib.sha256(ticket.encode(errors='surrogatepass')).hexdigest()}"
