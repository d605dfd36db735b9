"""Entries in outline: what tells where they belong, without the wide rows. For looking at a whole catalog at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, case, func, select

from engine.catalog.part import CatalogPart
from engine.catalog.rows import sequence_in
from engine.model import ReplicaState
from engine.store.schema import entries, locations, replicas, versions

Outline = tuple[int, str, str, str, str | None, int | None, float | None, str | None, int, int | None, int]
"""Row id, key, type, origin, config key, size and time of the current version, the row ids of the locations of its
copies (joined by commas), how many of its copies are something other than an unchanged current one, None, and the
current content (see CONTENT_DIGITS; 0: there is none).

Where no copy was hashed yet and all have the same size: that size, the time of the one that was written last, the row
ids, 0, the row id of the location that has the latter, and 0."""
CONTENT_DIGITS = 15
"""A content is told from others by so many hexadecimal digits of its SHA-256, as a number: they fit into 63 bits."""


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
        unhashed = and_(
            replicas.c.state == ReplicaState.UNHASHED.value,
            replicas.c.changed.is_(False),
            replicas.c.wal_size_bytes == 0,
        )
        copies = (
            select(
                replicas.c.entry_id,
                func.group_concat(replicas.c.location_id).label("places"),
                func.sum(case((sound, 0), else_=1)).label("odd"),
                func.sum(case((unhashed, 0), else_=1)).label("hashed"),
                func.min(replicas.c.size_bytes).label("least"),
                func.max(replicas.c.size_bytes).label("most"),
                func.max(replicas.c.mtime_ns).label("latest_ns"),
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
                copies.c.hashed,
                copies.c.least,
                copies.c.most,
                copies.c.latest_ns,
                func.substr(versions.c.sha256, 1, CONTENT_DIGITS),
            )
            .select_from(page)
            .join(entries, entries.c.id == page.c.id)
            .join(versions, versions.c.id == entries.c.current_version_id, isouter=True)
            .join(copies, copies.c.entry_id == entries.c.id, isouter=True)
            .order_by(entries.c.id)
        )

        def look(connection: Connection) -> OutlinePage:
            names = {row.id: row.name for row in connection.execute(select(locations.c.id, locations.c.name))}
            rows = [tuple(row) for row in connection.execute(statement)]
            newest = _newest(connection, [row[0] for row in rows if _is_unhashed(row)], names)
            return OutlinePage(tuple(_outline(row, newest.get(row[0])) for row in rows), names)

        return await self._store.query(look)

    async def size_and_sequence(self) -> tuple[int, int]:
        """Return how many entries there are, and the number of the newest change."""

        def look(connection: Connection) -> tuple[int, int]:
            count: int = connection.execute(select(func.count()).select_from(entries)).scalar_one()
            return count, sequence_in(connection)

        return await self._store.query(look)


_IDS_AT_ONCE = 500


def _is_unhashed(row: tuple[Any, ...]) -> bool:
    """Return whether an entry has no version, and copies of one size of which nobody knows more than that."""
    size, hashed, least, most = row[5], row[9], row[10], row[11]
    return size is None and hashed == 0 and least is not None and least == most


def _outline(row: tuple[Any, ...], newest: int | None) -> Outline:
    if newest is None:
        return (*row[:9], None, int(row[13] or "0", 16))
    size, latest_ns = row[11], row[12]
    return (*row[:5], size, latest_ns / 1e9, row[7], 0, newest, 0)


def _newest(connection: Connection, ids: list[int], names: Mapping[int, str]) -> dict[int, int]:
    """Return where the copies that were written last are: of several at once, at the last location by name."""
    found: dict[int, tuple[int, str, int]] = {}
    for start in range(0, len(ids), _IDS_AT_ONCE):
        wanted = replicas.c.entry_id.in_(ids[start : start + _IDS_AT_ONCE])
        chosen = select(replicas.c.entry_id, replicas.c.location_id, replicas.c.mtime_ns).where(wanted)
        for entry_id, location_id, mtime_ns in connection.execute(chosen):
            this = (mtime_ns, names[location_id], location_id)
            found[entry_id] = max(found.get(entry_id, this), this)
    return {entry_id: location_id for entry_id, (_, _, location_id) in found.items()}
