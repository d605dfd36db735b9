"""A catalog query as SQL: which entries, in which order, and what is shown of each. Runs in reading threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import CTE, ColumnElement, Connection, Select, case, exists, func, select

from engine.catalog.queries import at, has_state, missing_on
from engine.catalog.standing import ground, holdings, unsaved
from engine.catalog.values import Places
from engine.model import ReplicaState
from engine.store.schema import entries, replicas
from engine.views import CatalogQuery, CatalogRow

GONE, AT_RISK, DIVERGED, SHORT = "gone", "at-risk", "diverged", "under-replicated"
WORDS = (GONE, AT_RISK, DIVERGED, SHORT, "stale", "unhashed", "ok")
"""What may be true of an entry, the worst first."""

_BY_STANDING = ("copies", "wanted", "states")
_PLAIN_ORDER: Mapping[str, ColumnElement[Any]] = {
    "key": entries.c.key,
    "path": entries.c.path,
    "data_type": entries.c.data_type,
    "config_key": entries.c.config_key,
    "origin": entries.c.origin,
    "size_bytes": entries.c.size_bytes,
    "mtime": entries.c.mtime,
    "id": entries.c.id,
}


def ids_of(connection: Connection, query: CatalogQuery, places: Places) -> Select[Any]:
    """Return the statement for the row ids of a query in its order. An unknown column orders by key."""
    statement = select(entries.c.id)
    short, risky = query.show == SHORT, query.show == AT_RISK
    order: ColumnElement[Any]
    if depends_on_places(query):
        land = ground(connection, places)
        holding = holdings(land, states=query.order == "states")
        statement = statement.join(holding, holding.c.entry_id == entries.c.id, isouter=True)
        need = func.coalesce(entries.c.wanted, places.wanted_copies)
        if short:
            statement = statement.where(func.coalesce(holding.c.copies, 0) < need)
        if risky or query.order == "states":
            risk = unsaved(land, holding)
            statement = statement.join(risk, risk.c.entry_id == entries.c.id, isouter=not risky)
    if query.order == "copies":
        order = func.coalesce(holding.c.copies, 0)
    elif query.order == "wanted":
        order = need
    elif query.order == "states":
        order = _severity(holding, risk.c.bytes, need)
    else:
        order = _PLAIN_ORDER.get(query.order, entries.c.key)
    directed = (order.desc(), entries.c.id.desc()) if query.descending else (order.asc(), entries.c.id.asc())
    return statement.where(*_conditions(query)).order_by(*directed)


def depends_on_places(query: CatalogQuery) -> bool:
    """Return whether which entries are found, or their order, depends on what counts as durable."""
    return query.show in (SHORT, AT_RISK) or query.order in _BY_STANDING


def count_of(connection: Connection, ids: Select[Any]) -> int:
    """Return how many entries a statement of ``ids_of`` finds."""
    unordered = ids.order_by(None).subquery()
    return int(connection.execute(select(func.count()).select_from(unordered)).scalar_one())


def rows_of(connection: Connection, ids: Sequence[int], places: Places) -> tuple[CatalogRow, ...]:
    """Return what is shown of entries, in the order of ``ids``."""
    land = ground(connection, places)
    holding = holdings(land, ids, states=True)
    risk = unsaved(land, holding, ids)
    statement = (
        select(
            entries,
            holding.c.copies.label("durable_copies"),
            holding.c.replicas,
            risk.c.bytes.label("at_risk_bytes"),
            holding.c.stale,
            holding.c.diverged,
            holding.c.unhashed,
        )
        .select_from(entries)
        .join(holding, holding.c.entry_id == entries.c.id, isouter=True)
        .join(risk, risk.c.entry_id == entries.c.id, isouter=True)
        .where(entries.c.id.in_(list(ids)))
    )
    found = {row.id: _row(row, places.wanted_copies) for row in connection.execute(statement)}
    return tuple(found[entry_id] for entry_id in ids if entry_id in found)


def _conditions(query: CatalogQuery) -> list[ColumnElement[bool]]:
    found = [entries.c.key.icontains(word, autoescape=True) for word in query.text.split()]
    if query.data_type is not None:
        found.append(entries.c.data_type == query.data_type)
    if query.config_key is not None:
        found.append(entries.c.config_key == query.config_key)
    if query.show == "missing":
        found += missing_on(query.node) if query.node else [~exists().where(replicas.c.entry_id == entries.c.id)]
    elif query.node is not None:
        there = exists().where(replicas.c.entry_id == entries.c.id, replicas.c.location_id.in_(at(query.node)))
        found.append(there)
    if query.show in ("stale", DIVERGED):
        found.append(has_state(ReplicaState(query.show)))
    return found


def _severity(holding: CTE, risk: ColumnElement[Any], need: ColumnElement[Any]) -> ColumnElement[int]:
    """Return the position of an entry's word in WORDS, as ``_word`` finds it."""
    return case(
        (holding.c.replicas.is_(None), WORDS.index(GONE)),
        (risk > 0, WORDS.index(AT_RISK)),
        (holding.c.diverged > 0, WORDS.index(DIVERGED)),
        (holding.c.copies < need, WORDS.index(SHORT)),
        (holding.c.stale > 0, WORDS.index("stale")),
        (holding.c.unhashed > 0, WORDS.index("unhashed")),
        else_=WORDS.index("ok"),
    )


def _row(row: Any, wanted_copies: int) -> CatalogRow:
    wanted = wanted_copies if row.wanted is None else row.wanted
    copies = row.durable_copies or 0
    return CatalogRow(
        id=row.id,
        key=row.key,
        path=row.path,
        data_type=row.data_type,
        config_key=row.config_key,
        origin=row.origin,
        size_bytes=row.size_bytes,
        mtime=row.mtime or None,
        copies=copies,
        wanted=wanted,
        states=_word(row, copies, wanted),
    )


def _word(row: Any, copies: int, wanted: int) -> str:
    found = {
        GONE: row.replicas is None,
        AT_RISK: bool(row.at_risk_bytes),
        DIVERGED: bool(row.diverged),
        SHORT: copies < wanted,
        "stale": bool(row.stale),
        "unhashed": bool(row.unhashed),
        "ok": True,
    }
    return next(word for word in WORDS if found[word])
