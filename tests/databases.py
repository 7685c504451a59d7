"""Databases with their tables: migrated once in a process and copied from then on, which takes a fiftieth."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from bmprov.store import Store


def sqlite(path: Path) -> str:
    """The URL of a new database at `path` that has its tables."""
    shutil.copyfile(_migrated(), path)
    return f"sqlite:///{path}"


@cache
def _migrated() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="bmprov-tables-"))
    atexit.register(shutil.rmtree, folder)
    path = folder / "bmprov.db"
    migrate(f"sqlite:///{path}")
    return path


def migrate(url: str) -> None:
    """Give a database its tables."""
    store = Store(url)
    store.migrate()
    store.close()
