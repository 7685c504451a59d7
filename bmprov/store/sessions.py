"""Who is signed in, in which browser. The secret itself is never here, only its SHA-256."""

from sqlalchemy import Connection, delete, insert, select, update

from bmprov.model import Person, Session
from bmprov.store import schema
from bmprov.store.rows import to_person, to_session

_C = schema.sessions.c


class Sessions:
    """The sessions of one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def add(self, session: Session) -> None:
        """Keep a new session; those that have run out are forgotten on this occasion."""
        self._connection.execute(delete(schema.sessions).where(_C.expires_at <= self._now))
        self._connection.execute(insert(schema.sessions), vars(session))

    def live(self, sha256: str, idle_s: float) -> tuple[Session, Person] | None:
        """The session with this hash and whose it is, if it is good: not run out, used lately, its person enabled."""
        session = self._connection.execute(select(schema.sessions).where(_C.sha256 == sha256)).mappings().first()
        if session is None or session["expires_at"] <= self._now or session["seen_at"] + idle_s <= self._now:
            return None
        of = select(schema.people).where(schema.people.c.id == session["person_id"])
        person = to_person(self._connection.execute(of).mappings().one())
        return None if person.disabled_at is not None else (to_session(session), person)

    def of(self, person_id: str, idle_s: float) -> list[Session]:
        """A person's good sessions, the one used last first."""
        good = (_C.person_id == person_id) & (_C.expires_at > self._now) & (_C.seen_at > self._now - idle_s)
        query = select(schema.sessions).where(good).order_by(_C.seen_at.desc(), _C.created_at.desc())
        return [to_session(row) for row in self._connection.execute(query).mappings()]

    def see(self, sha256: str) -> None:
        """Note that it is used now."""
        self._connection.execute(update(schema.sessions).where(_C.sha256 == sha256).values(seen_at=self._now))

    def end(self, sha256: str) -> bool:
        """Forget a session; False when there is none."""
        return self._connection.execute(delete(schema.sessions).where(_C.sha256 == sha256)).rowcount == 1

    def end_all(self, person_id: str, but: str = "") -> int:
        """Forget all sessions of a person, but one; how many there were."""
        gone = (_C.person_id == person_id) & (_C.sha256 != but)
        return self._connection.execute(delete(schema.sessions).where(gone)).rowcount
