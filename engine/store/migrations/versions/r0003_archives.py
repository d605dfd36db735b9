"""Archives, the proofs and holds of deletions, pins, and transfers that restore."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: None = None
depends_on: None = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "archives",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("entry_id", _BIG_ID, nullable=False),
        sa.Column("version_id", _BIG_ID, nullable=True),
        sa.Column("location_id", _BIG_ID, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("codec", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("original_location", sa.Text(), nullable=False),
        sa.Column("original_path", sa.Text(), nullable=False),
        sa.Column("original", sa.Text(), nullable=False),
        sa.Column("delete_original", sa.Boolean(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("archive_sha256", sa.Text(), nullable=True),
        sa.Column("archive_bytes", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("temporaries", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("verified_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_archives_location_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_archives_entry_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archives")),
    )
    op.create_index("ix_archives_entry", "archives", ["entry_id", "state"], unique=False)
    op.create_index("ix_archives_state", "archives", ["state", "id"], unique=False)
    op.create_table(
        "proofs",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("entry_id", _BIG_ID, nullable=False),
        sa.Column("archive_id", _BIG_ID, nullable=True),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("copies_before", sa.Integer(), nullable=False),
        sa.Column("copies_after", sa.Integer(), nullable=False),
        sa.Column("replica_state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_proofs_entry_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proofs")),
    )
    op.create_index("ix_proofs_state", "proofs", ["state", "id"], unique=False)
    op.create_table(
        "holds",
        sa.Column("proof_id", _BIG_ID, nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("archive_id", _BIG_ID, nullable=True),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("verified_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["proof_id"], ["proofs.id"], name=op.f("fk_holds_proof_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("proof_id", "location", name=op.f("pk_holds")),
    )
    op.create_index("ix_holds_place", "holds", ["location", "path"], unique=False)
    op.create_table(
        "readings",
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("inode", sa.BigInteger(), nullable=False),
        sa.Column("read_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("location", "path", name=op.f("pk_readings")),
    )
    op.create_table(
        "pins",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_pins")),
    )
    op.create_table(
        "restores",
        sa.Column("transfer_id", _BIG_ID, nullable=False),
        sa.Column("archive_id", _BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["transfer_id"], ["transfers.id"], name=op.f("fk_restores_transfer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["archive_id"], ["archives.id"], name=op.f("fk_restores_archive_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("transfer_id", name=op.f("pk_restores")),
    )
