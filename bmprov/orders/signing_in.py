"""Signing in and out: every way in ends in a new session, and every try in an event.

A name that nobody has is not written down: it may be a password that was typed into the wrong field. A pseudonym stands
for it, so that the limits of `bmprov.guessing` hold for it as for any other, and tell nobody which names there are.
"""

import hashlib
import secrets
from dataclasses import dataclass, field

from bmprov.errors import Conflict, Refused, Retryable
from bmprov.guessing import AT_HOME_S, WINDOW_S, Failure, wait_s
from bmprov.model import Person, Session
from bmprov.orders.desk import Caller, OrderDesk, note
from bmprov.orders.people import person_name, person_named
from bmprov.passwords import refuse_weak
from bmprov.store import Transaction

LINK_S = 600
"""How long a sign-in link may be used, in seconds."""

FAILED, SIGNED_IN = "sign-in failed", "signed in"
_AGENT = 200
_MINUTE_S = 60


class NotThem(Refused):
    """Nobody has this name with this password; which of both is wrong is told to nobody."""

    def __init__(self) -> None:
        super().__init__(
            "this name and this password do not belong together",
            "try again; an administrator makes a sign-in link with `bmprov person link NAME`",
        )


class TooManyTries(Retryable):
    """Too many sign-ins have failed. Nothing was compared."""

    def __init__(self, wait_s: float) -> None:
        minutes = -(-wait_s // _MINUTE_S)
        super().__init__(
            f"too many sign-ins have failed, so no password is looked at for {minutes:.0f} min",
            "wait, or ask an administrator for a sign-in link, which is not counted",
            retry_after_s=wait_s,
        )


@dataclass(frozen=True)
class Browser:
    """Who knocks: the address that the call comes from, and what the browser calls itself."""

    origin: str
    agent: str = ""


@dataclass(frozen=True)
class Entry:
    """Somebody has come in; `secret` is for the cookie, and is kept nowhere."""

    person: Person
    secret: str = field(repr=False)


def digest(secret: str) -> str:
    """What is kept of a secret of 256 random bits."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


class SigningIn(OrderDesk):
    """Orders of people about themselves. `lasts_s` is how long a session lasts at most, in seconds."""

    def sign_in(self, name: str, password: str, browser: Browser, lasts_s: float) -> Entry:
        """Begin a session by name and password.

        Raises:
            NotThem: they do not belong together, or the person may not sign in.
            TooManyTries: this name, or this place, has to wait.
            Retryable: too many sign in at once.
        """
        typed = name.strip().lower()
        with self._store.read() as transaction:
            person = transaction.people.named(typed)
            actor = person.name if person else f"?{self._vault.pseudonym(typed)}"
            _refuse_guessing(transaction, actor, browser.origin)
        fits = self._passwords.fits(person.password_hash if person else "", password)
        if person is None or not fits or person.disabled_at is not None:
            self._note_failure(actor, browser, "disabled" if fits else "")
            raise NotThem
        hashed = self._passwords.hash(password) if self._passwords.outdated(person.password_hash) else ""
        with self._store.write() as transaction:
            now = transaction.people.get(person.id)
            if now is None or now.disabled_at is not None or now.password_hash != person.password_hash:
                raise NotThem  # changed in this moment
            if hashed:
                transaction.people.change(person.id, password_hash=hashed)
            return enter(transaction, now, browser, lasts_s, "by password")

    def sign_in_by_link(self, person_id: str, made_by: str, browser: Browser, lasts_s: float) -> Entry | None:
        """Begin a session by a link that has been redeemed; None when its person may not sign in any more."""
        with self._store.write() as transaction:
            person = transaction.people.get(person_id)
            if person is None or person.disabled_at is not None:
                return None
            return enter(transaction, person, browser, lasts_s, f"by a link that {made_by} has made")

    def person_to_link(self, name: str, caller: Caller) -> Person:
        """Whom a sign-in link is to be made for; it is written down.

        Raises:
            Conflict: they are disabled, or sign in elsewhere.
            NotFound: there is nobody of this name.
        """
        with self._store.write() as transaction:
            person = person_named(transaction, name)
            if person.disabled_at is not None:
                raise Conflict(f"'{person.name}' is disabled", f"first: `bmprov person enable {person.name}`")
            if person.issuer:
                raise Conflict(f"'{person.name}' signs in at {person.issuer}", "a link would go past that provider")
            note(transaction, caller, "sign-in link made", f"{person.name}, good for {LINK_S // _MINUTE_S} min")
            return person

    def sign_out(self, session: Session, caller: Caller) -> None:
        """End a session of the caller's."""
        with self._store.write() as transaction:
            if transaction.sessions.end(session.sha256):
                note(transaction, caller, "signed out", session.agent)
        self._people_changed()

    def sign_out_others(self, session: Session, caller: Caller) -> int:
        """End all sessions of the caller's but this one; how many there were."""
        with self._store.write() as transaction:
            ended = transaction.sessions.end_all(session.person_id, but=session.sha256)
            note(transaction, caller, "signed out", f"{ended} other sessions")
        self._people_changed()
        return ended

    def change_own_password(self, session: Session, old: str, new: str, caller: Caller) -> None:
        """Change the caller's password, and end their other sessions. Who has none yet need not show it.

        Raises:
            Conflict: their password is kept elsewhere.
            NotThem: the old one is wrong; it counts like a sign-in that has failed.
            TooManyTries: it was wrong too often.
            Invalid: the new one is none that can be taken.
        """
        browser = Browser(caller.origin, session.agent)
        with self._store.read() as transaction:
            person = person_named(transaction, caller.name)
            _refuse_guessing(transaction, person.name, browser.origin)
        if person.issuer:
            raise Conflict(f"you sign in at {person.issuer}", "the password is changed there")
        if person.password_hash and not self._passwords.fits(person.password_hash, old):
            self._note_failure(person.name, browser, "the old password, when it was to be changed")
            raise NotThem
        refuse_weak(new, person_name(person.name))
        hashed = self._passwords.hash(new)
        with self._store.write() as transaction:
            transaction.people.change(person.id, password_hash=hashed)
            ended = transaction.sessions.end_all(person.id, but=session.sha256)
            note(transaction, caller, "password changed", f"their own; {ended} other sessions ended")
        self._people_changed()

    def note_refusal(self, caller: Caller, detail: str) -> None:
        """Write down that somebody tried what they may not."""
        with self._store.write() as transaction:
            note(transaction, caller, "refused", detail)

    def _note_failure(self, actor: str, browser: Browser, detail: str) -> None:
        with self._store.write() as transaction:
            transaction.events.add(FAILED, actor=actor, origin=browser.origin, detail=detail)


def enter(transaction: Transaction, person: Person, browser: Browser, lasts_s: float, how: str) -> Entry:
    """A new session of somebody who has shown who they are."""
    secret, now = secrets.token_urlsafe(32), transaction.now
    agent = "".join(letter for letter in browser.agent if letter.isprintable())[:_AGENT]
    transaction.sessions.add(Session(digest(secret), person.id, now, now, now + lasts_s, browser.origin, agent))
    transaction.events.add(SIGNED_IN, actor=person.name, origin=browser.origin, detail=how)
    return Entry(person, secret)


def _refuse_guessing(transaction: Transaction, actor: str, origin: str) -> None:
    now = transaction.now
    failures = [Failure(*row) for row in transaction.events.since(FAILED, now - WINDOW_S)]
    at_home = bool(failures) and transaction.events.has_done(SIGNED_IN, actor, origin, now - AT_HOME_S)
    if wait := wait_s(failures, actor, origin, now, at_home=at_home):
        raise TooManyTries(wait)
