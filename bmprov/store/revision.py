"""Which shape of the tables a database has, and which this version has. Alembic is 10 MiB, and not needed to know."""

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text

_TABLE = "alembic_version"
_NONE = ""


@cache
def newest() -> str:
    """The newest revision that this version knows, such as `0016`: the number of its last migration."""
    return max(path.name.partition("_")[0] for path in (Path(__file__).parent / "migrations/versions").glob("0*.py"))


def revision_of(connection: Connection) -> str:
    """The revision of a database; empty when it has no tables yet."""
    if not inspect(connection).has_table(_TABLE):
        return _NONE
    return str(connection.execute(text(f"SELECT version_num FROM {_TABLE}")).scalar() or _NONE)  # noqa: S608 - ours
