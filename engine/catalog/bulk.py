"""Recording evidence of many files in one transaction, a few statements for all.

The common cases (a first version, a known version, a copy of a known version) are set-based here; every other goes
through the rules of ``engine/catalog/evidence.py`` one by one, in the same transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.catalog import rows
from engine.catalog.evidence import REPLICA_IS, SPOILT, mark_one, no_version, record_one, replica_row
from engine.catalog.part import CatalogPart, location_id, next_sequence
from engine.catalog.values import CatalogError, Found, Placed
from engine.catalog.versions import version_row
from engine.locations import node_of
from engine.model import DataEntry, EntryKey, ReplicaState
from engine.store.dialect import upsert
from engine.store.many import ManyRows
from engine.store.schema import entries, replicas, versions
from engine.turns import in_turns

T = TypeVar("T")

LOOKED_UP_AT_ONCE = 200
"""Rows asked for per statement: making values of more would hold the event loop for milliseconds."""
_ENTRIES = select(entries.c.id, entries.c.key, entries.c.current_version_id, entries.c.provisional).where(
    entries.c.key.in_(bindparam("wanted", expanding=True))
)
_COPIES = select(replicas.c.entry_id, replicas.c.location_id, replicas.c.state, replicas.c.sha256).where(
    replicas.c.entry_id.in_(bindparam("wanted", expanding=True))
)
_VERSIONS = select(
    versions.c.entry_id,
    versions.c.sha256,
    func.coalesce(versions.c.alias_of, versions.c.id).label("real"),
    versions.c.alias_of,
).where(versions.c.entry_id.in_(bindparam("wanted", expanding=True)))
_VERSION_IDS = select(versions.c.entry_id, versions.c.sha256, versions.c.id).where(
    versions.c.entry_id.in_(bindparam("wanted", expanding=True))
)


@dataclass
class _Known:
    """What the catalog holds of some entries, by the entry's row id."""

    entry: dict[str, Any] = field(default_factory=dict)
    """By key."""
    version: dict[tuple[int, str], tuple[int, bool]] = field(default_factory=dict)
    """By entry and hash: the version that counts, and whether the hash is only another form of it."""
    versioned: set[int] = field(default_factory=set)
    copies: dict[int, list[Any]] = field(default_factory=dict)


@dataclass
class _Writes:
    """Rows to be written together."""

    versions: list[dict[str, Any]] = field(default_factory=list)
    first: list[tuple[int, Found, int, bool]] = field(default_factory=list)
    copies: list[dict[str, Any]] = field(default_factory=list)
    touched: dict[int, bool | None] = field(default_factory=dict)
    """Entries that change, and what ``provisional`` becomes (None: what it is)."""


class BulkEvidence(CatalogPart):
    """``EvidenceRecorder`` for many files at once."""

    async def get_many(self, keys: Collection[EntryKey]) -> dict[EntryKey, DataEntry]:
        """Return the entries of these keys that there are."""
        names = [str(key) for key in keys]

        def look(connection: Connection) -> dict[EntryKey, DataEntry]:
            ids: list[int] = []
            for part in _parts(names, rows.IDS_AT_ONCE):
                ids += connection.execute(select(entries.c.id).where(entries.c.key.in_(part))).scalars()
            return {entry.key: entry for _, entry in rows.load(connection, ids)}

        return await self._store.query(look)

    async def record_contents(self, found: Sequence[Found], at: float) -> list[ReplicaState]:
        """Do what ``record_content`` does for each, in order, in one transaction; return what each is worth."""

        async def record(connection: AsyncConnection) -> list[ReplicaState]:
            known = await _look_up(connection, [one.key for one in found])
            places = await _places(connection, [one.location for one in found])
            writes, states = _Writes(), dict[int, ReplicaState]()
            sequence = await next_sequence(connection)
            simple = _once([str(one.key) for one in found])
            async for number, one in in_turns(enumerate(found)):
                if str(one.key) in simple:
                    state = _plan_content(known, places[one.location], one, at, sequence, writes)
                    if state is not None:
                        states[number] = state
            await _write(connection, writes, at, sequence)
            for number, one in enumerate(found):
                if number not in states:
                    states[number] = await record_one(connection, one, at)
            return [states[number] for number in range(len(found))]

        return await self._store.write(record) if found else []

    async def mark_many_synced(self, placed: Sequence[Placed], at: float) -> list[ReplicaState | CatalogError]:
        """Do what ``mark_synced`` does for each, in one transaction; return what each is, or why it is no copy."""

        async def mark(connection: AsyncConnection) -> list[ReplicaState | CatalogError]:
            known = await _look_up(connection, [one.key for one in placed])
            places = await _places(connection, [one.location for one in placed])
            writes, results = _Writes(), dict[int, ReplicaState | CatalogError]()
            sequence = await next_sequence(connection)
            simple = _once([str(one.key) for one in placed])
            async for number, one in in_turns(enumerate(placed)):
                if str(one.key) in simple:
                    results[number] = _plan_copy(known, places[one.location], one, at, sequence, writes)
            await _write(connection, writes, at, sequence)
            for number, one in enumerate(placed):
                if number not in results:
                    results[number] = await mark_one(connection, one, at)
            return [results[number] for number in range(len(placed))]

        return await self._store.write(mark) if placed else []


async def _places(connection: AsyncConnection, names: Collection[str]) -> dict[str, int]:
    """Return the row ids of locations, each asked for once: a batch's files are at one."""
    return {name: await location_id(connection, name) for name in dict.fromkeys(names)}


