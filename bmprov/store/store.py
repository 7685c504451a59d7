"""Opening a database and running transactions on it.

SQLite: WAL, so that readers never wait for the writer; writers begin with BEGIN IMMEDIATE, so that two of them queue
at the start instead of failing in the middle (SQLITE_BUSY on upgrade of a read lock).
PostgreSQL: READ COMMITTED; rows that a decision depends on are locked by the query that reads them.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError

from bmprov.errors import Fatal, Retryable
from bmprov.store.cabling import Cabling
from bmprov.store.census import CensusTaker
from bmprov.store.consoles import Consoles
from bmprov.store.deliveries import Deliveries
from bmprov.store.events import Events
from bmprov.store.history import History
from bmprov.store.images import Images
from bmprov.store.instances import Instances
from bmprov.store.leases import Leases
from bmprov.store.machines import Machines
from bmprov.store.names import Names
from bmprov.store.operations import Operations
from bmprov.store.outbox import Outbox
from bmprov.store.people import People
from bmprov.store.places import Places
from bmprov.store.ports import Ports
from bmprov.store.pulse import Pulse
from bmprov.store.regions import Regions
from bmprov.store.revision import newest, revision_of
from bmprov.store.seats import Seats
from bmprov.store.sessions import Sessions
from bmprov.store.sightings import Sightings
from bmprov.store.stands import Stands
from bmprov.store.switches import Switches
from bmprov.store.tokens import Tokens
from bmprov.store.wall_links import WallLinks
from bmprov.store.webhooks import Webhooks
from bmprov.store.work import WorkList

_BUSY_TIMEOUT_S = 30


class Transaction:
    """Everything that is stored, inside one transaction. `now` is one time for all of it."""

    def __init__(self, connection: Connection, now: float) -> None:
        self.connection = connection
        self.now = now
        self.events = Events(connection, now)
        self.machines = Machines(connection, now)
        self.places = Places(connection)
        self.consoles = Consoles(connection)
        self.regions = Regions(connection, now)
        self.instances = Instances(connection, now)
        self.operations = Operations(connection, now)
        self.history = History(connection, now)
        self.images = Images(connection, now)
        self.tokens = Tokens(connection, now)
        self.people = People(connection, now)
        self.sessions = Sessions(connection, now)
        self.wall_links = WallLinks(connection, now)
        self.leases = Leases(connection, now)
        self.switches = Switches(connection, now)
        self.cabling = Cabling(connection, now)
        self.ports = Ports(connection, now, self.switches, self.cabling)
        self.seats = Seats(connection)
        self.stands = Stands(connection, now)
        self.work = WorkList(connection)
        self.sightings = Sightings(connection, now)
        self.names = Names(connection)
        self.census = CensusTaker(connection, now)
        self.webhooks = Webhooks(connection, now)
        self.outbox = Outbox(connection, now)
        self.deliveries = Deliveries(connection, now)

    def one_at_a_time(self, what: str) -> None:
        """Let no other transaction that asks for the same `what` run until this one has ended.

        SQLite has one writer anyway. Used where a decision looks at many rows, such as the choice of a machine.
        """
        if self.connection.dialect.name == "postgresql":
            self.connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:what))"), {"what": f"bmprov {what}"})


class Store:
    """A database. Threads may share it; each transaction has its own connection.

    Raises `Retryable` when the database does not answer, from any method. Unless it is to be `durable`, PostgreSQL's
    disk is not waited for, and when its host dies what was written in the last second may be lost. (SQLite's is never
    waited for: synchronous=NORMAL.)
    """

    def __init__(
        self, url: str, clock: Callable[[], float] = time.time, pool_size: int = 8, *, durable: bool = True
    ) -> None:
        self._engine = _engine(url, pool_size, durable=durable)
        self.clock = clock

    @property
    def engine(self) -> Engine:
        """The SQLAlchemy engine, for migrations and tests."""
        return self._engine

    def migrate(self) -> None:
        """Bring the tables to this version's shape; safe to run from several processes at once."""
        from bmprov.store.migrations import upgrade  # Alembic is 10 MiB that only this needs, in every process

        with _translated():
            upgrade(self._engine)

    def is_behind(self) -> bool:
        """Whether the tables lack a migration of this version. Those of a newer version are no reason to stop."""
        with self.read() as transaction:
            return revision_of(transaction.connection) < newest()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that sees one state of the database and changes nothing."""
        with _translated(), self._engine.connect() as connection, connection.begin():
            yield Transaction(connection, self.clock())

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that is committed at the end of the block, and undone by an exception."""
        with (
            _translated(),
            self._engine.connect().execution_options(bmprov_write=True) as connection,
            connection.begin(),
        ):
            yield Transaction(connection, self.clock())

    def pulse(self) -> Pulse:
        """What tells whether anything has been committed since it was last asked; to be closed by its owner."""
        return Pulse(self._engine)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise Retryable(
            f"the database did not answer ({_first_line(error)})", "check that it runs and has room"
        ) from error


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).partition("\n")[0]


def _engine(url: str, pool_size: int, *, durable: bool) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(
            create_engine(parsed, pool_size=pool_size, max_overflow=64, connect_args={"timeout": _BUSY_TIMEOUT_S})
        )
    if parsed.get_backend_name() == "postgresql":
        psycopg = parsed.set(drivername="postgresql+psycopg")
        told = {} if durable else {"options": "-c synchronous_commit=off"}
        return create_engine(psycopg, pool_size=pool_size, max_overflow=8, pool_pre_ping=True, connect_args=told)
    raise Fatal(
        f"databases of the kind '{parsed.get_backend_name()}' are not supported", "use sqlite:/// or postgresql://"
    )


def _sqlite(engine: Engine) -> Engine:
    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: Any) -> None:  # noqa: ANN401 - SQLAlchemy's private type
        connection.isolation_level = None  # SQLAlchemy says BEGIN itself, below
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("bmprov_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
