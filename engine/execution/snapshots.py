"""Sharing snapshots: targets that want the same content of one database at once get one snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from engine.errors import NodeUnreachable, SyncdeckError
from engine.model import FileStat
from engine.remote.types import NodeAgent, SnapshotInfo
from engine.shielded import finish_anyway


@dataclass
class _Shared:
    asked_stat: FileStat
    path: str
    making: asyncio.Task[SnapshotInfo]
    users: int = 0
    spoilt: SyncdeckError | None = None


class SnapshotShare:
    """The snapshots in use. The last user of one removes it from its node."""

    def __init__(self) -> None:
        self._live: dict[tuple[str, str], _Shared] = {}

    def paths(self) -> frozenset[str]:
        """Return the snapshot files that are in use, for the sweep to spare."""
        return frozenset(shared.path for shared in self._live.values())

    @asynccontextmanager
    async def use(
        self, agent: NodeAgent, node_id: str, database_path: str, stat: FileStat, snapshot_path: str
    ) -> AsyncIterator[SnapshotInfo]:
        """Give a snapshot of the database as it was at ``stat`` or later, and remove it after its last use.

        Raises what the agent raises, at the end too: where the node failed to store the snapshot, what was read of it
        must not be believed. A snapshot that failed is removed as well.
        """
        place = (node_id, database_path)
        shared = self._live.get(place)
        if shared is None or not shared.asked_stat.same_content_as(stat):
            making = asyncio.get_running_loop().create_task(agent.snapshot(database_path, snapshot_path))
            shared = _Shared(stat, snapshot_path, making)
            self._live[place] = shared
        shared.users += 1
        try:
            yield await asyncio.shield(shared.making)
            await _ensure_stored(agent, shared)
        finally:
            shared.users -= 1
            if shared.users == 0:
                if self._live.get(place) is shared:
                    del self._live[place]
                await finish_anyway(_remove(agent, shared))


async def _ensure_stored(agent: NodeAgent, shared: _Shared) -> None:
    """A system tells whom it failed once, so that every user is told by us."""
    if shared.spoilt is not None:
        raise shared.spoilt
    try:
        await agent.ensure_stored(shared.path)
    except NodeUnreachable:
        raise  # It says nothing of the snapshot.
    except SyncdeckError as error:
        shared.spoilt = error
        raise


async def _remove(agent: NodeAgent, shared: _Shared) -> None:
    """Remove a snapshot; one still being made is ended first, or it would come back."""
    shared.making.cancel()
    await asyncio.wait([shared.making])
    if not shared.making.cancelled():
        shared.making.exception()
    try:
        await agent.discard([shared.path])
    except SyncdeckError:
        # The node is lost. Its next scan reports the file under our name, and the sweep removes it then.
        return
