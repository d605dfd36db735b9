"""Alembic's scripts: how the schema came to be, one step per file in ``versions``."""
