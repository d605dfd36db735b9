"""Counting figures with the database, block by block: entries with consecutive row ids make a block."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, Select, bindparam, case, func, or_, select

from engine.catalog.figures import Figures
from engine.catalog.standing import Ground, Span, exposed, holdings, unsaved, within
from engine.catalog.values import FreshnessRow, HeldRow, LocationCount, NodeRisk, Totals
from engine.model import DataType, ReplicaState
from engine.store.schema import entries, locations, replicas


@dataclass
class _Rows:
    """The rows of one block, while they come in."""

    freshness: list[FreshnessRow] = field(default_factory=list)
    risks: list[NodeRisk] = field(default_factory=list)
    held: list[HeldRow] = field(default_factory=list)
    counts: list[LocationCount] = field(default_factory=list)
    entries: int = 0
    replicas: int = 0

    def figures(self) -> Figures:
        """Return them as figures."""
        totals = Totals(self.entries, self.replicas)
        return Figures(tuple(self.freshness), tuple(self.risks), tuple(self.held), tuple(self.counts), totals)


@dataclass(frozen=True)
class _Prepared:
    """A statement in the words of the driver: building and looking up a large one takes longer than it runs."""

    text: str
    names: Sequence[str]
    values: Mapping[str, Any]

    def rows(self, connection: Connection, span: Mapping[str, int]) -> Iterable[Any]:
        values = {**self.values, **span}
        return connection.exec_driver_sql(self.text, tuple(values[name] for name in self.names))


def _prepared(dialect: Dialect, statement: Select[Any]) -> _Prepared:
    compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    return _Prepared(str(compiled), tuple(getattr(compiled, "positiontup")), compiled.params)  # noqa: B009


class BlockCounter:
    """Counts the figures of blocks of ``block`` entries; for one fleet, whose statements it makes once."""

    def __init__(self, land: Ground, held_at: Collection[str] | None, block: int) -> None:
        """``held_at``: the locations of which is counted what they hold; None: all."""
        self._land = land
        self._held_at = held_at
        self._block = block
        self._made: dict[bool, list[_Prepared]] = {}

    def count(self, connection: Connection, blocks: range | None = None) -> dict[int, Figures]:
        """Return the figures of every block that has any (of ``blocks``), by the number of the block."""
        found: dict[int, _Rows] = defaultdict(_Rows)
        span = {}
        if blocks is not None:
            span = {"first_id": blocks.start * self._block, "beyond_id": blocks.stop * self._block}
        freshness, risks, held, counts, known = self._statements(connection.dialect, blocks is not None)
        for row in freshness.rows(connection, span):
            found[row.block].freshness.append(_freshness_row(row))
        for row in risks.rows(connection, span):
            found[row.block].risks.append(NodeRisk(row.node_id, row.entries, int(row.bytes)))
        for row in held.rows(connection, span):
            kind = DataType(row.data_type)
            found[row.block].held.append(
                HeldRow(row.name, row.config_key, kind, row.newest_mtime, row.entries, row.outdated)
            )
        for row in counts.rows(connection, span):
            count = LocationCount(row.name, ReplicaState(row.state), row.replicas, int(row.bytes))
            found[row.block].counts.append(count)
            found[row.block].replicas += row.replicas
        for row in known.rows(connection, span):
            found[row.block].entries = row.entries
        return {number: rows.figures() for number, rows in found.items()}

    def _statements(self, dialect: Dialect, of_some: bool) -> list[_Prepared]:
        if of_some not in self._made:
            ids = Span(bindparam("first_id", 0), bindparam("beyond_id", 0)) if of_some else None
            made = (
                _freshness(self._land, self._block, ids),
                _risks(self._land, self._block, ids),
                _held(self._held_at, self._block, ids),
                _counts(self._block, ids),
                _entries(self._block, ids),
            )
            self._made[of_some] = [_prepared(dialect, statement) for statement in made]
        return self._made[of_some]


def block_of(entry_id: ColumnElement[int], block: int) -> ColumnElement[int]:
    """Return the number of an entry's block."""
    return (entry_id // block).label("block")


def _freshness(land: Ground, block: int, ids: Span | None) -> Select[Any]:
    holding = holdings(land, ids, providers=True)
    risk = unsaved(land, holding, ids)
    # At another provider than the origin's; of shared names: at two providers at least.
    home = land.provider_of_node(entries.c.origin)
    first, last = holding.c.first_provider, holding.c.last_provider
    elsewhere = or_(first != last, first != func.coalesce(home, first))
    number = block_of(holding.c.entry_id, block)
    return (
        select(
            number,
            entries.c.config_key,
            entries.c.data_type,
            func.max(entries.c.mtime).label("newest_mtime"),
            func.count().label("entries"),
            func.min(holding.c.copies).label("copies"),
            func.coalesce(func.sum(risk.c.bytes), 0).label("at_risk_bytes"),
            func.count(risk.c.entry_id).label("at_risk_entries"),
            func.sum(case((elsewhere, 1), else_=0)).label("off_site_entries"),
        )
        .select_from(holding)
        .join(entries, entries.c.id == holding.c.entry_id)
        .join(risk, risk.c.entry_id == entries.c.id, isouter=True)
        .group_by(number, entries.c.config_key, entries.c.data_type)
    )


def _freshness_row(row: Any) -> FreshnessRow:
    return FreshnessRow(
        row.config_key,
        DataType(row.data_type),
        row.newest_mtime,
        row.entries,
        row.copies,
        int(row.at_risk_bytes),
        row.at_risk_entries,
        row.off_site_entries,
    )


def _risks(land: Ground, block: int, ids: Span | None) -> Select[Any]:
    rows = exposed(land, holdings(land, ids), ids).subquery("exposed")
    once = (
        select(rows.c.node_id, rows.c.entry_id, func.max(rows.c.bytes).label("bytes"))
        .group_by(rows.c.node_id, rows.c.entry_id)
        .subquery("once")
    )
    number = block_of(once.c.entry_id, block)
    total = func.sum(once.c.bytes).label("bytes")
    return select(number, once.c.node_id, func.count().label("entries"), total).group_by(number, once.c.node_id)


def _held(at: Collection[str] | None, block: int, ids: Span | None) -> Select[Any]:
    current = replicas.c.state == ReplicaState.CURRENT.value
    written = case((current, entries.c.mtime), else_=replicas.c.mtime_ns / 1e9)
    number = block_of(entries.c.id, block)
    statement = (
        select(
            number,
            locations.c.name,
            entries.c.config_key,
            entries.c.data_type,
            func.max(written).label("newest_mtime"),
            func.count().label("entries"),
            func.sum(case((current, 0), else_=1)).label("outdated"),
        )
        .select_from(locations)
        .join(replicas, replicas.c.location_id == locations.c.id)
        .join(entries, entries.c.id == replicas.c.entry_id)
        .group_by(number, locations.c.name, entries.c.config_key, entries.c.data_type)
    )
    if at is not None:
        statement = statement.where(locations.c.name.in_(sorted(at)))
    return within(statement, replicas.c.entry_id, ids)


def _counts(block: int, ids: Span | None) -> Select[Any]:
    # Counted by number first: the names are joined to the few rows that remain.
    number = block_of(replicas.c.entry_id, block)
    counted = within(
        select(
            number,
            replicas.c.location_id,
            replicas.c.state,
            func.count().label("replicas"),
            func.sum(replicas.c.size_bytes).label("bytes"),
        ).group_by(number, replicas.c.location_id, replicas.c.state),
        replicas.c.entry_id,
        ids,
    ).subquery("counted")
    return select(counted.c.block, locations.c.name, counted.c.state, counted.c.replicas, counted.c.bytes).join_from(
        counted, locations, locations.c.id == counted.c.location_id
    )


def _entries(block: int, ids: Span | None) -> Select[Any]:
    number = block_of(entries.c.id, block)
    columns: tuple[ColumnElement[Any], ...] = (number, func.count().label("entries"))
    return within(select(*columns).group_by(number), entries.c.id, ids)
