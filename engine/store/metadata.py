"""The one SQLAlchemy ``MetaData`` that every table belongs to, and the revision that it describes."""

from __future__ import annotations

from sqlalchemy import MetaData

REVISION = "0006"
"""The Alembic revision that equals these tables; a test compares both, so a new migration must change it."""

APPLICATION_ID = 0x73796E63
"""SQLite's application_id of our databases ("sync" in ASCII): tells them from any other SQLite file."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
