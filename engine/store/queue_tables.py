"""Tables of the queue: transfers with their history, every edge they took, every attempt."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from engine.store.catalog_tables import BigId
from engine.store.metadata import metadata

LIVE = text("state NOT IN ('done', 'cancelled', 'failed')")
CLAIMABLE = text("state IN ('queued', 'waiting', 'retry_at')")

transfers = Table(
    "transfers",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("key", Text, nullable=False),
    Column("data_type", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("source_node", Text, nullable=False),
    Column("target_node", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("deadline", Float),
    # The deadline for sorting: "none" sorts last on every database.
    Column("due", Float, nullable=False),
    Column("not_before", Float),
    Column("bytes_total", BigInteger, nullable=False),
    Column("bytes_done", BigInteger, nullable=False),
    Column("bytes_on_wire", BigInteger, nullable=False),
    Column("bytes_per_second", Float),
    Column("attempts", Integer, nullable=False),
    Column("transport", Text),
    Column("transport_preference", Text, nullable=False),
    Column("error_class", Text),
    Column("hint", Text),
    Column("rule", Text, nullable=False),
    Column("line", Integer),
    Column("emergency", Boolean, nullable=False),
    Column("sha256", Text),
    Column("temp_path", Text),
    Column("final_path", Text),
    Column("run_id", Text),
    Column("lease_until", Float),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("may_fill", Boolean, nullable=False, server_default="0"),
    # A TransferCode: what decides; the reason is for people.
    Column("code", Text),
    # At most one live transfer per content and target, whoever asks.
    Index("uq_transfers_live", "key", "target", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
    Index(
        "ix_transfers_claim",
        text("priority DESC"),
        "due",
        "id",
        sqlite_where=CLAIMABLE,
        postgresql_where=CLAIMABLE,
    ),
    Index("ix_transfers_state", "state"),
    Index("ix_transfers_finished", "finished_at", "id"),
    Index("ix_transfers_key", "key"),
)

edges = Table(
    "transfer_edges",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("transfer_id", BigId, ForeignKey("transfers.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("from_state", Text),
    Column("to_state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("run_id", Text),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("transfer_id", BigId, ForeignKey("transfers.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("finished_at", Float, nullable=False),
    Column("transport", Text, nullable=False),
    Column("success", Boolean, nullable=False),
    Column("bytes_done", BigInteger, nullable=False),
    Column("bytes_on_wire", BigInteger, nullable=False),
    Column("error_class", Text),
    Column("error", Text),
    Column("hint", Text),
    # JSON: [[step, seconds], ...]
    Column("steps", Text, nullable=False),
    Column("source_node", Text, nullable=False, server_default=""),
    Column("target_node", Text, nullable=False, server_default=""),
    Column("duration_seconds", Float, nullable=False, server_default="0"),
    Column("bytes_resent", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("transfer_id", "number"),
    Index("ix_attempts_finished", "finished_at"),
)

# Every try of a transport that ended in an error, also where another transport delivered in the same attempt.
transport_failures = Table(
    "transport_failures",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("transfer_id", BigId, ForeignKey("transfers.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("source_node", Text, nullable=False),
    Column("target_node", Text, nullable=False),
    Column("transport", Text, nullable=False),
    Column("finished_at", Float, nullable=False),
    Column("duration_seconds", Float, nullable=False),
    Column("bytes_done", BigInteger, nullable=False),
    Column("bytes_on_wire", BigInteger, nullable=False),
    Column("error_class", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Index("ix_transport_failures_attempt", "transfer_id", "number"),
    Index("ix_transport_failures_finished", "finished_at"),
)
