"""What Alembic runs: it migrates on the connection that the program hands over, inside its transaction."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from engine.store.schema import metadata


def run() -> None:
    """Migrate on the given connection."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    # Without a transaction of Alembic's own: ours is open, and half a migration must never be committed.
    context.run_migrations()


run()
