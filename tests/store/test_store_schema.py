"""The schema: created at once or migrated step by step, it is the same."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from engine.store.connections import opening_engine
from engine.store.migrating import head_revision, known_revisions, upgrade
from engine.store.opening import create_tables, prepare
from engine.store.schema import REVISION


def shape(path: Path) -> list[tuple[str, list[str]]]:
    """Every table and index by name; the order of a table's constraints and white space do not count."""
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
    connection.close()
    return [(name, parts(sql)) for name, sql in found]


def parts(sql: str) -> list[str]:
    tight = re.sub(r"\s*([(),])\s*", r"\1", re.sub(r"[\s\"]+", " ", sql))
    head, *constraints = re.split(r",(?=CONSTRAINT)", re.sub(r"\)( WITHOUT ROWID)?$", r",CONSTRAINT END\1", tight))
    return [head, *sorted(constraints)]


def identity(path: Path) -> tuple[object, ...]:
    connection = sqlite3.connect(path)
    found = connection.execute("PRAGMA application_id").fetchone()
    found += connection.execute("SELECT version_num FROM alembic_version").fetchone()
    found += connection.execute("SELECT name, value FROM counters").fetchone()
    connection.close()
    return tuple(found)


def test_a_migrated_database_equals_one_created_at_once(tmp_path: Path) -> None:
    migrated, created = tmp_path / "migrated.db", tmp_path / "created.db"
    for path, build in ((migrated, upgrade), (created, create_tables)):
        engine = opening_engine(path)
        with engine.begin() as connection:
            build(connection)
        engine.dispose()
    assert shape(migrated) == shape(created)
    assert identity(migrated) == identity(created)


def test_the_stamped_revision_is_the_newest_migration() -> None:
    assert head_revision() == REVISION
    assert REVISION in known_revisions()


def test_preparing_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    prepare(path)
    before = shape(path)
    prepare(path)
    assert shape(path) == before
