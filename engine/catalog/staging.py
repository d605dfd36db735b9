"""Temporary tables of the writing connection: a batch of scanned files, and what running scans have met.

They live only as long as that connection. A scan whose rows are gone with it is unknown and removes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, MetaData, Table, Text, delete, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateTable

from engine.catalog.values import ScannedRecord

UNTOUCHED, NEW, CHANGED = 0, 1, 2

STAGED_AT_ONCE = 250
"""Rows bound per statement: binding more would hold the event loop for milliseconds."""

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

_CREATE = tuple(CreateTable(table, if_not_exists=True) for table in _temporary.sorted_tables)


async def ensure(connection: AsyncConnection) -> None:
    """Create the temporary tables where this connection has none yet."""
    for statement in _CREATE:
        await connection.execute(statement)


async def fill(connection: AsyncConnection, files: Sequence[ScannedRecord]) -> None:
    """Replace the staged batch. Of two files with one key the later one stands."""
    await connection.execute(delete(stage))
    staged = list({str(record.key): record for record in files}.values())
    for start in range(0, len(staged), STAGED_AT_ONCE):
        rows = [_row(record) for record in staged[start : start + STAGED_AT_ONCE]]
        await connection.execute(insert(stage), rows)


def _row(record: ScannedRecord) -> dict[str, object]:
    return {
        "key": str(record.key),
        "data_type": record.key.data_type.value,
        "key_path": record.key.path,
        "origin": record.key.origin,
        "config_key": record.config_key,
        "path": record.path,
        "size_bytes": record.stat.size_bytes,
        "mtime_ns": record.stat.mtime_ns,
        "inode": record.stat.inode,
        "wal_size_bytes": record.stat.wal_size_bytes,
        "wal_mtime_ns": record.stat.wal_mtime_ns,
        "touched": UNTOUCHED,
    }
