"""Webhooks: whom bmprov tells of what happens."""

import base64
import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from bmprov.errors import Conflict
from bmprov.store import schema
from bmprov.store.rows import Row
from bmprov.webhook import NoticeKind, SealedSecret, Webhook

_W = schema.webhooks.c


class Webhooks:
    """The webhooks of one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def add(self, webhook: Webhook) -> None:
        """Enter a webhook.

        Raises:
            Conflict: its name is known already.
        """
        row = _columns(vars(webhook)) | {"created_at": self._now}
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(schema.webhooks), row)
        except IntegrityError as error:
            raise Conflict(
                f"there is a webhook named '{webhook.name}' already", "look for it with `bmprov webhook list`"
            ) from error

    def named(self, name: str) -> Webhook | None:
        """The webhook with this name or id."""
        return next(iter(self._where((_W.name == name) | (_W.id == name))), None)

    def all(self) -> list[Webhook]:
        """Webhooks by name."""
        return self._where()

    def change(self, webhook_id: str, **values: Any) -> None:  # noqa: ANN401 - fields of Webhook
        """Change a webhook."""
        self._connection.execute(update(schema.webhooks).where(_W.id == webhook_id).values(**_columns(values)))

    def remove(self, webhook: Webhook) -> None:
        """Forget a webhook with its deliveries; one that is under way may still arrive."""
        self._connection.execute(delete(schema.webhooks).where(_W.id == webhook.id))

    def _where(self, *wanted: ColumnElement[bool]) -> list[Webhook]:
        rows = self._connection.execute(select(schema.webhooks).where(*wanted).order_by(_W.name)).mappings()
        return [to_webhook(row) for row in rows]


def to_webhook(row: Row) -> Webhook:
    """A row of `webhooks` as the record."""
    return Webhook(
        id=row["id"],
        name=row["name"],
        url=row["url"],
        secrets=_secrets(row["sealed_secret"]),
        kinds=tuple(NoticeKind(kind) for kind in row["kinds"]),
        trust=row["trust"],
        off_because=row["off_because"],
        created_by=row["created_by"],
        created_at=row["created_at"],
    )


def _columns(values: dict[str, Any]) -> dict[str, Any]:
    columns = {name: value for name, value in values.items() if name != "secrets"}
    if "kinds" in values:
        columns["kinds"] = list(values["kinds"])
    if "secrets" in values:
        columns["sealed_secret"] = _sealed_column(values["secrets"])
    return columns


def _sealed_column(secrets: tuple[SealedSecret, ...]) -> bytes:
    """All secrets in one column: a list of their ciphertexts, each with the time until which it signs."""
    return json.dumps([[base64.b64encode(one.sealed).decode(), one.until] for one in secrets]).encode()


def _secrets(column: bytes) -> tuple[SealedSecret, ...]:
    return tuple(SealedSecret(base64.b64decode(sealed), until) for sealed, until in json.loads(column))
