"""Tables of the catalog: places, entries, versions, replicas. Times in seconds, sizes in bytes."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from engine.store.metadata import metadata

# SQLite gives rowids only to columns declared exactly INTEGER; PostgreSQL needs the wide type.
BigId = BigInteger().with_variant(Integer(), "sqlite")

locations = Table(
    "locations",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("node_id", Text, nullable=False, index=True),
    # What the last look found; NULL until there was one.
    Column("state", Text),
    Column("root_path", Text),
    Column("seen_at", Float),
)

entries = Table(
    "entries",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("data_type", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("config_key", Text),
    # No foreign key: versions point at entries already, and a cycle cannot be created in one statement.
    Column("current_version_id", BigId),
    # The current version was only the newest of what was met first; nothing was copied from it yet.
    Column("provisional", Boolean, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("mtime", Float, nullable=False),
    # Copies that the rules want; NULL until a planner said so.
    Column("wanted", Integer),
    # Value of the catalog sequence when the entry or one of its copies last changed.
    Column("sequence", BigInteger, nullable=False, index=True),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Index("ix_entries_config", "config_key", "data_type"),
    Index("ix_entries_size_bytes", "size_bytes", "id"),
    Index("ix_entries_mtime", "mtime", "id"),
)

versions = Table(
    "versions",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("entry_id", BigId, ForeignKey("entries.id", ondelete="CASCADE"), nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("mtime", Float, nullable=False),
    Column("games_count", BigInteger),
    Column("fingerprint", Text),
    # Other bytes that say the same (a second snapshot of an unchanged database): the version that they equal.
    Column("alias_of", BigId),
    Column("recorded_at", Float, nullable=False),
    UniqueConstraint("entry_id", "sha256"),
)

replicas = Table(
    "replicas",
    metadata,
    Column("entry_id", BigId, ForeignKey("entries.id", ondelete="CASCADE"), primary_key=True),
    Column("location_id", BigId, ForeignKey("locations.id"), primary_key=True),
    Column("path", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("changed", Boolean, nullable=False),
    # The version that this content is (by hash or fingerprint); kept while the file is unhashed again.
    Column("version_id", BigId),
    Column("sha256", Text),
    # What the last look saw.
    Column("size_bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("wal_size_bytes", BigInteger, nullable=False),
    Column("wal_mtime_ns", BigInteger, nullable=False),
    # What it looked like when its hash was taken.
    Column("hashed_size_bytes", BigInteger),
    Column("hashed_mtime_ns", BigInteger),
    Column("hashed_wal_size_bytes", BigInteger),
    Column("hashed_wal_mtime_ns", BigInteger),
    Column("verified_at", Float),
    Column("hashed_at", Float),
    Column("seen_at", Float, nullable=False),
    # Catalog sequence of the last evidence: a scan that began before it may neither overrule nor remove it.
    Column("sequence", BigInteger, nullable=False),
    # Everything that counting copies needs, so that aggregates never read the wide rows.
    Index("ix_replicas_summary", "entry_id", "location_id", "state", "changed", "version_id", "size_bytes"),
    Index("ix_replicas_location", "location_id", "entry_id"),
    Index("ix_replicas_state", "state", "entry_id"),
    sqlite_with_rowid=False,
)
