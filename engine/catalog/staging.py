"""Temporary tables of the writing connection: a batch of scanned files, and what running scans have met.

They live only as long as that connection. A scan whose rows are gone with it is unknown and removes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, MetaData, Table, Text, delete, insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateTable

from engine.catalog.values import ScannedRecord

UNTOUCHED, NEW, CHANGED = 0, 1, 2

STAGED_AT_ONCE = 1_000
"""Rows per statement: the writing thread has a pause in between."""

StagedRow = tuple[Any, ...]

_temporary = MetaData()

stage = Table(
    "scan_stage",
    _temporary,
    Column("key", Text, primary_key=True),
    Column("data_type", Text, nullable=False),
    Column("key_path", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("config_key", Text),
    Column("path", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("wal_size_bytes", BigInteger, nullable=False),
    Column("wal_mtime_ns", BigInteger, nullable=False),
    Column("entry_id", BigInteger),
    Column("touched", Integer, nullable=False),
    prefixes=["TEMPORARY"],
)
open_scans = Table(
    "open_scans",
    _temporary,
    Column("scan_id", Integer, primary_key=True),
    Column("location_id", BigInteger, nullable=False),
    Column("begun_sequence", BigInteger, nullable=False),
    Column("begun_at", Float, nullable=False),
    Column("finished", Boolean, nullable=False),
    prefixes=["TEMPORARY"],
)
scan_seen = Table(
    "scan_seen",
    _temporary,
    Column("entry_id", BigInteger, primary_key=True),
    Column("scan_id", Integer, primary_key=True),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)
scan_prefixes = Table(
    "scan_prefixes",
    _temporary,
    Column("scan_id", Integer, nullable=False),
    Column("prefix", Text, nullable=False),
    # False: a root that was scanned. True: a folder in it that could not be read.
    Column("spared", Boolean, nullable=False),
    prefixes=["TEMPORARY"],
)

_FILLED = [column.name for column in stage.columns if column.name != "entry_id"]
_INSERT = str(insert(stage).compile(dialect=sqlite.dialect(), column_keys=_FILLED))
_CREATE = tuple(CreateTable(table, if_not_exists=True) for table in _temporary.sorted_tables)


async def ensure(connection: AsyncConnection) -> None:
    """Create the temporary tables where this connection has none yet."""
    for statement in _CREATE:
        await connection.execute(statement)


def rows(files: Sequence[ScannedRecord]) -> list[StagedRow]:
    """Return a batch as rows of the staging table: for a thread. Of two files with one key the later one stands."""
    return list({(row := _row(record))[0]: row for record in files}.values())


async def fill(connection: AsyncConnection, staged: Sequence[StagedRow]) -> None:
    """Replace the staged batch."""
    await connection.execute(delete(stage))
    # The driver's own statement: SQLAlchemy binds row by row, on the event loop.
    for start in range(0, len(staged), STAGED_AT_ONCE):
        await connection.exec_driver_sql(_INSERT, list(staged[start : start + STAGED_AT_ONCE]))


def _row(record: ScannedRecord) -> StagedRow:
    stat = record.stat
    return (
        str(record.key),
        record.key.data_type.value,
        record.key.path,
        record.key.origin,
        record.config_key,
        record.path,
        stat.size_bytes,
        stat.mtime_ns,
        stat.inode,
        stat.wal_size_bytes,
        stat.wal_mtime_ns,
        UNTOUCHED,
    )
