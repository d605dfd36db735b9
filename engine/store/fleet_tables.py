"""Tables of what is known of the fleet itself, and small things to remember."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, Table, Text

from engine.store.catalog_tables import BigId
from engine.store.metadata import metadata

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

nodes = Table(
    "nodes",
    metadata,
    Column("node_id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("address", Text),
    Column("paused", Boolean, nullable=False),
    Column("last_seen_at", Float),
    Column("last_sync_at", Float),
    Column("changed_at", Float, nullable=False),
)

storage_samples = Table(
    "storage_samples",
    metadata,
    Column("location_id", BigId, ForeignKey("locations.id"), primary_key=True),
    Column("at", Float, primary_key=True),
    Column("total_bytes", BigInteger, nullable=False),
    Column("used_bytes", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

links = Table(
    "links",
    metadata,
    Column("source", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("bytes_per_second", Float, nullable=False),
    Column("samples", Integer, nullable=False),
    Column("updated_at", Float, nullable=False),
)

# How many transfers each link may carry at once, as it was decided from time to time, and why.
link_decisions = Table(
    "link_decisions",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("at", Float, nullable=False),
    Column("source", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("before", Integer, nullable=False),
    Column("after", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("bytes_per_second", Float, nullable=False),
    Column("success_rate", Float, nullable=False),
    Index("ix_link_decisions_link", "source", "target", "id"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("at", Float, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("ix_audit_at", "at"),
)
