"""Whether anything has been committed: asked several times a second by whoever shows what is stored.

SQLite counts the commits of others (`PRAGMA data_version`, on a connection that never writes). PostgreSQL names what a
new snapshot would see (`pg_current_snapshot()`, PostgreSQL 13 and newer): a commit changes that name in the moment in
which it can be read, which the position of the write-ahead log does not promise. Either may move without a change
that matters; neither stands still over one that does.
"""

import contextlib
from typing import Any, Protocol

from sqlalchemy import Engine

from bmprov.errors import Retryable

_QUESTIONS = {"sqlite": "PRAGMA data_version", "postgresql": "SELECT pg_current_snapshot()::text"}

_OPTIONS: dict[str, dict[str, Any]] = {
    "sqlite": {"isolation_level": None, "check_same_thread": False},
    "postgresql": {"autocommit": True, "connect_timeout": 5, "tcp_user_timeout": 5000},
}
"""The last two are libpq's: a host that has vanished is noticed within 5 s, and not after a quarter of an hour."""


class _Raw(Protocol):
    """A connection as its driver has it (PEP 249), which both databases' drivers extend by this."""

    def execute(self, query: str) -> Any: ...  # noqa: ANN401 - a cursor: the drivers share no type for it

    def close(self) -> None: ...


class Pulse:
    """Asks one database, on a connection of its own; for one thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._raw: _Raw | None = None
        self._last: object = None

    def moved(self) -> bool:
        """Whether something may have been committed since the last call; the first call says so.

        Raises:
            Retryable: the database does not answer.
        """
        try:
            found = self._ask()
        except self._engine.dialect.loaded_dbapi.Error as error:
            self.close()
            said = str(error).partition("\n")[0]
            raise Retryable(f"the database did not answer ({said})", "check that it runs and has room") from error
        moved, self._last = found != self._last, found
        return moved

    def close(self) -> None:
        """Give the connection up; the next call opens another, and cannot know what it has missed."""
        raw, self._raw, self._last = self._raw, None, None
        if raw is not None:
            with contextlib.suppress(self._engine.dialect.loaded_dbapi.Error):
                raw.close()

    def _ask(self) -> object:
        if self._raw is None:
            self._raw = self._open()
        return self._raw.execute(_QUESTIONS[self._engine.dialect.name]).fetchone()[0]

    def _open(self) -> _Raw:
        """A connection outside of the pool, in which no statement begins a transaction."""
        arguments, options = self._engine.dialect.create_connect_args(self._engine.url)
        ours = _OPTIONS[self._engine.dialect.name]
        raw: _Raw = self._engine.dialect.loaded_dbapi.connect(*arguments, **{**options, **ours})
        return raw
