"""How well each entry stands, as SQL: durable copies, and content that would be lost. Built, not executed, here.

"Would be lost" means: the newest content (the current version, or what was written since and is not hashed yet)
has no verified copy at a durable place elsewhere. Of a games file at its origin only what was added since the
newest saved version counts: such files grow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CTE, ColumnElement, Connection, Select, and_, case, func, literal, or_, select

from engine.catalog.values import Places
from engine.model import ReplicaState
from engine.store.dialect import greatest
from engine.store.schema import entries, locations, replicas, versions

PAGE_BYTES = 4_096
"""The least that a changed database can have gained: one page of SQLite's default size."""
SAME_MTIME_SECONDS = 2.0
"""File systems and archives round modification times by up to this much (FAT, zip)."""

CURRENT, UNHASHED, ARCHIVED = ReplicaState.CURRENT.value, ReplicaState.UNHASHED.value, ReplicaState.ARCHIVED.value


@dataclass(frozen=True)
class Span:
    """Row ids from the first one to one before ``beyond``: parameters, so that one statement serves every stretch."""

    first: ColumnElement[int]
    beyond: ColumnElement[int]


Ids = Sequence[int] | Span | None


@dataclass(frozen=True)
class Ground:
    """The fleet's places by the row ids of their locations. Lists of ids are much faster to test than joins."""

    known: tuple[int, ...]
    durable: tuple[int, ...]
    by_provider: dict[str, list[int]]
    homes: dict[str, list[str]]

    def is_durable(self, location: ColumnElement[int]) -> ColumnElement[bool]:
        """Return whether a location counts as safe."""
        return location.in_(self.durable)

    def provider_of(self, location: ColumnElement[int]) -> ColumnElement[Any]:
        """Return a location's provider."""
        return case(*((location.in_(ids), name) for name, ids in self.by_provider.items()), (literal(False), ""))

    def provider_of_node(self, node: ColumnElement[str]) -> ColumnElement[Any]:
        """Return a node's provider, NULL for a node that is not known."""
        return case(*((node.in_(nodes), name) for name, nodes in self.homes.items()), (literal(False), ""))


def ground(connection: Connection, places: Places) -> Ground:
    """Return the places that the catalog has heard of."""
    ids = {name: row_id for row_id, name in connection.execute(select(locations.c.id, locations.c.name))}
    named = [(ids[place.location], place) for place in places.places if place.location in ids]
    by_provider: dict[str, list[int]] = {}
    for row_id, place in named:
        by_provider.setdefault(place.provider, []).append(row_id)
    homes: dict[str, set[str]] = {}
    for place in places.places:
        homes.setdefault(place.provider, set()).add(place.node_id)
    return Ground(
        known=tuple(row_id for row_id, _ in named),
        durable=tuple(row_id for row_id, place in named if place.durable),
        by_provider=by_provider,
        homes={provider: sorted(nodes) for provider, nodes in homes.items()},
    )


def is_current() -> ColumnElement[bool]:
    """Return whether a copy is verified and of the current version; an archive of just that version is such a copy.

    Only for the few archived rows is the entry looked up: the database does not evaluate what follows a decided AND.
    """
    current = select(entries.c.current_version_id).where(entries.c.id == replicas.c.entry_id)
    archived = and_(
        replicas.c.state == ARCHIVED, replicas.c.version_id == current.correlate(replicas).scalar_subquery()
    )
    return or_(replicas.c.state == CURRENT, archived)


def holdings(land: Ground, ids: Ids = None, providers: bool = False, states: bool = False) -> CTE:
    """Return one row per entry that has copies: how many are durable and current, and where these are.

    Columns: entry_id, replicas, copies, first_node, last_node, doubtful (copies with content of which nothing is
    known); with ``providers`` first_provider and last_provider, with ``states`` the numbers of stale, diverged and
    unhashed copies. One pass over ``ix_replicas_summary``; the outer join keeps it so.
    """
    here = replicas.c.location_id
    safe = and_(is_current(), land.is_durable(here))
    node = case((safe, locations.c.node_id))
    provider = case((safe, land.provider_of(here)))
    of_providers = (func.min(provider).label("first_provider"), func.max(provider).label("last_provider"))
    of_states = (
        func.sum(case((replicas.c.state == state.value, 1), else_=0)).label(state.value)
        for state in (ReplicaState.STALE, ReplicaState.DIVERGED, ReplicaState.UNHASHED)
    )
    statement = (
        select(
            replicas.c.entry_id,
            func.count().label("replicas"),
            func.sum(case((safe, 1), else_=0)).label("copies"),
            func.min(node).label("first_node"),
            func.max(node).label("last_node"),
            func.sum(case((or_(replicas.c.changed, replicas.c.state == UNHASHED), 1), else_=0)).label("doubtful"),
            *(of_providers if providers else ()),
            *(of_states if states else ()),
        )
        .select_from(replicas)
        .join(locations, locations.c.id == here, isouter=True)
        .group_by(replicas.c.entry_id)
    )
    return within(statement, replicas.c.entry_id, ids).cte("holding")


