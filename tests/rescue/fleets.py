"""A hub and rented nodes over OpenSSH with the engine in this process, for rescues from begin to end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import yaml

from engine.data_plane import UnifiedDataPlane
from engine.model import NodeState
from engine.views_nodes import AtRiskRow, RescueView
from tests.e2e.cluster import Cluster

PATIENCE_SECONDS = 25.0


def rented(group: Cluster, *names: str) -> None:
    """Let these hosts be ephemeral."""
    document = yaml.safe_load(group.config.read_text(encoding="utf-8"))
    for name in names:
        document["hosts"][name]["is_ephemeral"] = True
    group.config.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


@contextlib.asynccontextmanager
async def engine_on(group: Cluster, observe: bool = False) -> AsyncIterator[UnifiedDataPlane]:
    """Run an engine until the block ends."""
    engine = UnifiedDataPlane(group.config, group.state, observe=observe)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.close()


async def until(
    engine: UnifiedDataPlane, true: Callable[[], Awaitable[bool]], patience_seconds: float = PATIENCE_SECONDS
) -> None:
    """Return once a condition holds, looking again whenever the engine has something new; raises TimeoutError."""
    async with asyncio.timeout(patience_seconds):
        while not await true():
            await engine.wait_for_change((await engine.status()).revision, 0.2)


async def all_up(engine: UnifiedDataPlane) -> None:
    """Wait until every used node was looked at and nothing is left to hash."""

    async def up() -> bool:
        nodes = (await engine.status()).nodes
        return all(node.state in (NodeState.UP.value, NodeState.UNUSED.value) for node in nodes)

    await until(engine, up)


async def risk_of(engine: UnifiedDataPlane, node: str) -> AtRiskRow:
    """Return what would be lost with a node now."""
    return (await engine.at_risk((node,)))[0]


async def rescue_of(engine: UnifiedDataPlane, node: str, kind: str) -> RescueView | None:
    """Return the newest rescue of a kind for a node."""
    views = [view for view in await engine.rescues() if view.kind == kind and node in view.nodes]
    return views[0] if views else None


def where(group: Cluster, name: str) -> set[str]:
    """Return the top folders (nodes, hub, drive) that hold a file of that name."""
    return {path.relative_to(group.folder).parts[0] for path in group.copies_of(name)}
