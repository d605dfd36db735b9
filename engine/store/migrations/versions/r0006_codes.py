"""What decides about a transfer or an archive is a code of its own, no longer the words of the reason."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: None = None
depends_on: None = None

# The words that revision 0005 wrote and compared: whole reasons, and how reasons began.
_PAUSED = "paused by the operator"
_MADE_WAY = "makes way for an emergency"
_CANCELLED = "cancelled by the operator"
_DAMAGED = "the source is damaged"
_AWAITS_DELETION = "read back in full; the original goes next"


def upgrade() -> None:
    """Add the columns, and fill them from the reasons as they were worded until now."""
    op.add_column("transfers", sa.Column("code", sa.Text(), nullable=True))
    op.add_column("archives", sa.Column("code", sa.Text(), nullable=True))
    _fill("transfers", "paused", "state = 'waiting' AND reason = :words", words=_PAUSED)
    # What else waited did so for a node, but for what only made way for an emergency.
    other = "state = 'waiting' AND code IS NULL AND reason <> :words"
    _fill("transfers", "node-closed", other, words=_MADE_WAY)
    _fill("transfers", "cancelled-by-operator", "state = 'cancelled' AND reason = :words", words=_CANCELLED)
    blocked = "state = 'blocked' AND substr(reason, 1, length(:words)) = :words"
    _fill("transfers", "source-damaged", blocked, words=_DAMAGED)
    for code in ("smaller", "diverged"):
        _fill("transfers", code, blocked, words=f"{code}:")
    _fill("archives", "awaits-deletion", "reason = :words", words=_AWAITS_DELETION)


def _fill(table: str, code: str, where: str, words: str) -> None:
    statement = sa.text(f"UPDATE {table} SET code = :code WHERE {where}")
    op.get_bind().execute(statement, {"code": code, "words": words})
