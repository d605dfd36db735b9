"""Making a state database ready: created at once when new, migrated when old, refused when it is not ours.

Everything here blocks and runs in a thread. Alembic is imported only when there is something to migrate.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from sqlalchemy import Connection, insert
from sqlalchemy.exc import DBAPIError

from engine.errors import ErrorClass
from engine.store.connections import BUSY_TIMEOUT_MS, opening_engine
from engine.store.errors import StoreCorrupt, StoreError, StoreTooNew, explain
from engine.store.schema import APPLICATION_ID, REVISION, counters, metadata


def prepare(path: Path) -> None:
    """Create or migrate the database at ``path``. Raises StoreError and its kinds."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _create_private(path)
        revision = _examine(path)
        if revision is None:
            _create(path)
        elif revision != REVISION:
            _migrate(path, revision)
    except (sqlite3.Error, DBAPIError, OSError) as error:
        raise explain("open the state database", path, error) from error


def _create_private(path: Path) -> None:
    # Only the owner may read it: it holds addresses and paths of the whole fleet.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _examine(path: Path) -> str | None:
    """Return the revision of the database, or None when it is empty."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None)
    try:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables:
            _check_ours(path, tables, connection.execute("PRAGMA application_id").fetchone()[0])
        journal = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        if journal != "wal":
            raise StoreError(
                "open the state database",
                str(path),
                f"its file system does not support SQLite's write-ahead log (journal mode {journal})",
                "put the state folder on a local disk (--state)",
                ErrorClass.CONFIG,
            )
        if not tables:
            return None
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    finally:
        connection.close()


def _check_ours(path: Path, tables: set[str], application_id: int) -> None:
    if application_id != APPLICATION_ID or "alembic_version" not in tables:
        raise StoreCorrupt(
            "open the state database",
            str(path),
            "this is a database of another program",
            "choose another state folder (--state)",
            ErrorClass.CONFIG,
        )


def _create(path: Path) -> None:
    engine = opening_engine(path)
    with engine.begin() as connection:
        # A second engine may have created it between our look and our lock.
        if connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one() == 0:
            create_tables(connection)
    engine.dispose()


def create_tables(connection: Connection) -> None:
    """Create the schema as of now and stamp it, without Alembic (which costs a quarter of a second to import)."""
    metadata.create_all(connection, checkfirst=False)
    connection.execute(insert(counters).values(name="catalog", value=0))
    connection.exec_driver_sql(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
        "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    connection.exec_driver_sql("INSERT INTO alembic_version (version_num) VALUES (?)", (REVISION,))
    connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")


def _migrate(path: Path, revision: str) -> None:
    from engine.store.migrating import known_revisions, upgrade

    if revision not in known_revisions():
        raise StoreTooNew(
            "open the state database",
            str(path),
            f"a newer syncdeck wrote it (revision {revision}, this one knows up to {REVISION})",
            "update this syncdeck, or use another state folder (--state)",
            ErrorClass.CONFIG,
        )
    engine = opening_engine(path)
    with engine.begin() as connection:
        upgrade(connection)
    engine.dispose()
