"""Alembic migrations, run by the program itself: `bmprov migrate`, and `bmprov up` at its start."""

from pathlib import Path

from alembic.command import upgrade as alembic_upgrade
from alembic.config import Config
from sqlalchemy import Connection, Engine, text


def config(connection: Connection) -> Config:
    """Alembic's settings for this package, on an open connection."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest revision, one process at a time."""
    with engine.connect().execution_options(bmprov_write=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('bmprov migrations'))"))
        alembic_upgrade(config(connection), "head")
