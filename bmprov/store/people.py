"""Who may sign in to the web page, and with what role."""

from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from bmprov.errors import Conflict
from bmprov.model import Person, Role
from bmprov.store import schema
from bmprov.store.rows import to_person

_C = schema.people.c


class People:
    """The people of one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def add(self, person: Person) -> None:
        """Enter somebody, from now on.

        Raises:
            Conflict: the name is somebody's, or the provider's subject is.
        """
        try:
            self._connection.execute(insert(schema.people), {**vars(person), "created_at": self._now})
        except IntegrityError as error:
            raise Conflict(f"there is somebody named '{person.name}'", "look with `bmprov person list`") from error

    def get(self, person_id: str) -> Person | None:
        """The person with this id."""
        return self._one(_C.id == person_id)

    def named(self, name: str) -> Person | None:
        """The person with this name."""
        return self._one(_C.name == name)

    def known_as(self, issuer: str, subject: str) -> Person | None:
        """The person whom a provider knows as `subject`."""
        return self._one((_C.issuer == issuer) & (_C.subject == subject))

    def all(self) -> list[Person]:
        """Everybody, by name."""
        query = select(schema.people).order_by(_C.name)
        return [to_person(row) for row in self._connection.execute(query).mappings()]

    def change(self, person_id: str, **columns: Any) -> None:  # noqa: ANN401 - the columns of `people`
        """Set some columns."""
        self._connection.execute(update(schema.people).where(_C.id == person_id).values(**columns))

    def remove(self, person_id: str) -> None:
        """Forget somebody, and their sessions."""
        self._connection.execute(delete(schema.people).where(_C.id == person_id))

    def admins(self) -> int:
        """How many administrators may sign in."""
        may = (_C.role == Role.ADMIN) & _C.disabled_at.is_(None)
        return self._connection.execute(select(func.count()).where(may)).scalar_one()

    def _one(self, condition: Any) -> Person | None:  # noqa: ANN401 - SQLAlchemy's expression
        row = self._connection.execute(select(schema.people).where(condition)).mappings().first()
        return to_person(row) if row else None
