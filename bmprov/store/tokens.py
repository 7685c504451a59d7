"""Tokens of callers. The secret itself is never here, only its SHA-256."""

from sqlalchemy import Connection, insert, select, update

from bmprov.model import Token
from bmprov.store import schema
from bmprov.store.rows import to_token


class Tokens:
    """The tokens of one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def add(self, token: Token) -> None:
        """Keep a new token."""
        self._connection.execute(insert(schema.tokens), vars(token))

    def get(self, token_id: str) -> Token | None:
        """The token with this id, revoked ones too."""
        query = select(schema.tokens).where(schema.tokens.c.id == token_id)
        row = self._connection.execute(query).mappings().first()
        return to_token(dict(row)) if row else None

    def all(self) -> list[Token]:
        """All tokens, oldest first."""
        query = select(schema.tokens).order_by(schema.tokens.c.created_at)
        return [to_token(dict(row)) for row in self._connection.execute(query).mappings()]

    def revoke(self, token_id: str) -> bool:
        """End a token; False when there is no such live token."""
        live = (schema.tokens.c.id == token_id) & schema.tokens.c.revoked_at.is_(None)
        return self._connection.execute(update(schema.tokens).where(live).values(revoked_at=self._now)).rowcount == 1
