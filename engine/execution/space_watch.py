"""Letting transfers go on that were blocked for want of space, once there is room again."""

from __future__ import annotations

from engine.errors import ErrorClass, SyncdeckError
from engine.execution.places import find_source, find_target, source_root
from engine.execution.space import SNAPSHOT_MARGIN_BYTES, SpaceLedger
from engine.execution.tools import Tools
from engine.locations import node_of
from engine.model import Transfer, TransferState

LOOKED_AT_ONCE = 500


class SpaceWatch:
    """Looks at the disks of blocked transfers; releases those that would fit now."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def release_what_fits(self) -> int:
        """Queue blocked transfers again that have room now, the most urgent first; return how many.

        What is released takes room from those after it, so that they are not released only to be blocked again.
        """
        planned = SpaceLedger()
        fitting: list[int] = []
        full: set[str] = set()
        for transfer in await self._tools.queue.in_state(TransferState.BLOCKED, LOOKED_AT_ONCE):
            if transfer.error_class is not ErrorClass.NO_SPACE or transfer.target in full:
                continue
            if await self._fits(transfer, planned):
                fitting.append(transfer.id)
            else:
                full.add(transfer.target)
        if not fitting:
            return 0
        return await self._tools.queue.release(fitting, "there is room again")

    async def _fits(self, transfer: Transfer, planned: SpaceLedger) -> bool:
        tools = self._tools
        policy = tools.policy()
        node_id = node_of(transfer.target)
        try:
            agent = await tools.agent_for(node_id)
            target = await find_target(policy, agent, transfer.key, transfer.target)
            planned.reserve_target(
                transfer.id, node_id, target.root, transfer.bytes_total, policy.thresholds, transfer.may_fill
            )
            source = find_source(await tools.catalog.get(transfer.key), transfer.key, transfer.source)
            if not source.live:
                return True
            root = await source_root(policy, await tools.agent_for(source.node_id), source)
            free = root.free_bytes if root.free_bytes is not None else 0
            return free > transfer.bytes_total + SNAPSHOT_MARGIN_BYTES
        except SyncdeckError:
            # It stays blocked, visibly, with the reason that it has.
            planned.release(transfer.id)
            return False
