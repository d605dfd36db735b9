"""Emergencies and drains, and the files that each is about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: None = None
depends_on: None = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the two tables."""
    op.create_table(
        "rescues",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("nodes", sa.Text(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("allow_fill", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.Column("files_total", sa.Integer(), nullable=False),
        sa.Column("files_done", sa.Integer(), nullable=False),
        sa.Column("bytes_total", sa.BigInteger(), nullable=False),
        sa.Column("bytes_done", sa.BigInteger(), nullable=False),
        sa.Column("unsaved", sa.Text(), nullable=False),
        sa.Column("unsaved_total", sa.Integer(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rescues")),
    )
    op.create_table(
        "rescue_files",
        sa.Column("rescue_id", _BIG_ID, nullable=False),
        sa.Column("entry_id", _BIG_ID, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("fate", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["rescue_id"], ["rescues.id"], name=op.f("fk_rescue_files_rescue_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("rescue_id", "entry_id", name=op.f("pk_rescue_files")),
        sqlite_with_rowid=False,
    )
