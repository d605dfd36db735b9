"""How connections to the state database are made: one kind that writes, two kinds that only read."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

BUSY_TIMEOUT_MS = 5_000
WRITER_CACHE_KIB = 16_384
WAL_LIMIT_BYTES = 64 * 1024 * 1024
"""A WAL that grew during a long read is cut back to this at the next checkpoint."""

_COMMON = (f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}", "PRAGMA foreign_keys=ON")
_WRITING = (
    "PRAGMA synchronous=FULL",
    # macOS: fsync alone leaves bytes in the drive's cache. Elsewhere these change nothing.
    "PRAGMA fullfsync=ON",
    "PRAGMA checkpoint_fullfsync=ON",
    f"PRAGMA cache_size=-{WRITER_CACHE_KIB}",
    f"PRAGMA journal_size_limit={WAL_LIMIT_BYTES}",
)
_READING = ("PRAGMA query_only=ON",)


def writing_engine(path: Path) -> AsyncEngine:
    """Return an engine with one connection whose transactions begin IMMEDIATE."""
    url = URL.create("sqlite+aiosqlite", database=str(path))
    engine = create_async_engine(url, pool_size=1, max_overflow=0)
    _prepare(engine.sync_engine, _COMMON + _WRITING, "BEGIN IMMEDIATE")
    return engine


def reading_engine(path: Path, connections: int) -> AsyncEngine:
    """Return an engine for short reads on the event loop."""
    engine = create_async_engine(_read_only("sqlite+aiosqlite", path), pool_size=connections, max_overflow=0)
    _prepare(engine.sync_engine, _COMMON + _READING, "BEGIN")
    return engine


def thread_engine(path: Path, connections: int) -> Engine:
    """Return an engine for reads whose rows are many: they run and are shaped in threads."""
    engine = create_engine(_read_only("sqlite+pysqlite", path), pool_size=connections, max_overflow=0)
    _prepare(engine, _COMMON + _READING, "BEGIN")
    return engine


def opening_engine(path: Path) -> Engine:
    """Return an engine for creating and migrating, each in one transaction."""
    engine = create_engine(URL.create("sqlite+pysqlite", database=str(path)), poolclass=NullPool)
    _prepare(engine, _COMMON + _WRITING, "BEGIN IMMEDIATE")
    return engine


def _read_only(driver: str, path: Path) -> URL:
    return URL.create(driver, database=f"file:{quote(str(path))}", query={"mode": "ro", "uri": "true"})


def _prepare(engine: Engine, pragmas: tuple[str, ...], begin: str) -> None:
    def connected(dbapi: Any, _record: Any) -> None:
        # The driver must not begin transactions on its own: the hook below does.
        dbapi.isolation_level = None
        cursor = dbapi.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
