"""People who sign in to the web page. No password and no hash is ever in an answer."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints

from bmprov.api.shapes.base import Line, Reply, Request, moment, moment_or_none
from bmprov.model import Person, Role

Password = Annotated[str, StringConstraints(max_length=256)]
"""A password, as it is typed."""


class PersonIn(Request):
    """Somebody to enter."""

    name: Line = Field(description="in small letters; stands in every audit event")
    role: Role = Field(description="viewer, operator or admin")
    password: Password = Field("", description="at least 12 characters; without one a sign-in link is needed first")


class PersonPatch(Request):
    """What is to change; what is left out stays as it is."""

    role: Role | None = None
    password: Password | None = Field(None, description="a new one; all sessions end")
    disabled: bool | None = Field(None, description="whether they may not sign in; their sessions end")


class PersonOut(Reply):
    """A person. `provider` is where they sign in, if not here."""

    name: str
    role: Role
    provider: str | None
    has_password: bool
    created_at: datetime
    disabled_at: datetime | None

    @classmethod
    def of(cls, person: Person) -> Self:
        """A person as the API shows them."""
        return cls(
            name=person.name,
            role=person.role,
            provider=person.issuer,
            has_password=bool(person.password_hash),
            created_at=moment(person.created_at),
            disabled_at=moment_or_none(person.disabled_at),
        )


class PersonList(Reply):
    """People, by name."""

    people: list[PersonOut]


class SignInLink(Reply):
    """Where somebody signs in, once, until then; shown this once."""

    url: str
    valid_s: int


class SignedOut(Reply):
    """How many sessions have ended."""

    sessions: int
