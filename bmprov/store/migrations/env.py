"""Alembic's entry: runs the migrations on the connection that `upgrade` hands in."""

from alembic import context

from bmprov.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
)
context.run_migrations()
