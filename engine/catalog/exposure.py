"""Which entries would be lost with nodes, one by one: what an emergency saves, smallest first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, exists, func, select

from engine.catalog.part import CatalogPart
from engine.catalog.standing import exposed, ground, holdings
from engine.catalog.values import Places
from engine.model import ReplicaState
from engine.store.schema import entries, locations, replicas


@dataclass(frozen=True, slots=True)
class ExposedEntry:
    """One entry that would be lost with nodes: how many bytes of it, and whether a saved version is merely older.

    ``earlier``: what would be lost is (also) a version from before the file shrank, which no copy of a newer one saves.
    """

    entry_id: int
    bytes: int
    newer: bool
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class HeldByType:
    """What a node holds of one data type, whatever its copies are worth; ``bytes`` on its disks."""

    data_type: str
    entries: int
    bytes: int


class Exposure(CatalogPart):
    """Reads the whole catalog in a thread: worth keeping for as long as ``sequence()`` stands."""

    async def exposed_entries(self, places: Places, nodes: Collection[str]) -> list[ExposedEntry]:
        """Return the entries whose newest content is, of all durable places, at most at ``nodes``; smallest first.

        ``places`` says what counts as durable; to save several nodes at once none of theirs may.
        """

        def look(connection: Connection) -> list[ExposedEntry]:
            land = ground(connection, places)
            rows = exposed(land, holdings(land)).subquery("exposed")
            size = func.max(rows.c.bytes).label("bytes")
            statement = (
                select(rows.c.entry_id, size, func.max(rows.c.newer).label("newer"))
                .where(rows.c.node_id.in_(sorted(nodes)))
                .group_by(rows.c.entry_id)
                .order_by(size, rows.c.entry_id)
            )
            return [
                ExposedEntry(row.entry_id, int(row.bytes), bool(row.newer)) for row in connection.execute(statement)
            ]

        return await self._store.query(look)

    async def larger_before(self, places: Places, nodes: Collection[str]) -> list[ExposedEntry]:
        """Return the entries whose file shrank, where only ``nodes`` have the larger version of before; smallest first.

        No smaller file ever takes the place of a larger one, and nobody copies what is not the newest: such a version
        stays where it lies, and goes with it. ``places`` as above.
        """

        def look(connection: Connection) -> list[ExposedEntry]:
            land = ground(connection, places)
            other, there = replicas.alias("other"), locations.alias("there")
            saved = exists().where(
                other.c.entry_id == replicas.c.entry_id,
                other.c.version_id == replicas.c.version_id,
                ~other.c.changed,
                land.is_durable(other.c.location_id),
                there.c.id == other.c.location_id,
                there.c.node_id.not_in(sorted(nodes)),
            )
            size = func.max(replicas.c.size_bytes).label("bytes")
            statement = (
                select(replicas.c.entry_id, size)
                .join(entries, entries.c.id == replicas.c.entry_id)
                .join(locations, locations.c.id == replicas.c.location_id)
                .where(replicas.c.state == ReplicaState.STALE.value, ~replicas.c.changed)
                .where(locations.c.node_id.in_(sorted(nodes)), replicas.c.size_bytes > entries.c.size_bytes, ~saved)
                .group_by(replicas.c.entry_id)
                .order_by(size, replicas.c.entry_id)
            )
            return [
                ExposedEntry(row.entry_id, int(row.bytes), newer=False, earlier=True)
                for row in connection.execute(statement)
            ]

        return await self._store.query(look)

    async def held_by_type(self, node_id: str) -> list[HeldByType]:
        """Return how many entries of each data type a node holds, and their bytes."""
        size = func.coalesce(func.sum(replicas.c.size_bytes + replicas.c.wal_size_bytes), 0).label("bytes")
        statement = (
            select(entries.c.data_type, func.count(replicas.c.entry_id.distinct()).label("entries"), size)
            .select_from(locations)
            .join(replicas, replicas.c.location_id == locations.c.id)
            .join(entries, entries.c.id == replicas.c.entry_id)
            .where(locations.c.node_id == node_id)
            .group_by(entries.c.data_type)
            .order_by(entries.c.data_type)
        )

        def look(connection: Connection) -> list[HeldByType]:
            return [HeldByType(row.data_type, row.entries, int(row.bytes)) for row in connection.execute(statement)]

        return await self._store.query(look)
