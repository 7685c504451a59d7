"""Signing in on the word of an OpenID provider, who says who somebody is and what they may."""

import uuid
from dataclasses import dataclass
from urllib.parse import urlsplit

from bmprov.errors import Refused
from bmprov.model import Person, Role
from bmprov.orders.desk import OrderDesk
from bmprov.orders.people import is_reserved, person_name
from bmprov.orders.signing_in import FAILED, Browser, Entry, enter
from bmprov.store import Transaction


class NotLetIn(Refused):
    """The provider knows them, and they may not sign in here."""


@dataclass(frozen=True)
class Vouched:
    """What the provider says: they are `subject` to it, may be called `name`, and have `role`; None for none."""

    issuer: str
    subject: str
    name: str
    role: Role | None


class SignOn(OrderDesk):
    """Orders of people whom a provider vouches for."""

    def sign_in_vouched(self, vouched: Vouched, browser: Browser, lasts_s: float) -> Entry:
        """Begin a session. Who is new is entered; whoever it is has from now on the role that the provider says.

        Raises:
            NotLetIn: they have no role, are disabled here, or their name is somebody else's.
        """
        with self._store.write() as transaction:
            transaction.one_at_a_time("people")
            known = transaction.people.known_as(vouched.issuer, vouched.subject)
            admitted = _admitted(transaction, known, vouched, browser)
            if isinstance(admitted, Person):
                entry = enter(transaction, admitted, browser, lasts_s, f"at {vouched.issuer}")
            else:
                actor, detail = known.name if known else f"?{vouched.name}", f"at {vouched.issuer}: {admitted}"
                transaction.events.add(FAILED, actor=actor, origin=browser.origin, detail=detail)
        self._people_changed()
        if not isinstance(admitted, Person):
            raise NotLetIn(admitted, "ask an administrator of bmprov, or whoever gives out roles at the provider")
        return entry


def _admitted(transaction: Transaction, known: Person | None, vouched: Vouched, browser: Browser) -> Person | str:
    """Who may come in, entered if they are new and with the role that they have now; or why they may not."""
    if known is not None and known.disabled_at is not None:
        return "your account here is disabled"
    if vouched.role is None:
        return "you have signed in at the provider, which gives you no role here"
    person = known or _entered(transaction, vouched, vouched.role, browser)
    if person is None:
        return "your name is somebody else's here, with the provider's name behind it too"
    _give_role(transaction, person, vouched.role, browser)
    return person


def _entered(transaction: Transaction, vouched: Vouched, role: Role, browser: Browser) -> Person | None:
    """Somebody new. A name that is taken gets the provider's behind it, so that the log tells both apart."""
    host = urlsplit(vouched.issuer).hostname or "provider"
    for name in (vouched.name, f"{vouched.name}@{host}"[:64].strip("._@+-")):
        if not is_reserved(name) and transaction.people.named(name) is None:
            person = Person(str(uuid.uuid4()), person_name(name), role, "", vouched.issuer, vouched.subject)
            transaction.people.add(person)
            detail = f"{person.name}, role {role}, by {vouched.issuer}"
            transaction.events.add("person added", actor=person.name, origin=browser.origin, detail=detail)
            return transaction.people.get(person.id)
    return None


def _give_role(transaction: Transaction, person: Person, role: Role, browser: Browser) -> None:
    if person.role is role:
        return
    transaction.people.change(person.id, role=role)
    detail = f"{person.name}: {person.role} to {role}, by {person.issuer}"
    transaction.events.add("role changed", actor=person.name, origin=browser.origin, detail=detail)
