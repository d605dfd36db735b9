"""Whether an operator let a transfer fill its target past the maximum."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    """Add the column; nobody was asked about what is queued."""
    op.add_column("transfers", sa.Column("may_fill", sa.Boolean(), nullable=False, server_default="0"))
