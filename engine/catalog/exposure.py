"""Which entries would be lost with nodes, one by one: what an emergency saves, smallest first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, exists, func, select

from engine.catalog.begun_anew import KEYS_AT_ONCE, copies_from_before
from engine.catalog.part import CatalogPart
from engine.catalog.standing import Ground, exposed, ground, holdings
from engine.catalog.values import Places
from engine.model import ReplicaState
from engine.store.schema import entries, locations, replicas, versions


@dataclass(frozen=True, slots=True)
class ExposedEntry:
    """One entry that would be lost with nodes: how many bytes of it, and whether a saved version is merely older.

    ``earlier``: what would be lost is (also) a version from before the file shrank or began anew, which no copy of a
    newer one saves.
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

    async def earlier_alone(self, places: Places, nodes: Collection[str]) -> list[ExposedEntry]:
        """Return the entries of which only ``nodes`` have an earlier version that the newest one did not go on from, as
        far as that is known; smallest first.

        The file shrank, or began anew (see ``begun_anew.py``). Nobody copies what is not the newest: such a version
        stays where it lies, and goes with it. ``places`` as above.
        """

        def look(connection: Connection) -> list[ExposedEntry]:
            land = ground(connection, places)
            found = _larger(connection, land, nodes)
            before = [one for one in copies_from_before(connection) if one.node_id in nodes]
            saved = _saved_versions(connection, land, nodes, {one.version_id for one in before})
            for one in before:
                if one.version_id not in saved:
                    found[one.entry_id] = max(found.get(one.entry_id, 0), one.size_bytes)
            listed = sorted(found.items(), key=lambda item: (item[1], item[0]))
            return [ExposedEntry(entry_id, size, newer=False, earlier=True) for entry_id, size in listed]

        return await self._store.query(look)

    async def from_before(self) -> frozenset[tuple[str, str]]:
        """Return, as (key, location), the copies from before their files began anew (see ``begun_anew.py``)."""
        found = await self._store.query(copies_from_before)
        return frozenset((one.key, one.location) for one in found)

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


def _larger(connection: Connection, land: Ground, nodes: Collection[str]) -> dict[int, int]:
    """Return the entries whose file shrank, where only ``nodes`` have the larger version of before, with its bytes.

    No smaller file ever takes the place of a larger one.
    """
    saved = _saved(land, nodes, replicas.c.entry_id, replicas.c.version_id)
    size = func.max(replicas.c.size_bytes).label("bytes")
    statement = (
        select(replicas.c.entry_id, size)
        .join(entries, entries.c.id == replicas.c.entry_id)
        .join(locations, locations.c.id == replicas.c.location_id)
        .where(replicas.c.state == ReplicaState.STALE.value, ~replicas.c.changed)
        .where(locations.c.node_id.in_(sorted(nodes)), replicas.c.size_bytes > entries.c.size_bytes, ~saved)
        .group_by(replicas.c.entry_id)
    )
    return {row.entry_id: int(row.bytes) for row in connection.execute(statement)}


def _saved_versions(connection: Connection, land: Ground, nodes: Collection[str], ids: Collection[int]) -> set[int]:
    """Return which versions have a safe copy that is at none of ``nodes``."""
    found: set[int] = set()
    wanted = sorted(ids)
    for start in range(0, len(wanted), KEYS_AT_ONCE):
        statement = select(versions.c.id).where(
            versions.c.id.in_(wanted[start : start + KEYS_AT_ONCE]),
            _saved(land, nodes, versions.c.entry_id, versions.c.id),
        )
        found.update(connection.execute(statement).scalars())
    return found


def _saved(
    land: Ground, nodes: Collection[str], entry_id: ColumnElement[int], version_id: ColumnElement[int]
) -> ColumnElement[bool]:
    """Return the condition that a version has a safe copy that is at none of ``nodes``."""
    other, there = replicas.alias("other"), locations.alias("there")
    return exists().where(
        other.c.entry_id == entry_id,
        other.c.version_id == version_id,
        ~other.c.changed,
        land.is_durable(other.c.location_id),
        there.c.id == other.c.location_id,
        there.c.node_id.not_in(sorted(nodes)),
    )
