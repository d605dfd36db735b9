"""Entries in outline: what tells where they belong, without the wide rows. For looking at a whole catalog at once."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, case, func, select

from engine.catalog.part import CatalogPart
from engine.catalog.rows import sequence_in
from engine.model import ReplicaState
from engine.store.schema import entries, locations, replicas, versions

Outline = tuple[int, str, str, str, str | None, int | None, float | None, str | None, int]
"""Row id, key, type, origin, config key, size and time of the current version, the row ids of the locations of its
copies (joined by commas), and how many of its copies are something other than an unchanged current one."""


@dataclass(frozen=True, slots=True)
class OutlinePage:
    """Outlines in the order of row ids, and the names of locations by row id."""

    rows: tuple[Outline, ...]
    locations: dict[int, str]


class Outlines(CatalogPart):
    """Reads of outlines; all in threads."""

    async def outlines(self, after_id: int, limit: int, changed_since: int | None = None) -> OutlinePage:
        """Return up to ``limit`` outlines of entries (of those changed since a sequence number); empty at the end."""
        chosen = select(entries.c.id).where(entries.c.id > after_id).order_by(entries.c.id).limit(limit)
        if changed_since is not None:
            chosen = chosen.where(entries.c.sequence > changed_since)
        page = chosen.cte("page")
        sound = and_(replicas.c.state == ReplicaState.CURRENT.value, replicas.c.changed.is_(False))
        copies = (
            select(
                replicas.c.entry_id,
                func.group_concat(replicas.c.location_id).label("places"),
                func.sum(case((sound, 0), else_=1)).label("odd"),
            )
            .where(replicas.c.entry_id.in_(select(page.c.id)))
            .group_by(replicas.c.entry_id)
            .subquery("copies")
        )
        statement = (
            select(
                entries.c.id,
                entries.c.key,
                entries.c.data_type,
                entries.c.origin,
                entries.c.config_key,
                versions.c.size_bytes,
                versions.c.mtime,
                copies.c.places,
                func.coalesce(copies.c.odd, 0),
            )
            .select_from(page)
            .join(entries, entries.c.id == page.c.id)
            .join(versions, versions.c.id == entries.c.current_version_id, isouter=True)
            .join(copies, copies.c.entry_id == entries.c.id, isouter=True)
            .order_by(entries.c.id)
        )

        def look(connection: Connection) -> OutlinePage:
            names = {row.id: row.name for row in connection.execute(select(locations.c.id, locations.c.name))}
            return OutlinePage(tuple(tuple(row) for row in connection.execute(statement)), names)

        return await self._store.query(look)

    async def size_and_sequence(self) -> tuple[int, int]:
        """Return how many entries there are, and the number of the newest change."""

        def look(connection: Connection) -> tuple[int, int]:
            count: int = connection.execute(select(func.count()).select_from(entries)).scalar_one()
            return count, sequence_in(connection)

        return await self._store.query(look)
