"""Tables of rescues: emergencies and drains, and the files that each is about."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Integer, Table, Text

from engine.store.catalog_tables import BigId
from engine.store.metadata import metadata

rescues = Table(
    "rescues",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("kind", Text, nullable=False),
    # JSON: the nodes that are saved, and those that were named when it was asked for (none: every endangered one).
    Column("nodes", Text, nullable=False),
    Column("asked", Text, nullable=False),
    Column("allow_fill", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    # It is looked after until it is closed: a drain until it is cancelled, also when all is saved.
    Column("closed", Boolean, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("finished_at", Float),
    Column("files_total", Integer, nullable=False),
    Column("files_done", Integer, nullable=False),
    Column("bytes_total", BigInteger, nullable=False),
    Column("bytes_done", BigInteger, nullable=False),
    # JSON: [[key, why], ...] of what could not be saved, at most a hundred.
    Column("unsaved", Text, nullable=False),
    Column("unsaved_total", Integer, nullable=False),
    Column("sentence", Text, nullable=False),
)

# No foreign key to entries: what was saved is still counted when its entry is forgotten.
rescue_files = Table(
    "rescue_files",
    metadata,
    Column("rescue_id", BigId, ForeignKey("rescues.id", ondelete="CASCADE"), primary_key=True),
    Column("entry_id", BigId, primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("fate", Text, nullable=False),
    sqlite_with_rowid=False,
)
