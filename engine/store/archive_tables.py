"""Tables of archives and deletions: what was compressed where, what proves a deletion, what must never go."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, Table, Text

from engine.store.catalog_tables import BigId
from engine.store.metadata import metadata

archives = Table(
    "archives",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("entry_id", BigId, ForeignKey("entries.id", ondelete="CASCADE"), nullable=False),
    # The version that it holds; NULL until the content was read.
    Column("version_id", BigId),
    Column("location_id", BigId, ForeignKey("locations.id"), nullable=False),
    # Absolute on the location's node, as replicas are.
    Column("path", Text, nullable=False),
    Column("root", Text, nullable=False),
    Column("codec", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("original_location", Text, nullable=False),
    Column("original_path", Text, nullable=False),
    # kept, deleting or deleted; and whether it was asked to go.
    Column("original", Text, nullable=False),
    Column("delete_original", Boolean, nullable=False),
    # Of the content, and of the archive file.
    Column("sha256", Text),
    Column("fingerprint", Text),
    Column("size_bytes", BigInteger, nullable=False),
    Column("archive_sha256", Text),
    Column("archive_bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    # Our temporary files while it is written: JSON [[node, path], ...]
    Column("temporaries", Text, nullable=False),
    # One request archives many copies: they are undone together.
    Column("run", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("verified_at", Float),
    # An ArchiveCode: what decides; the reason is for people.
    Column("code", Text),
    Index("ix_archives_entry", "entry_id", "state"),
    Index("ix_archives_state", "state", "id"),
)

proofs = Table(
    "proofs",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("entry_id", BigId, ForeignKey("entries.id", ondelete="CASCADE"), nullable=False),
    Column("archive_id", BigId),
    Column("location", Text, nullable=False),
    Column("path", Text, nullable=False),
    # alive, used or broken
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("copies_before", Integer, nullable=False),
    Column("copies_after", Integer, nullable=False),
    # What the copy's row said before it was DELETING.
    Column("replica_state", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("finished_at", Float),
    Index("ix_proofs_state", "state", "id"),
)

# The witnesses of a proof: while it is alive, none of them may be deleted.
holds = Table(
    "holds",
    metadata,
    Column("proof_id", BigId, ForeignKey("proofs.id", ondelete="CASCADE"), primary_key=True),
    Column("location", Text, primary_key=True),
    Column("path", Text, nullable=False),
    Column("archive_id", BigId),
    Column("sha256", Text, nullable=False),
    Column("verified_at", Float, nullable=False),
    Index("ix_holds_place", "location", "path"),
)

# What a copy's file was found to hash to when it was last read in full, and what it looked like.
readings = Table(
    "readings",
    metadata,
    Column("location", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("read_at", Float, nullable=False),
)

pins = Table(
    "pins",
    metadata,
    Column("key", Text, primary_key=True),
    Column("who", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("reason", Text, nullable=False),
)

# Transfers whose source is an archive.
restores = Table(
    "restores",
    metadata,
    Column("transfer_id", BigId, ForeignKey("transfers.id", ondelete="CASCADE"), primary_key=True),
    Column("archive_id", BigId, ForeignKey("archives.id", ondelete="CASCADE"), nullable=False),
)
