"""The orders about people: add, change, disable, remove. The last administrator stays one."""

import re
import uuid
from dataclasses import dataclass, field
from typing import Any

from bmprov.errors import Conflict, Invalid, NotFound
from bmprov.model import Person, Role
from bmprov.orders.desk import Caller, OrderDesk, note
from bmprov.passwords import refuse_weak
from bmprov.store import Transaction

ROLES = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)
"""What a person may be; `cloud` is an extension's."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9._@+-]{0,62}[a-z0-9])?")
_RESERVED = {"bmprov"}  # it stands in the log for the service itself
_LOOK = "look with `bmprov person list`"


@dataclass(frozen=True)
class NewPerson:
    """Somebody to enter. Without a password they need a sign-in link first."""

    name: str
    role: Role
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class PersonChange:
    """What is to change about a person; None stays as it is. Their name stays: it is in the log."""

    role: Role | None = None
    password: str | None = field(default=None, repr=False)
    disabled: bool | None = None


class PeopleOrders(OrderDesk):
    """Orders about people."""

    def add_person(self, new: NewPerson, caller: Caller) -> Person:
        """Enter somebody.

        Raises:
            Conflict: somebody has the name.
            Invalid: the name, the role or the password is none that can be taken.
        """
        name = person_name(new.name)
        _refuse_role(new.role)
        person = Person(str(uuid.uuid4()), name, new.role, self._hashed(new.password, name) if new.password else "")
        with self._store.write() as transaction:
            transaction.people.add(person)
            note(transaction, caller, "person added", f"{name}, role {new.role}")
            return person_named(transaction, name)

    def change_person(self, name: str, change: PersonChange, caller: Caller) -> Person:
        """Change somebody's role or password, disable or enable them. Who is disabled, or has a new password, is out.

        Raises:
            Conflict: nobody who may sign in would be an administrator, or their password is kept elsewhere.
            Invalid: the role or the password is none that can be taken.
            NotFound: there is nobody of this name.
        """
        if change.role is not None:
            _refuse_role(change.role)
        hashed = None if change.password is None else self._hashed(change.password, person_name(name))
        with self._store.write() as transaction:
            transaction.one_at_a_time("people")
            person = person_named(transaction, name)
            columns, done = self._changes(person, change, hashed, transaction.now)
            if person.issuer and ({"role", "password_hash"} & columns.keys()):
                raise Conflict(f"'{person.name}' signs in at {person.issuer}", "password and role are changed there")
            if columns:
                transaction.people.change(person.id, **columns)
            if person.role is Role.ADMIN and person.disabled_at is None and not transaction.people.admins():
                raise _last_admin(person)
            if "password_hash" in columns or columns.get("disabled_at"):
                transaction.sessions.end_all(person.id)
            for what, detail in done:
                note(transaction, caller, what, detail)
            changed = person_named(transaction, person.name)
        self._people_changed()
        return changed

    def remove_person(self, name: str, caller: Caller) -> None:
        """Forget somebody; what they did stays in the log.

        Raises:
            Conflict: it is the last administrator who may sign in.
            NotFound: there is nobody of this name.
        """
        with self._store.write() as transaction:
            transaction.one_at_a_time("people")
            person = person_named(transaction, name)
            transaction.people.remove(person.id)
            if person.role is Role.ADMIN and person.disabled_at is None and not transaction.people.admins():
                raise _last_admin(person)
            note(transaction, caller, "person removed", f"{person.name}, role {person.role}")
        self._people_changed()

    def end_sessions(self, name: str, caller: Caller) -> int:
        """Sign somebody out of every browser; how many they were.

        Raises:
            NotFound: there is nobody of this name.
        """
        with self._store.write() as transaction:
            person = person_named(transaction, name)
            ended = transaction.sessions.end_all(person.id)
            note(transaction, caller, "signed out", f"{person.name}, everywhere: {ended} sessions")
        self._people_changed()
        return ended

    def _hashed(self, password: str, name: str) -> str:
        refuse_weak(password, name)
        return self._passwords.hash(password)

    @staticmethod
    def _changes(
        person: Person, change: PersonChange, hashed: str | None, now: float
    ) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """The columns that change, and the events that tell of it."""
        columns: dict[str, Any] = {}
        done = []
        if change.role not in (None, person.role):
            columns["role"] = change.role
            done.append(("role changed", f"{person.name}: {person.role} to {change.role}"))
        if hashed is not None:
            columns["password_hash"] = hashed
            done.append(("password changed", f"{person.name}, by an administrator"))
        if change.disabled not in (None, person.disabled_at is not None):
            columns["disabled_at"] = now if change.disabled else None
            done.append(("person disabled" if change.disabled else "person enabled", person.name))
        return columns, done


def person_name(told: str) -> str:
    """The one spelling of a person's name.

    Raises:
        Invalid: it is none.
    """
    name = told.strip().lower()
    if not _NAME.fullmatch(name) or is_reserved(name):
        raise Invalid(
            "this is no name of a person",
            "take letters, digits, '.', '_', '@', '+' and '-', at most 64, a letter or digit first and last",
        )
    return name


def is_reserved(name: str) -> bool:
    """Whether a name stands for something else in the log."""
    return name in _RESERVED


def person_named(transaction: Transaction, name: str) -> Person:
    """The person with this name.

    Raises:
        NotFound: there is none.
    """
    person = transaction.people.named(name.strip().lower())
    if person is None:
        raise NotFound(f"there is nobody named '{name}'", _LOOK)
    return person


def _refuse_role(role: Role) -> None:
    if role not in ROLES:
        raise Invalid(f"a person cannot have the role '{role}'", f"the roles of people: {', '.join(ROLES)}")


def _last_admin(person: Person) -> Conflict:
    return Conflict(
        f"'{person.name}' is the last administrator who may sign in",
        "make somebody else one first: `bmprov person role NAME admin`",
    )
