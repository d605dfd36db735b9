"""The nodes' part of the in-process client: every question is passed on to the desk."""

from __future__ import annotations

from abc import ABC, abstractmethod

from engine.parts import Parts
from engine.views import ActionResult, SyncPreview
from engine.views_nodes import AtRiskPage, AtRiskRow, NodeDetail, RescueView


class NodeLevers(ABC):
    """``NodesClient`` of an engine in this process."""

    @abstractmethod
    def _need(self) -> Parts:
        """Return the parts of the open engine; raises SyncdeckError when it is not open."""

    async def at_risk(self, nodes: tuple[str, ...] = ()) -> tuple[AtRiskRow, ...]:
        """Return what would be lost with each node, worst first."""
        return await self._need().nodes.at_risk(nodes)

    async def at_risk_entries(self, node: str, offset: int, count: int) -> AtRiskPage:
        """Return what only this node holds."""
        return await self._need().nodes.at_risk_entries(node, offset, count)

    async def node_detail(self, node: str) -> NodeDetail:
        """Return one node in full."""
        return await self._need().nodes.node_detail(node)

    async def drain_preview(self, node: str) -> SyncPreview:
        """Return what a drain would move, and what it could not."""
        return await self._need().nodes.drain_preview(node)

    async def drain(self, node: str) -> ActionResult:
        """Move everything off a node that the rules want kept, and take nothing new there."""
        result = await self._need().nodes.drain(node)
        self._need().board.touch()
        return result

    async def drain_cancel(self, node: str) -> ActionResult:
        """Stop draining; what was copied stays."""
        result = await self._need().nodes.drain_cancel(node)
        self._need().board.touch()
        return result

    async def rescues(self) -> tuple[RescueView, ...]:
        """Return emergencies and drains that run, and the last ones that ended."""
        return await self._need().nodes.list_rescues()
