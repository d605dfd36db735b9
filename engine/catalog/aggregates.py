"""Figures over the whole catalog, computed by the database: freshness, what is at risk, what is where."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, case, func, or_, select

from engine.catalog.part import CatalogPart
from engine.catalog.standing import exposed, ground, holdings, unsaved
from engine.catalog.values import FreshnessRow, HeldRow, LocationCount, NodeRisk, Places
from engine.model import DataType, ReplicaState
from engine.store.schema import entries, locations, replicas


class Aggregates(CatalogPart):
    """Every method reads the whole catalog once, in a thread: worth keeping for as long as ``sequence()`` stands."""

    async def freshness(self, places: Places) -> list[FreshnessRow]:
        """Return one row per config key and data type that has entries with copies."""

        def look(connection: Connection) -> list[FreshnessRow]:
            land = ground(connection, places)
            holding = holdings(land, providers=True)
            risk = unsaved(land, holding)
            # At another provider than the origin's; of shared names: at two providers at least.
            home = land.provider_of_node(entries.c.origin)
            first, last = holding.c.first_provider, holding.c.last_provider
            elsewhere = or_(first != last, first != func.coalesce(home, first))
            statement = (
                select(
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
                .group_by(entries.c.config_key, entries.c.data_type)
                .order_by(entries.c.config_key, entries.c.data_type)
            )
            return [
                FreshnessRow(
                    row.config_key,
                    DataType(row.data_type),
                    row.newest_mtime,
                    row.entries,
                    row.copies,
                    int(row.at_risk_bytes),
                    row.at_risk_entries,
                    row.off_site_entries,
                )
                for row in connection.execute(statement)
            ]

        return await self._store.query(look)

    async def node_risks(self, places: Places) -> list[NodeRisk]:
        """Return what would be lost if each node died now, the worst first; nodes that risk nothing are left out."""

        def look(connection: Connection) -> list[NodeRisk]:
            land = ground(connection, places)
            rows = exposed(land, holdings(land)).subquery("exposed")
            once = (
                select(rows.c.node_id, rows.c.entry_id, func.max(rows.c.bytes).label("bytes"))
                .group_by(rows.c.node_id, rows.c.entry_id)
                .subquery("once")
            )
            total = func.sum(once.c.bytes).label("bytes")
            statement = select(once.c.node_id, func.count().label("entries"), total).group_by(once.c.node_id)
            found = connection.execute(statement.order_by(total.desc(), once.c.node_id))
            return [NodeRisk(row.node_id, row.entries, int(row.bytes)) for row in found]

        return await self._store.query(look)

    async def held(self, at: Collection[str] | None = None) -> list[HeldRow]:
        """Return what each location (of those in ``at``) holds of each config key and data type."""
        current = replicas.c.state == ReplicaState.CURRENT.value
        written = case((current, entries.c.mtime), else_=replicas.c.mtime_ns / 1e9)
        statement = (
            select(
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
            .group_by(locations.c.name, entries.c.config_key, entries.c.data_type)
        )
        if at is not None:
            statement = statement.where(locations.c.name.in_(sorted(at)))

        def look(connection: Connection) -> list[HeldRow]:
            return [
                HeldRow(
                    row.name, row.config_key, DataType(row.data_type), row.newest_mtime, row.entries, row.outdated
                )
                for row in connection.execute(statement)
            ]

        return await self._store.query(look)

    async def location_counts(self) -> list[LocationCount]:
        """Return how many copies of each state every location holds, and their bytes."""
        # Counted by number first: the names are joined to the few rows that remain.
        counted = (
            select(
                replicas.c.location_id,
                replicas.c.state,
                func.count().label("replicas"),
                func.sum(replicas.c.size_bytes).label("bytes"),
            )
            .group_by(replicas.c.location_id, replicas.c.state)
            .subquery("counted")
        )
        statement = (
            select(locations.c.name, counted.c.state, counted.c.replicas, counted.c.bytes)
            .join_from(counted, locations, locations.c.id == counted.c.location_id)
            .order_by(locations.c.name, counted.c.state)
        )

        def look(connection: Connection) -> list[LocationCount]:
            return [
                LocationCount(row.name, ReplicaState(row.state), row.replicas, int(row.bytes))
                for row in connection.execute(statement)
            ]

        return await self._store.query(look)

    async def under_replicated(self, places: Places) -> int:
        """Return how many entries with copies have fewer durable ones than they need."""

        def look(connection: Connection) -> int:
            holding = holdings(ground(connection, places))
            need = func.coalesce(entries.c.wanted, places.wanted_copies)
            statement = select(func.count()).select_from(holding).join(entries, entries.c.id == holding.c.entry_id)
            return int(connection.execute(statement.where(holding.c.copies < need)).scalar_one())

        return await self._store.query(look)
