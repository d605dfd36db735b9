"""Finding out what a file holds where its stat alone cannot tell: hashing on demand, on the file's own node."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from config.classify import classify
from engine.catalog.catalog import DataCatalog
from engine.catalog.values import Found
from engine.clock import Clock
from engine.errors import ErrorClass, SyncdeckError
from engine.integrity.temporary import TemporaryNames
from engine.inventory.coalescing import Coalescer
from engine.locations import node_of
from engine.model import DataEntry, FileKind, Replica, ReplicaState, Version
from engine.remote.types import ContentInfo, NodeAgent

SMALL_BYTES = 8 << 20
"""Larger files are hashed one at a time on each node: a single one keeps its disk busy."""
TOGETHER = 200
"""Files per request: a second or two of a slow disk, so that a request that is cancelled ends soon."""

AgentFor = Callable[[str], Awaitable[NodeAgent]]


def replicas_to_hash(entry: DataEntry) -> tuple[Replica, ...]:
    """Return the copies whose content must be known before the entry can be planned.

    A lone unhashed copy needs none: its hash is taken while it is first copied.
    """
    unhashed = tuple(r for r in entry.replicas if r.state is ReplicaState.UNHASHED)
    lone = len(entry.replicas) == 1 and entry.current is None
    return () if lone else unhashed


def _is_small(entry: DataEntry, replica: Replica) -> bool:
    """Return whether a copy can be hashed together with others: quiet, and soon read."""
    database = replica.path.lower().endswith(".db")
    live = database and (entry.key.origin == node_of(replica.location) or replica.stat.wal_size_bytes > 0)
    return not live and replica.stat.size_bytes <= SMALL_BYTES


class Hasher:
    """Hashes copies and records what they are worth."""

    def __init__(self, catalog: DataCatalog, agent_for: AgentFor, names: TemporaryNames, clock: Clock) -> None:
        self._catalog = catalog
        self._agent_for = agent_for
        self._names = names
        self._clock = clock
        self._one_per_node: dict[str, asyncio.Lock] = {}
        self._small: dict[str, Coalescer[tuple[str, FileKind], ContentInfo]] = {}
        self._records: Coalescer[Found, ReplicaState] = Coalescer(self._record_all, TOGETHER)

    async def settle(self, entry: DataEntry) -> tuple[SyncdeckError, ...]:
        """Hash what must be known of one entry; return what could not be hashed now and why.

        The newest file goes first, so that of several unknown contents it becomes the current version.
        """
        failures: list[SyncdeckError] = []
        for replica in sorted(replicas_to_hash(entry), key=lambda r: -r.stat.mtime_ns):
            node = node_of(replica.location)
            try:
                if _is_small(entry, replica):
                    await self._hash_small(entry, replica)
                else:
                    async with self._one_per_node.setdefault(node, asyncio.Lock()):
                        await self._hash(entry, replica)
            except SyncdeckError as error:
                if error.error_class is ErrorClass.BUG:
                    raise
                failures.append(error)
        return tuple(failures)

    async def stop(self) -> None:
        """End what is under way."""
        await asyncio.gather(self._records.stop(), *(one.stop() for one in self._small.values()))

    async def _hash_small(self, entry: DataEntry, replica: Replica) -> None:
        """Hash a small quiet file, together with whatever else of its node is waiting."""
        node = node_of(replica.location)
        if node not in self._small:
            self._small[node] = Coalescer(partial(self._hash_all, node), TOGETHER)
        content = await self._small[node].do((replica.path, FileKind(classify(replica.path).kind)))
        version = Version(content.sha256, content.size_bytes, content.stat.mtime_ns / 1e9, None, content.fingerprint)
        await self._records.do(Found(entry.key, replica.location, replica.path, version, content.stat))

    async def _hash_all(
        self, node: str, files: Sequence[tuple[str, FileKind]]
    ) -> Sequence[ContentInfo | SyncdeckError]:
        return await (await self._agent_for(node)).hash_many(files)

    async def _record_all(self, found: Sequence[Found]) -> Sequence[ReplicaState | SyncdeckError]:
        return await self._catalog.record_contents(found, self._clock.now())

    async def _hash(self, entry: DataEntry, replica: Replica) -> None:
        node = node_of(replica.location)
        agent = await self._agent_for(node)
        kind = FileKind(classify(replica.path).kind)
        live = kind is FileKind.SQLITE and entry.key.origin == node
        if live or (kind is FileKind.SQLITE and replica.stat.wal_size_bytes):
            await self._hash_by_snapshot(agent, entry, replica)
            return
        content = await agent.hash(replica.path, kind)
        mtime = content.stat.mtime_ns / 1e9
        version = Version(content.sha256, content.size_bytes, mtime, None, content.fingerprint)
        await self._catalog.record_content(
            entry.key, replica.location, replica.path, version, content.stat, self._clock.now()
        )

    async def _hash_by_snapshot(self, agent: NodeAgent, entry: DataEntry, replica: Replica) -> None:
        snapshot_path = self._names.snapshot(replica.path, 0, str(entry.key))
        try:
            taken = await agent.snapshot(replica.path, snapshot_path)
            content = await agent.hash(taken.path, FileKind.SQLITE)
            await agent.ensure_stored(taken.path)
        finally:
            await agent.discard([snapshot_path])
        mtime = max(taken.source_stat.mtime_ns, taken.source_stat.wal_mtime_ns) / 1e9
        version = Version(content.sha256, taken.size_bytes, mtime, taken.games_count, content.fingerprint)
        await self._catalog.record_content(
            entry.key, replica.location, replica.path, version, taken.source_stat, self._clock.now()
        )
