"""What each try of a transport came to, and how many transfers each link was allowed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: None = None
depends_on: None = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns of attempts (their link taken from the transfer), and the two new tables."""
    with op.batch_alter_table("attempts", recreate="always") as attempts:
        attempts.add_column(sa.Column("source_node", sa.Text(), nullable=False, server_default=""))
        attempts.add_column(sa.Column("target_node", sa.Text(), nullable=False, server_default=""))
        attempts.add_column(sa.Column("duration_seconds", sa.Float(), nullable=False, server_default="0"))
        attempts.add_column(sa.Column("bytes_resent", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE attempts SET duration_seconds = finished_at - started_at,"
        " source_node = (SELECT source_node FROM transfers WHERE transfers.id = attempts.transfer_id),"
        " target_node = (SELECT target_node FROM transfers WHERE transfers.id = attempts.transfer_id)"
    )
    op.create_table(
        "transport_failures",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("transfer_id", _BIG_ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("source_node", sa.Text(), nullable=False),
        sa.Column("target_node", sa.Text(), nullable=False),
        sa.Column("transport", sa.Text(), nullable=False),
        sa.Column("finished_at", sa.Float(), nullable=False),
        sa.Column("duration_seconds", sa.Float(), nullable=False),
        sa.Column("bytes_done", sa.BigInteger(), nullable=False),
        sa.Column("bytes_on_wire", sa.BigInteger(), nullable=False),
        sa.Column("error_class", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["transfer_id"], ["transfers.id"], name=op.f("fk_transport_failures_transfer_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transport_failures")),
    )
    op.create_index("ix_transport_failures_attempt", "transport_failures", ["transfer_id", "number"], unique=False)
    op.create_index("ix_transport_failures_finished", "transport_failures", ["finished_at"], unique=False)
    op.create_table(
        "link_decisions",
        sa.Column("id", _BIG_ID, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("before", sa.Integer(), nullable=False),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("bytes_per_second", sa.Float(), nullable=False),
        sa.Column("success_rate", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_decisions")),
    )
    op.create_index("ix_link_decisions_link", "link_decisions", ["source", "target", "id"], unique=False)
