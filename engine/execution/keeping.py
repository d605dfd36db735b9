"""A copy that gets another name on its node, and becomes an entry of its own in the catalog."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from config.classify import classify
from config.types import Policy
from engine.catalog.catalog import DataCatalog
from engine.clock import Clock
from engine.errors import ErrorClass, TransferError
from engine.execution.places import configured_root
from engine.integrity.kept import kept_path
from engine.locations import node_of
from engine.model import DataEntry, FileKind, FileStat, Replica, Version
from engine.remote.archive_types import Keeping
from engine.shielded import finish_anyway
from engine.transport.types import AgentFor


@dataclass(frozen=True)
class CopyKeeper:
    """Renames copies, each only while it is what the catalog holds of it."""

    catalog: DataCatalog
    agent_for: AgentFor
    policy: Callable[[], Policy]
    clock: Clock

    async def keep(self, entry: DataEntry, there: Replica) -> None:
        """Have a copy hashed and renamed in one call, then record it under its new name and forget it under the old.

        Killed in between, the next scan finds the very entry that was to be recorded. Raises SyncdeckError, and then
        the copy has the name that it had, unless its node was lost on the way.
        """
        root = configured_root(self.policy(), there.location, there.path)
        if not root or there.sha256 is None:
            cause = "it lies in none of the configured folders, or was never hashed"
            raise TransferError("keep", there.path, cause, "see `syncdeck config effective`", ErrorClass.CONFIG)
        keeping = Keeping(
            path=there.path,
            kept_path=kept_path(there.path, there.sha256),
            root=root,
            stat=there.stat,
            kind=FileKind(classify(there.path).kind),
            sha256=there.sha256,
        )
        kept = await (await self.agent_for(node_of(there.location))).keep_beside(keeping)
        await finish_anyway(self._remember(entry, there, kept.stat, kept.fingerprint))

    async def _remember(self, entry: DataEntry, there: Replica, stat: FileStat, fingerprint: str | None) -> None:
        await record_kept(self.catalog, entry, there, stat, self.clock.now(), fingerprint)
        await self.catalog.mark_missing(entry.key, there.location)


async def record_kept(
    catalog: DataCatalog,
    entry: DataEntry,
    former: Replica,
    stat: FileStat,
    at: float,
    fingerprint: str | None = None,
) -> str:
    """Record a copy under the name that it stays by, as data like any other from now on; return its path there."""
    assert former.sha256 is not None
    key = replace(entry.key, path=kept_path(entry.key.path, former.sha256))
    path = kept_path(former.path, former.sha256)
    version = Version(former.sha256, stat.size_bytes, stat.mtime_ns / 1e9, None, fingerprint)
    await catalog.record_content(key, former.location, path, version, stat, at, entry.config_key)
    return path
