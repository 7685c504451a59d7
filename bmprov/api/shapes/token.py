"""Tokens of callers. A secret is shown once, when its token is made."""

from datetime import datetime
from typing import Self

from pydantic import Field, model_validator

from bmprov.api.shapes.base import Label, Reply, Request, moment, moment_or_none
from bmprov.api.shapes.page import PageOut
from bmprov.model import Role, Token


class TokenIn(Request):
    """A token to make."""

    name: Label = Field(description="who will use it; stands in every audit event")
    role: Role
    cloud: Label | None = Field(None, description="for the role `cloud` alone: whose instances it sees")

    @model_validator(mode="after")
    def _cloud_goes_with_its_role(self) -> Self:
        if (self.role is Role.CLOUD) != (self.cloud is not None):
            raise ValueError("'cloud' is needed for the role 'cloud', and for no other")
        return self


class TokenOut(Reply):
    """A token, without its secret."""

    id: str
    name: str
    role: Role
    cloud: str | None
    created_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, token: Token) -> Self:
        """A token as the API shows it."""
        return cls(
            id=token.id,
            name=token.name,
            role=token.role,
            cloud=token.cloud or None,
            created_at=moment(token.created_at),
            revoked_at=moment_or_none(token.revoked_at),
        )


class TokenMade(Reply):
    """A new token and its secret, which is shown this once."""

    token: TokenOut
    secret: str


class TokenList(PageOut):
    """Tokens, oldest first, revoked ones too."""

    tokens: list[TokenOut]
