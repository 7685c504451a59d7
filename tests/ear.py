"""A webhook that listens in a store: what is to be told, as it stands in the outbox."""

import json
import uuid
from typing import Any

from bmprov.store import Store
from bmprov.webhook import SUBSCRIBED, Webhook


class Ear:
    """Hears everything that happens in a store from now on."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._hook = Webhook(str(uuid.uuid4()), f"ear-{uuid.uuid4()}", "https://ear.example/", (), SUBSCRIBED)
        with store.write() as transaction:
            transaction.webhooks.add(self._hook)

    def heard(self, kind: str) -> list[dict[str, Any]]:
        """What is to be told of a kind: `data`, oldest first."""
        with self._store.read() as transaction:
            told = transaction.deliveries.newest(self._hook.id)
        return [json.loads(one.body)["data"] for one in reversed(told) if one.kind == kind]
