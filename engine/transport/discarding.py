"""Temporary files of ours at a node that may be lost: removed while somebody waits, else left to the sweep."""

from __future__ import annotations

import asyncio

from engine.errors import SyncdeckError
from engine.remote.types import NodeAgent

CLEANUP_SECONDS = 5.0
"""How long a node may take to remove temporary files; after that the sweep does it."""


async def discard_or_leave(agent: NodeAgent, paths: list[str]) -> None:
    """Remove temporary files at a node that may be lost."""
    try:
        async with asyncio.timeout(CLEANUP_SECONDS):
            await agent.discard(paths)
    except (SyncdeckError, TimeoutError):
        # The node is lost. Its next scan reports the files under our names, and the sweep removes them then.
        return
