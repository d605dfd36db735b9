"""What is remembered of the fleet beside its data: nodes, places, disk samples, link rates, who did what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Integer, Select, and_, cast, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.catalog.part import CatalogPart, location_id
from engine.catalog.values import AuditRecord, LocationRecord, NodeRecord
from engine.model import LocationState, NodeState, StorageSample
from engine.store.dialect import upsert
from engine.store.schema import audit, links, locations, nodes, storage_samples

SAMPLES_KEPT_SECONDS = 14 * 86_400.0
SAMPLES_FULL_SECONDS = 86_400.0
"""Younger samples are all kept; of the older ones one per half hour, which is enough to see a disk fill up."""
SAMPLES_THIN_SECONDS = 1_800.0

LINK_WEIGHT = 0.3
"""Weight of the newest measurement in a link's moving average."""
LINK_MIN_BYTES = 256 * 1024
"""Smaller transfers measure latency, not the link."""

AUDIT_KEPT = 10_000


class Ledger(CatalogPart):
    """Runtime facts that must outlive the engine."""

    async def save_node(
        self,
        node_id: str,
        state: NodeState | None = None,
        reason: str | None = None,
        remedy: str | None = None,
        address: str | None = None,
        paused: bool | None = None,
        last_seen_at: float | None = None,
        last_sync_at: float | None = None,
    ) -> None:
        """Remember what is given of a node; what is None stays as it was."""
        given: dict[str, Any] = {
            "state": None if state is None else state.value,
            "reason": reason,
            "remedy": remedy,
            "address": address,
            "paused": paused,
            "last_seen_at": last_seen_at,
            "last_sync_at": last_sync_at,
        }
        changes = {name: value for name, value in given.items() if value is not None}
        first = {"state": NodeState.UNKNOWN.value, "reason": "", "remedy": "", "paused": False}
        row = {**first, **changes, "node_id": node_id, "changed_at": self._clock.now()}
        statement = upsert(nodes, row, ("node_id",), (*changes, "changed_at"))

        async def save(connection: AsyncConnection) -> None:
            await connection.execute(statement)

        await self._store.write(save)

    async def load_nodes(self) -> dict[str, NodeRecord]:
        """Return what was last known of every node."""

        def look(connection: Connection) -> dict[str, NodeRecord]:
            return {row.node_id: _node(row) for row in connection.execute(select(nodes))}

        return await self._store.query(look)

    async def save_location(self, location: str, state: LocationState, root_path: str | None, at: float) -> None:
        """Remember what the last look at a location found."""

        async def save(connection: AsyncConnection) -> None:
            place = await location_id(connection, location)
            values = {"state": state.value, "root_path": root_path, "seen_at": at}
            await connection.execute(update(locations).where(locations.c.id == place).values(**values))

        await self._store.write(save)

    async def load_locations(self) -> dict[str, LocationRecord]:
        """Return what was last found of every location."""

        def look(connection: Connection) -> dict[str, LocationRecord]:
            return {
                row.name: LocationRecord(
                    row.name, row.node_id, LocationState(row.state or LocationState.UNKNOWN), row.root_path, row.seen_at
                )
                for row in connection.execute(select(locations))
            }

        return await self._store.query(look)

    async def add_samples(self, samples: Sequence[StorageSample]) -> None:
        """Remember how full file systems were; old samples are thinned and, after 14 days, forgotten."""
        if not samples:
            return

        async def add(connection: AsyncConnection) -> None:
            for sample in samples:
                row = {
                    "location_id": await location_id(connection, sample.location),
                    "at": sample.at,
                    "total_bytes": sample.total_bytes,
                    "used_bytes": sample.used_bytes,
                }
                changed = ("total_bytes", "used_bytes")
                await connection.execute(upsert(storage_samples, row, ("location_id", "at"), changed))

        await self._store.write(add)

    async def prune_ledger(self) -> None:
        """Forget old samples and old audit lines."""
        now = self._clock.now()
        bucket = cast(storage_samples.c.at / SAMPLES_THIN_SECONDS, Integer)
        kept = select(storage_samples.c.location_id, func.min(storage_samples.c.at).label("at"))
        kept_rows = kept.group_by(storage_samples.c.location_id, bucket).subquery()
        is_kept = (
            select(kept_rows.c.at)
            .where(kept_rows.c.location_id == storage_samples.c.location_id, kept_rows.c.at == storage_samples.c.at)
            .exists()
        )
        thinned = and_(storage_samples.c.at < now - SAMPLES_FULL_SECONDS, ~is_kept)

        async def prune(connection: AsyncConnection) -> None:
            await connection.execute(delete(storage_samples).where(storage_samples.c.at < now - SAMPLES_KEPT_SECONDS))
            await connection.execute(delete(storage_samples).where(thinned))
            newest = select(func.coalesce(func.max(audit.c.id), 0)).scalar_subquery()
            await connection.execute(delete(audit).where(audit.c.id <= newest - AUDIT_KEPT))

        await self._store.write(prune)

    async def samples(self, location: str, since: float = 0.0) -> list[StorageSample]:
        """Return a location's samples since a time, oldest first."""
        return (await self.samples_since(since, location)).get(location, [])

    async def samples_since(self, since: float, location: str | None = None) -> dict[str, list[StorageSample]]:
        """Return the samples of every location (or one) since a time, oldest first."""
        statement = (
            select(locations.c.name, storage_samples)
            .join_from(storage_samples, locations, locations.c.id == storage_samples.c.location_id)
            .where(storage_samples.c.at >= since)
            .order_by(storage_samples.c.location_id, storage_samples.c.at)
        )
        if location is not None:
            statement = statement.where(locations.c.name == location)

        def look(connection: Connection) -> dict[str, list[StorageSample]]:
            found: dict[str, list[StorageSample]] = {}
            for row in connection.execute(statement):
                sample = StorageSample(row.name, row.at, row.total_bytes, row.used_bytes)
                found.setdefault(row.name, []).append(sample)
            return found

        return await self._store.query(look)

    async def record_link(self, source: str, target: str, bytes_moved: int, seconds: float) -> None:
        """Take a transfer between two locations into the link's moving average (bytes/s)."""
        if bytes_moved < LINK_MIN_BYTES or seconds <= 0:
            return
        rate = bytes_moved / seconds
        row = {"source": source, "target": target, "bytes_per_second": rate, "samples": 1}
        average = links.c.bytes_per_second * (1 - LINK_WEIGHT) + rate * LINK_WEIGHT
        now = self._clock.now()
        changes = {"bytes_per_second": average, "samples": links.c.samples + 1, "updated_at": now}
        statement = upsert(links, {**row, "updated_at": now}, ("source", "target"), changes)

        async def record(connection: AsyncConnection) -> None:
            await connection.execute(statement)

        await self._store.write(record)

    async def link_rates(self) -> Mapping[tuple[str, str], float]:
        """Return the measured rate of each link (source, target) in bytes/s."""

        def look(connection: Connection) -> dict[tuple[str, str], float]:
            return {(row.source, row.target): row.bytes_per_second for row in connection.execute(select(links))}

        return await self._store.query(look)

    async def audit(self, who: str, action: str, subject: str, detail: str = "") -> None:
        """Remember who did what to what."""
        row = {"at": self._clock.now(), "who": who, "action": action, "subject": subject, "detail": detail}

        async def record(connection: AsyncConnection) -> None:
            await connection.execute(insert(audit).values(row))

        await self._store.write(record)

    async def audit_log(self, limit: int = 200) -> list[AuditRecord]:
        """Return the newest acts first."""
        return await self._audited(select(audit).order_by(audit.c.id.desc()).limit(limit))

    async def audited_since(self, action: str, since: float, limit: int = 200) -> list[AuditRecord]:
        """Return the newest acts of one kind since a time, newest first."""
        wanted = and_(audit.c.at >= since, audit.c.action == action)
        return await self._audited(select(audit).where(wanted).order_by(audit.c.id.desc()).limit(limit))

    async def _audited(self, statement: Select[Any]) -> list[AuditRecord]:
        def look(connection: Connection) -> list[AuditRecord]:
            return [
                AuditRecord(row.at, row.who, row.action, row.subject, row.detail)
                for row in connection.execute(statement)
            ]

        return await self._store.query(look)


def _node(row: Any) -> NodeRecord:
    return NodeRecord(
        node_id=row.node_id,
        state=NodeState(row.state),
        reason=row.reason,
        remedy=row.remedy,
        address=row.address,
        paused=row.paused,
        last_seen_at=row.last_seen_at,
        last_sync_at=row.last_sync_at,
        changed_at=row.changed_at,
    )