def exposed(land: Ground, holding: CTE, ids: Ids = None) -> Select[Any]:
    """Return (entry_id, node_id, durable, newer, bytes) of every copy whose content has no durable copy elsewhere.

    ``newer``: it was written after the newest content that is known by its hash.
    """
    here = locations.c.node_id
    saved = and_(
        holding.c.first_node.is_not(None),
        or_(holding.c.first_node != here, holding.c.last_node != here),
    )
    # An unhashed file that looks just like the saved version is taken for it until it is hashed.
    looks_saved = and_(
        saved,
        replicas.c.size_bytes == entries.c.size_bytes,
        replicas.c.mtime_ns / 1e9 <= entries.c.mtime + SAME_MTIME_SECONDS,
    )
    # What a games file holds is decided at its origin, not by unknown copies of it.
    decides = or_(entries.c.origin == "", entries.c.origin == here, ~saved)
    lost = or_(
        and_(is_current(), or_(replicas.c.changed, ~saved)),
        and_(replicas.c.state == UNHASHED, decides, ~looks_saved),
    )
    # Most entries are well: two durable nodes hold them and nothing is in doubt. Their copies are not looked at.
    suspect = or_(holding.c.first_node.is_(None), holding.c.first_node == holding.c.last_node, holding.c.doubtful > 0)
    durable = case((land.is_durable(replicas.c.location_id), 1), else_=0)
    statement = (
        select(
            replicas.c.entry_id,
            here.label("node_id"),
            durable.label("durable"),
            case((or_(replicas.c.changed, replicas.c.state == UNHASHED), 1), else_=0).label("newer"),
            case((entries.c.origin == here, _growth(land)), else_=replicas.c.size_bytes).label("bytes"),
        )
        .select_from(holding)
        .join(replicas, replicas.c.entry_id == holding.c.entry_id)
        .join(entries, entries.c.id == replicas.c.entry_id)
        .join(locations, locations.c.id == replicas.c.location_id)
        .where(suspect, replicas.c.location_id.in_(land.known), lost)
    )
    return within(statement, replicas.c.entry_id, ids)


def unsaved(land: Ground, holding: CTE, ids: Ids = None) -> CTE:
    """Return (entry_id, bytes) of the entries whose newest content is at no durable place at all."""
    rows = exposed(land, holding, ids).subquery("exposed")
    # Content at its own durable origin, or not hashed yet at a durable place, is at a durable place. The one durable
    # copy of a version saves nothing of what its origin has written since.
    here, newer = rows.c.durable, rows.c.newer
    outrun = and_(func.max(here * newer) == 0, func.max((1 - here) * newer) == 1)
    statement = (
        select(
            rows.c.entry_id,
            func.max(case((rows.c.durable == 0, rows.c.bytes), else_=0)).label("bytes"),
        )
        .group_by(rows.c.entry_id)
        .having(or_(func.max(here) == 0, outrun))
    )
    return statement.cte("unsaved")


def _growth(land: Ground) -> ColumnElement[int]:
    """Return what an origin's file holds beyond the newest version that is saved at a durable place elsewhere."""
    other, there, version = replicas.alias("other"), locations.alias("there"), versions.alias("saved_version")
    newest_saved = (
        select(version.c.size_bytes)
        .select_from(other)
        .join(there, there.c.id == other.c.location_id)
        .join(version, version.c.id == other.c.version_id)
        .where(
            other.c.entry_id == replicas.c.entry_id,
            other.c.state.in_([CURRENT, ReplicaState.STALE.value]),
            land.is_durable(other.c.location_id),
            there.c.node_id != locations.c.node_id,
        )
        .order_by(version.c.id.desc())
        .limit(1)
        .correlate(replicas, locations)
        .scalar_subquery()
    )
    added = replicas.c.size_bytes - func.coalesce(newest_saved, 0)
    # SQLite keeps a -wal at its size after a checkpoint: only what it grew since the last hash can be new.
    written = greatest(replicas.c.wal_size_bytes - func.coalesce(replicas.c.hashed_wal_size_bytes, 0), 0)
    return greatest(greatest(added, 0) + written, PAGE_BYTES)


def within(statement: Select[Any], entry_id: ColumnElement[int], ids: Ids) -> Select[Any]:
    """Return the statement for the entries with these row ids; None: for all."""
    if ids is None:
        return statement
    if isinstance(ids, Span):
        return statement.where(entry_id >= ids.first, entry_id < ids.beyond)
    return statement.where(entry_id.in_(list(ids)))