def _plan_content(
    known: _Known, place: int, one: Found, at: float, sequence: int, writes: _Writes
) -> ReplicaState | None:
    """Note what a simple case writes and return its state; None for a case that is not simple."""
    entry = known.entry.get(str(one.key))
    if entry is None:
        return None
    sha256 = one.version.sha256
    copies = known.copies.get(entry.id, [])
    held = next((copy for copy in copies if copy.location_id == place), None)
    if held is not None and held.state in SPOILT and held.sha256 == sha256:
        return None
    at_origin = bool(one.key.origin) and one.key.origin == node_of(one.location)
    match = known.version.get((entry.id, sha256))
    if match is not None:
        version_id, alias = match
        if alias:
            return None
        state = ReplicaState.CURRENT if version_id == entry.current_version_id else ReplicaState.STALE
        row = replica_row(entry.id, place, one.path, state, version_id, sha256, one.stat, at, sequence)
        writes.copies.append(row)
        writes.touched[entry.id] = False if at_origin else None
        return state
    disowned = any(copy.state == ReplicaState.DIVERGED.value for copy in copies)
    if entry.current_version_id is not None or entry.id in known.versioned or disowned:
        return None
    writes.versions.append(version_row(entry.id, one.version, None, at))
    writes.first.append((entry.id, one, place, at_origin))
    return ReplicaState.CURRENT


def _plan_copy(
    known: _Known, place: int, one: Placed, at: float, sequence: int, writes: _Writes
) -> ReplicaState | CatalogError:
    entry = known.entry.get(str(one.key))
    match = None if entry is None else known.version.get((entry.id, one.sha256))
    if entry is None or match is None:
        return no_version(one)
    version_id, _ = match
    state = ReplicaState.CURRENT if version_id == entry.current_version_id else ReplicaState.STALE
    row = replica_row(entry.id, place, one.path, state, version_id, one.sha256, one.stat, at, sequence)
    writes.copies.append(row)
    writes.touched[entry.id] = False if entry.provisional else None
    return state


async def _write(connection: AsyncConnection, writes: _Writes, at: float, sequence: int) -> None:
    new = await _insert_versions(connection, writes.versions)
    settled = []
    async for entry_id, one, place, at_origin in in_turns(writes.first):
        version_id = new[(entry_id, one.version.sha256)]
        row = replica_row(
            entry_id, place, one.path, ReplicaState.CURRENT, version_id, one.version.sha256, one.stat, at, sequence
        )
        writes.copies.append(row)
        settled.append(
            {
                "of_id": entry_id,
                "to_current_version_id": version_id,
                "to_provisional": not at_origin,
                "to_size_bytes": one.version.size_bytes,
                "to_mtime": one.version.mtime,
            }
        )
    stamp = {"to_sequence": sequence, "to_updated_at": at}
    await _change_entries(connection, [{**row, **stamp} for row in settled])
    for provisional in (None, False):
        also = {} if provisional is None else {"to_provisional": provisional}
        ids = [entry_id for entry_id, becomes in writes.touched.items() if becomes is provisional]
        await _change_entries(connection, [{"of_id": entry_id, **also, **stamp} for entry_id in ids])
    if writes.copies:
        await _copies_written(tuple(writes.copies[0])).execute(connection, writes.copies)


@cache
def _copies_written(names: tuple[str, ...]) -> ManyRows:
    return ManyRows(upsert(replicas, None, REPLICA_IS, [name for name in names if name not in REPLICA_IS]), names)


@cache
def _versions_written(names: tuple[str, ...]) -> ManyRows:
    return ManyRows(insert(versions), names)


async def _insert_versions(connection: AsyncConnection, new: Sequence[dict[str, Any]]) -> Mapping[tuple[int, str], int]:
    ids: dict[tuple[int, str], int] = {}
    if new:
        await _versions_written(tuple(new[0])).execute(connection, new)
    for owners in _parts([row["entry_id"] for row in new], LOOKED_UP_AT_ONCE):
        for row in await connection.execute(_VERSION_IDS, {"wanted": owners}):
            ids[(row.entry_id, row.sha256)] = row.id
    return ids


async def _change_entries(connection: AsyncConnection, changes: Sequence[dict[str, Any]]) -> None:
    if changes:
        await _entries_changed(tuple(changes[0])).execute(connection, changes)


@cache
def _entries_changed(names: tuple[str, ...]) -> ManyRows:
    values: dict[str, Any] = {name[len("to_") :]: bindparam(name) for name in names if name.startswith("to_")}
    return ManyRows(update(entries).where(entries.c.id == bindparam("of_id")).values(values))


async def _look_up(connection: AsyncConnection, keys: Sequence[EntryKey]) -> _Known:
    known = _Known()
    names = list({str(key) for key in keys})
    for part in _parts(names, LOOKED_UP_AT_ONCE):
        for row in await connection.execute(_ENTRIES, {"wanted": part}):
            known.entry[row.key] = row
    for ids in _parts([row.id for row in known.entry.values()], LOOKED_UP_AT_ONCE):
        for row in await connection.execute(_COPIES, {"wanted": ids}):
            known.copies.setdefault(row.entry_id, []).append(row)
        for row in await connection.execute(_VERSIONS, {"wanted": ids}):
            known.version[(row.entry_id, row.sha256)] = (row.real, row.alias_of is not None)
            known.versioned.add(row.entry_id)
    return known


def _once(names: Sequence[str]) -> set[str]:
    """Return the names that occur once: what is said twice of one entry is taken one after the other."""
    return {name for name, count in Counter(names).items() if count == 1}


def _parts(items: Sequence[T], size: int) -> list[list[T]]:
    return [list(items[start : start + size]) for start in range(0, len(items), size)]
