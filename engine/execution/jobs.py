"""What a transport is asked to move: a transfer's source, target and content as one job."""

from __future__ import annotations

from engine.execution.content import Content
from engine.execution.places import Source, Target, configured_root, source_root
from engine.execution.tools import Tools
from engine.integrity.guard import Decision
from engine.locations import node_of
from engine.model import DataEntry, FileKind, ReplicaState
from engine.remote.types import NodeAgent
from engine.transport.rates import RateCap
from engine.transport.types import Holder, TransferJob

MOST_HOLDERS = 16
"""More copies than this make nothing faster; the job stays small."""


async def build_job(
    tools: Tools,
    entry: DataEntry | None,
    source: Source,
    source_agent: NodeAgent,
    target: Target,
    content: Content,
    decision: Decision,
    temp_path: str,
    rate: RateCap,
) -> TransferJob:
    """Return the job of one transfer. Raises SyncdeckError when the source's folder cannot be told any more."""
    root = await source_root(tools.policy(), source_agent, source)
    return TransferJob(
        source=tools.endpoint_for(source.node_id),
        target=tools.endpoint_for(target.node_id),
        source_path=content.path,
        temp_path=temp_path,
        size_bytes=content.size_bytes,
        content_id=content.content_id,
        kind=source.kind,
        source_stat=content.read_stat,
        sha256=content.sha256,
        rate=rate,
        stall_timeout_seconds=tools.policy().engine.stall_timeout_seconds,
        check_source=content.content_id not in tools.checked,
        target_root=target.root.path,
        source_root=root.path,
        basis_path=None if content.live else _basis(source, target, decision),
        live=content.live,
        holders=_holders(tools, entry, source, target, content.sha256),
    )


def _basis(source: Source, target: Target, decision: Decision) -> str | None:
    """Return the older version that the new one replaces, where only a difference need be sent: of databases."""
    older = decision.expected
    if source.kind is not FileKind.SQLITE or older is None or older.wal_size_bytes > 0 or older.size_bytes == 0:
        return None
    return target.path


def _holders(
    tools: Tools, entry: DataEntry | None, source: Source, target: Target, sha256: str | None
) -> tuple[Holder, ...]:
    """Return the other copies that hold exactly this content, on nodes that are still configured."""
    if entry is None or sha256 is None:
        return ()
    known = tools.policy().nodes
    return tuple(
        Holder(
            tools.endpoint_for(node_of(replica.location)),
            replica.path,
            replica.stat,
            configured_root(tools.policy(), replica.location, replica.path),
        )
        for replica in entry.replicas
        if replica.sha256 == sha256
        and replica.state is ReplicaState.CURRENT
        and not replica.changed
        and replica.location not in (source.location, target.location)
        and node_of(replica.location) in known
    )[:MOST_HOLDERS]
