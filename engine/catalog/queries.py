"""Finding entries: by key, by what changed, by node, type, config key, missing, under-replicated, old."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select

from engine.catalog.part import CatalogPart
from engine.catalog.rows import id_of, load, sequence_in
from engine.catalog.standing import is_current
from engine.catalog.values import EntryFilter
from engine.model import DataEntry, DataType, EntryKey, ReplicaState
from engine.store.schema import entries, locations, replicas

FEW_CHANGES = 5_000
"""Up to this many changed entries are found through their sequence and sorted; more are met in passing."""

Wanted = Callable[[DataEntry], bool]


class Queries(CatalogPart):
    """Reads that return entries. All pages are keysets: pass the last row id as ``after_id``."""

    async def sequence(self) -> int:
        """Return the number of the newest change; entries that change later have higher ones."""
        return await self._store.query(sequence_in)

    async def get(self, key: EntryKey) -> DataEntry | None:
        """Return one entry with all its copies, or None."""

        def look(connection: Connection) -> DataEntry | None:
            found = id_of(connection, key)
            return None if found is None else load(connection, [found])[0][1]

        return await self._store.query(look)

    async def by_ids(self, ids: Sequence[int]) -> list[tuple[int, DataEntry]]:
        """Return entries by row id, in the order given; unknown ids are left out."""
        return await self._store.query(lambda connection: load(connection, ids))

    async def iter_entries(
        self, after_id: int = 0, limit: int = 500, changed_since: int | None = None
    ) -> list[tuple[int, DataEntry]]:
        """Return a page of (row id, entry) in the order of row ids; empty at the end.

        ``changed_since`` leaves out what has not changed since ``sequence()`` returned that number.
        """

        def look(connection: Connection) -> list[tuple[int, DataEntry]]:
            return load(connection, _page(connection, after_id, limit, changed_since))

        return await self._store.query(look)

    async def find(self, wanted: EntryFilter, after_id: int = 0, limit: int = 500) -> list[tuple[int, DataEntry]]:
        """Return a page of the entries that match a filter, in the order of row ids; empty at the end."""
        statement = select(entries.c.id).where(entries.c.id > after_id, *conditions(wanted))
        statement = statement.order_by(entries.c.id).limit(limit)

        def look(connection: Connection) -> list[tuple[int, DataEntry]]:
            return load(connection, connection.execute(statement).scalars().all())

        return await self._store.query(look)

    async def get_missing_on_node(
        self,
        location: str,
        data_type: DataType | None = None,
        wanted: Wanted | None = None,
        limit: int | None = None,
    ) -> list[DataEntry]:
        """Return entries whose current version is not at a location (a node id: at none of its locations).

        ``wanted`` says which of them belong there; ``limit`` None returns every one.
        """
        missing: list[DataEntry] = []
        after = 0
        while limit is None or len(missing) < limit:
            page = await self.find(EntryFilter(data_type=data_type, missing_on=location), after)
            if not page:
                break
            after = page[-1][0]
            chosen: Iterable[DataEntry] = (entry for _, entry in page if wanted is None or wanted(entry))
            missing += islice(chosen, None if limit is None else limit - len(missing))
        return missing

    async def get_replication_factor(self, key: EntryKey, among: frozenset[str] | None = None) -> int:
        """Return at how many locations (of those in ``among``) the current version is; 0 for an unknown key."""
        entry = await self.get(key)
        if entry is None:
            return 0
        return len(entry.locations if among is None else entry.locations & among)


def conditions(wanted: EntryFilter) -> list[ColumnElement[bool]]:
    """Return a filter as conditions on the entries table."""
    found: list[ColumnElement[bool]] = []
    if wanted.data_type is not None:
        found.append(entries.c.data_type == wanted.data_type.value)
    if wanted.config_key is not None:
        found.append(entries.c.config_key == wanted.config_key)
    if wanted.node is not None:
        found.append(exists().where(_of_entry(), replicas.c.location_id.in_(at(wanted.node))))
    if wanted.state is not None:
        found.append(has_state(wanted.state))
    if wanted.older_than is not None:
        found.append(entries.c.mtime < wanted.older_than)
    if wanted.missing_on is not None:
        found += missing_on(wanted.missing_on)
    if wanted.fewer_copies_than is not None:
        found.append(_copies(wanted.among) < wanted.fewer_copies_than)
    return found


def missing_on(place: str) -> list[ColumnElement[bool]]:
    """Return the condition that an entry has a current version, and that it is not at ``place``."""
    held = exists().where(_of_entry(), _current(), replicas.c.location_id.in_(at(place)))
    return [entries.c.current_version_id.is_not(None), ~held]


def has_state(state: ReplicaState) -> ColumnElement[bool]:
    """Return the condition that an entry has a copy in a state; found through the states' own index."""
    return entries.c.id.in_(select(replicas.c.entry_id).where(replicas.c.state == state.value))


def at(place: str) -> Any:
    """Return a subquery for the row ids of a location, or of all locations of a node."""
    return select(locations.c.id).where((locations.c.name == place) | (locations.c.node_id == place))


def _of_entry() -> ColumnElement[bool]:
    return replicas.c.entry_id == entries.c.id


def _current() -> ColumnElement[bool]:
    return is_current()


def _copies(among: frozenset[str] | None) -> ColumnElement[int]:
    counted = [_of_entry(), _current()]
    if among is not None:
        named = select(locations.c.id).where(locations.c.name.in_(sorted(among)))
        counted.append(replicas.c.location_id.in_(named))
    return select(func.count()).select_from(replicas).where(and_(*counted)).scalar_subquery()


def _page(connection: Connection, after_id: int, limit: int, changed_since: int | None) -> list[int]:
    page = select(entries.c.id).where(entries.c.id > after_id).order_by(entries.c.id).limit(limit)
    if changed_since is None:
        return list(connection.execute(page).scalars())
    changed = select(entries.c.id).where(entries.c.sequence > changed_since)
    few = connection.execute(changed.limit(FEW_CHANGES + 1)).scalars().all()
    if len(few) <= FEW_CHANGES:
        return sorted(entry_id for entry_id in few if entry_id > after_id)[:limit]
    return list(connection.execute(page.where(entries.c.sequence > changed_since)).scalars())
